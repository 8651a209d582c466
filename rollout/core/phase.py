"""Where a service rollout can be: each phase is a frozen value that carries only what is true in it.

Some phases do one thing after another, and some wrap what is being done: going back is made of the same steps as the
way forward. `doing` gives the step itself, `within` puts it back.
"""

import msgspec
from msgspec.structs import replace

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


# --- steps of an update, in the order of the way forward ---


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


# --- errands: one call, and what has to be seen after it ---


class Errand(msgspec.Struct, frozen=True):
    """What phases have in common that make one call and wait until the deployment shows its effect twice.

    `call` None = not asked for yet, or no longer tracked; `settling` = done, to be seen. `cleared_t` as in Ready.
    """

    step: Step
    call: Call | None = None
    cleared_t: float | None = None
    settling: bool = False


class Capturing(Errand, frozen=True, tag="capturing"):
    """The platform copies the old package, for a revert."""


class Applying(Errand, frozen=True, tag="applying"):
    """The one call of a change that has no domains to walk: a status, a word to an instance, a new deployment."""


class Swapping(Errand, frozen=True, tag="swapping"):
    """Production and staging change places; before that both are looked at in turn, staging for `whole_t` first."""

    whole_t: float | None = None
    production_next: bool = False


class SwapBaking(msgspec.Struct, frozen=True, tag="swap_baking"):
    """The wait under watch after the swap; `domain` is the last, for all are judged together."""

    domain: int
    gate: Gate


Forward = (
    Queued
    | Preflight
    | Capturing
    | Beginning
    | Ready
    | Walking
    | Settling
    | Checking
    | Baking
    | Applying
    | Swapping
    | SwapBaking
)
Leg = Beginning | Ready | Walking | Settling | Applying
"""What a way back can be made of, besides an errand of its own."""


# --- the ways back ---


class RollingBack(Errand, frozen=True, tag="rolling_back"):
    """The platform's Rollback. `leg` = walked back domain by domain; `restored` = seen to be as before."""

    leg: Ready | Walking | Settling | None = None
    restored: bool = False


class Reverting(msgspec.Struct, frozen=True, tag="reverting"):
    """A new change back to what was. `restored` = seen to be so."""

    leg: Leg
    restored: bool = False


class SwappingBack(Errand, frozen=True, tag="swapping_back"):
    """Production and staging change places again. `restored` = seen to have."""

    restored: bool = False


class Suspending(Errand, frozen=True, tag="suspending"):
    """The deployment is being suspended, as the policy wants after a failure. `restored` = seen to be."""

    restored: bool = False


Back = RollingBack | Reverting | SwappingBack | Suspending
AnyErrand = Capturing | Applying | Swapping | RollingBack | SwappingBack | Suspending


# --- beside the way ---


class Reconciling(msgspec.Struct, frozen=True, tag="reconciling"):
    """The answer to `call` is missing or unclear: look, then decide.

    No mutation before `quarantine_until_t`, for the request may still be in flight. `rejected` is the platform's own
    text where it said no. `of` is the phase the call was made in.
    """

    step: Step
    call: Call
    quarantine_until_t: float
    of: "Forward | Back"
    rejected: str | None = None


class HeldForPerson(msgspec.Struct, frozen=True, tag="held"):
    """Failed, and stays as it is until a person speaks. `was` is what was given up, and what a retry takes up again."""

    reason: str
    was: "Forward | Reconciling | Back"


class ForeignChange(msgspec.Struct, frozen=True, tag="taken_over"):
    """Somebody else's change is on the deployment. `was` is what was given up, and what a retry takes up again."""

    detail: str
    was: "Forward | Reconciling | Back"


class NeedsOperator(msgspec.Struct, frozen=True, tag="needs_operator"):
    """Only a person can tell what is true. `was` is what was given up, and what a retry takes up again."""

    reason: str
    was: "Forward | Reconciling | Back"


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """This attempt is over."""

    outcome: Outcome
    who: str
    reason: str


Phase = Forward | Back | Reconciling | HeldForPerson | ForeignChange | NeedsOperator | Ended


def doing(phase: Phase) -> Phase:
    """Give the step that is being done: of a wrapping phase what it wraps, else the phase itself."""
    match phase:
        case Reverting(leg=leg):
            return leg
        case RollingBack(leg=leg) if leg is not None:
            return leg
        case _:
            return phase


def within(phase: Phase, step: Phase) -> Phase:
    """Put `step` where `doing(phase)` was."""
    match phase, step:
        case Reverting(), Beginning() | Ready() | Walking() | Settling() | Applying():
            return replace(phase, leg=step)
        case RollingBack(leg=leg), Ready() | Walking() | Settling() if leg is not None:
            return replace(phase, leg=step)
        case _:
            return step


def domain_of(phase: Phase) -> int | None:
    """Give the domain a phase is about, if it is about one."""
    match doing(phase):
        case Ready() | Walking() | Settling() | Checking() | Baking() | SwapBaking() as step:
            return step.domain
        case Reconciling(call=Call(operation=Walk(domain=domain))):
            return domain
        case _:
            return None


def call_of(phase: Phase) -> Call | None:
    """Give the call a phase waits for, if it waits for one."""
    match doing(phase):
        case Beginning() | Walking() | Errand() as step:
            return step.call
        case _:
            return None


def step_of(phase: Phase) -> Step | None:
    """Give the limit and the lessons of what is being done, if it has any."""
    match doing(phase):
        case Queued() | Baking() | SwapBaking() | Reverting():
            return None
        case HeldForPerson() | ForeignChange() | NeedsOperator() | Ended():
            return None
        case step:
            return step.step
