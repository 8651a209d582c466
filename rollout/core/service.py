"""The state of one service rollout: where it is, what it knows, and what holds it.

A phase is a frozen value that carries only what is true in it. Only `evolve` makes new states.
"""

import msgspec

from rollout.core.ending import Claim, Outcome
from rollout.core.event import Evidence, HoldReason, Verdict
from rollout.core.names import POLICY, StreamName, Target
from rollout.core.operation import Operation, Walk
from rollout.core.outcome import Handle
from rollout.core.plan import ServicePlan
from rollout.core.snapshot import Before


class Call(msgspec.Struct, frozen=True):
    """One intent and what became of it. `handle` None = no answer recorded yet."""

    number: int
    operation: Operation
    intended_t: float
    quarantine_s: float
    handle: Handle | None = None
    accepted_t: float = 0.0


class Step(msgspec.Struct, frozen=True):
    """One thing being attempted: its limit, and what its earlier tries taught."""

    began_t: float
    not_before_t: float = 0.0
    """A refused call waits until then before it is intended anew."""
    refusals: int = 0
    throttled: int = 0
    """How many of these refusals only said `too many`: they speak of the subscription, not of this service."""
    losses: int = 0
    """Tries after which nobody knew; bounded by `LOST_REPEATS_MAX`."""
    last_error: str = ""


class Gate(msgspec.Struct, frozen=True):
    """Health over time, in engine seconds. Time without evidence is added to every mark, so clocks stand still."""

    began_t: float
    verdict: Verdict | None = None
    """The last known one; missing evidence does not change it."""
    since_t: float = 0.0
    """Since when the verdict has been the same."""
    blind_since_t: float | None = None
    evidence: tuple[Evidence, ...] = ()


# --- phases, in the order of the way forward ---


class Queued(msgspec.Struct, frozen=True, tag="queued"):
    """Waits for admission."""


class Preflight(msgspec.Struct, frozen=True, tag="preflight"):
    """Is looked at before anything is touched."""

    step: Step


class Beginning(msgspec.Struct, frozen=True, tag="beginning"):
    """The change is being started; `call` None = not asked for yet. `cleared_t` as in Ready."""

    step: Step
    cleared_t: float | None = None
    call: Call | None = None


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """`domain` is next. `cleared_t` is when a look last showed that nothing speaks against it."""

    domain: int
    step: Step
    cleared_t: float | None = None


class Walking(msgspec.Struct, frozen=True, tag="walking"):
    """`domain` is being updated."""

    domain: int
    step: Step
    call: Call


class Settling(msgspec.Struct, frozen=True, tag="settling"):
    """The walk is done or no longer tracked; the deployment has to show it."""

    domain: int
    step: Step


class Checking(msgspec.Struct, frozen=True, tag="checking"):
    """The gate after `domain`."""

    domain: int
    step: Step
    gate: Gate


class Baking(msgspec.Struct, frozen=True, tag="baking"):
    """A longer wait under watch before `domain`, the last one."""

    domain: int
    gate: Gate


Forward = Queued | Preflight | Beginning | Ready | Walking | Settling | Checking | Baking


class Reconciling(msgspec.Struct, frozen=True, tag="reconciling"):
    """The answer to `call` is missing or unclear: look, then decide.

    No mutation before `quarantine_until_t`, for the request may still be in flight. `rejected` is the platform's own
    text where it said no.
    """

    step: Step
    call: Call
    quarantine_until_t: float
    rejected: str | None = None


class RollingBack(msgspec.Struct, frozen=True, tag="rolling_back"):
    """The platform's Rollback. `call` None = not asked for yet; `settling` = done, to be seen; `restored` = seen."""

    step: Step
    call: Call | None = None
    cleared_t: float | None = None
    settling: bool = False
    restored: bool = False


class HeldForPerson(msgspec.Struct, frozen=True, tag="held"):
    """Failed, and stays as it is until a person speaks. `was` is what was given up, and what a retry takes up again."""

    reason: str
    was: "Forward | Reconciling | RollingBack"


class ForeignChange(msgspec.Struct, frozen=True, tag="taken_over"):
    """Somebody else's change is on the deployment. `was` is what was given up, and what a retry takes up again."""

    detail: str
    was: "Forward | Reconciling | RollingBack"


class NeedsOperator(msgspec.Struct, frozen=True, tag="needs_operator"):
    """Only a person can tell what is true. `was` is what was given up, and what a retry takes up again."""

    reason: str
    was: "Forward | Reconciling | RollingBack"


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """This attempt is over."""

    outcome: Outcome
    who: str
    reason: str


Phase = Forward | Reconciling | RollingBack | HeldForPerson | ForeignChange | NeedsOperator | Ended


def domain_of(phase: Phase) -> int | None:
    """Give the domain a phase is about, if it is about one."""
    match phase:
        case Ready() | Walking() | Settling() | Checking() | Baking():
            return phase.domain
        case Reconciling(call=Call(operation=Walk(domain=domain))):
            return domain
        case _:
            return None


def call_of(phase: Phase) -> Call | None:
    """Give the call a phase waits for, if it waits for one."""
    match phase:
        case Beginning() | Walking() | RollingBack():
            return phase.call
        case _:
            return None


class Hold(msgspec.Struct, frozen=True):
    """A named reason not to go forward."""

    reason: HoldReason
    who: str
    note: str
    since_t: float
    until_wall: float | None = None


class Stop(msgspec.Struct, frozen=True):
    """A person's word: no new call in either direction."""

    who: str
    note: str
    since_t: float


class Resolution(msgspec.Struct, frozen=True):
    """What a person says the service has come to. `seen` is what the deployment showed, once that lets it count."""

    claim: Claim
    who: str
    note: str
    force: bool
    since_t: float
    seen: str | None = None


class ServiceRollout(msgspec.Struct, frozen=True):
    """Everything that is known about one attempt at one service."""

    stream: StreamName
    version: int
    plan: ServicePlan
    attempt: int
    phase: Phase
    phase_since_t: float
    calls: int = 0
    """Intents so far; the last one's number."""
    before: Before | None = None
    token: str | None = None
    """The mark our change carries in the Label, once a begin has been intended."""
    label_seen: bool = False
    """The deployment has shown that mark; from then on the old Label means that the change is being taken back."""
    walked: tuple[int, ...] = ()
    """Domains whose walk was accepted or may have been."""
    red_accepted: tuple[int, ...] = ()
    """Walked domains that a person went past although a check was red; they hold nobody up any more."""
    started_t: float | None = None
    """Since when progress time counts: admission."""
    paused_s: float = 0.0
    """Time spent under words, over and done, which progress time leaves out."""
    withheld_since_t: float | None = None
    """Since when a hold or a stop, of whatever name, has kept the way forward closed without a break."""
    holds: tuple[Hold, ...] = ()
    stop: Stop | None = None
    failure: str | None = None
    """What went wrong, once something did; from then on the way forward is closed."""
    turned_back: bool = False
    turned_by: str = POLICY
    """Who wanted it to go back."""
    taking_over: bool = False
    """A person wants even somebody else's change taken back."""
    resolution: Resolution | None = None
    doubt: str | None = None
    """What spoke against a person's claim."""
    no_way_back: str | None = None
    """Why the platform's Rollback cannot be used any more."""
    blind: str | None = None
    blind_since_t: float | None = None
    """Why nobody can look, while a limit waits for a look."""

    @property
    def target(self) -> Target:
        """The deployment, by name as soon as the name is known."""
        if self.before is None:
            return self.plan.target
        return msgspec.structs.replace(self.plan.target, deployment=self.before.deployment)

    @property
    def domain_count(self) -> int:
        """How many upgrade domains there are; 0 before the first look."""
        return self.before.domain_count if self.before else 0

    @property
    def ended(self) -> Ended | None:
        """The ending, if there is one."""
        return self.phase if isinstance(self.phase, Ended) else None
