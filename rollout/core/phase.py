"""Where a service rollout can be: each phase is a frozen value that carries only what is true in it."""

import msgspec

from rollout.core.ending import Outcome
from rollout.core.event import Evidence, Verdict
from rollout.core.operation import Operation, Walk
from rollout.core.outcome import Handle


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
