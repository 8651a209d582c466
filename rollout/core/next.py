"""What is needed next, with the words for it: the answer that `decide` gives and `explain` speaks from."""

import msgspec

from rollout.core import event
from rollout.core.action import Action, LookAtDeployment, PollOperation, ProbeHealth, Record, Wait, Watch
from rollout.core.deadline import deadline
from rollout.core.names import Now
from rollout.core.phase import Back, Call, Reconciling, Step
from rollout.core.service import ServiceRollout
from rollout.core.slots import slot_to_see

FRESH_S = 30.0
"""Before a call the last look is no older than this."""
LOST_REPEATS_MAX = 3
"""A call whose answer was lost, and which was then seen not to be applied, is repeated this often."""


class Next(msgspec.Struct, frozen=True):
    """What is needed next (None = the attempt has ended), and the words for it."""

    action: Action | None
    doing: str
    """What is going on, as the continuation of "<service>: "."""
    until_t: float | None = None
    """When something happens by itself at the latest, in engine seconds."""
    then: str = ""
    """What that is."""


def watch(
    state: ServiceRollout,
    now: Now,
    doing: str,
    *sources: PollOperation | LookAtDeployment | ProbeHealth,
    due_t: float | None = None,
    then: str = "",
) -> Next:
    """Watch until `due_t` or the nearest limit, whichever comes first."""
    limit = deadline(state, now.t)
    if state.blind is not None:
        doing = f"{doing}; {limit.name} has passed, but there is no evidence: {state.blind}"
    if due_t is not None and due_t < limit.t:
        return Next(Watch(sources, due_t), doing, due_t, then)
    end = "needs an operator" if isinstance(state.phase, Reconciling | Back) else "gives up"
    return Next(Watch(sources, limit.t), doing, limit.t, f"{end} ({limit.name})")


def record(fact: event.ServiceFact, doing: str) -> Next:
    """Write this fact down."""
    return Next(Record(fact), doing)


def for_person(doing: str) -> Next:
    """Wait for somebody's word."""
    return Next(Wait(None), f"{doing}; waits for a person")


def escalate(reason: str) -> Next:
    """Have a person find out what is true."""
    return record(event.Escalated(reason), f"needs an operator: {reason}")


def withheld(state: ServiceRollout, before_what: str) -> Next:
    """Wait, and say whose word keeps it from what comes next."""
    if state.stop is not None:
        return for_person(f"stopped before {before_what} by {state.stop.who}: {state.stop.note}")
    said = "; ".join(f"{hold.reason} by {hold.who}: {hold.note}" for hold in state.holds)
    return Next(Wait(None), f"held before {before_what} ({said})")


def because(state: ServiceRollout) -> str:
    """Give why it goes back, in brackets after what it does for that."""
    return f" ({state.failure or 'asked for'})"


def polls(call: Call | None) -> tuple[PollOperation, ...]:
    """Give the question about a call's operation, where there is one."""
    return () if call is None or call.handle is None else (PollOperation(call.number, call.handle),)


def before_call(state: ServiceRollout, step: Step, cleared_t: float | None, now: Now, what: str) -> Next | None:
    """Say what has to be before a call that nobody withholds: an end to repeats, a pause, a look. None = make it."""
    if step.losses > LOST_REPEATS_MAX:
        return escalate(f"the {what} was lost {step.losses} times")
    if now.t < step.not_before_t:
        return Next(
            Wait(step.not_before_t), f"the {what} was not taken ({step.last_error})", step.not_before_t, "asks again"
        )
    if cleared_t is None or now.t > cleared_t + FRESH_S:
        return watch(state, now, f"looks before the {what}", LookAtDeployment(slot_to_see(state.phase)))
    return None
