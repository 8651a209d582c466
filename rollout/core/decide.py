"""What is needed next: the ONE action, and why, from the state alone.

Actions are derived, never stored: a crash loses nothing, because recovery is fold, then decide. Precedence: a person's
stop, a dangling intent, going back, failure, holds, then the way forward. `explain` speaks from the same branches.
"""

from rollout.core import event
from rollout.core.action import Action, LookAtDeployment, Record, Wait
from rollout.core.back import next_back
from rollout.core.change_plan import InstancePlan, Reaction, SwapPlan
from rollout.core.claim import pending
from rollout.core.ending import Outcome
from rollout.core.forward import next_forward
from rollout.core.names import ENGINE, POLICY, Now, Slot
from rollout.core.next import FRESH_S, LOST_REPEATS_MAX, Next, for_person, record, watch
from rollout.core.operation import describe
from rollout.core.phase import (
    Back,
    Ended,
    ForeignChange,
    Forward,
    HeldForPerson,
    NeedsOperator,
    Preflight,
    Reconciling,
    call_of,
)
from rollout.core.plan import OnFailure
from rollout.core.service import Resolution, ServiceRollout
from rollout.core.slots import slot_to_see

__all__ = ["FRESH_S", "LOST_REPEATS_MAX", "consider", "decide"]


def decide(state: ServiceRollout, now: Now) -> Action | None:
    """Give the one action needed next; None = this attempt has ended."""
    return consider(state, now).action


def consider(state: ServiceRollout, now: Now) -> Next:
    """Give the one action needed next together with the words for it."""
    phase = state.phase
    if isinstance(phase, Ended):
        return Next(None, f"ended as {phase.outcome}: {phase.reason}")
    call = call_of(phase)
    if call is not None and call.handle is None:
        lost = event.Lost(call.number, "the engine ended before an answer was recorded")
        return Next(Record(lost), f"the answer to the {describe(call.operation)} is missing")
    if (claimed := pending(state, now.t)) is not None:
        return _resolve(state, claimed, now)
    doubt = f"; {state.doubt}" if state.doubt is not None else ""
    match phase:
        case HeldForPerson(reason=reason):
            return for_person(f"held: {reason}{doubt}")
        case ForeignChange(detail=detail) if _is_left(state):
            left = f"left to whoever took it over: {detail}"
            return record(event.Closed(Outcome.EXCLUDED, POLICY, left), left)
        case ForeignChange(detail=detail):
            return for_person(f"taken over by somebody else's change: {detail}{doubt}")
        case NeedsOperator(reason=reason):
            return for_person(f"needs an operator: {reason}{doubt}")
        case Reconciling():
            return _reconcile(state, phase, now)
        case _ if isinstance(phase, Back):
            return next_back(state, phase, now)
        case _:
            return _forward(state, phase, now)


def _forward(state: ServiceRollout, phase: Forward, now: Now) -> Next:
    if state.failure is None or state.turned_back:  # going back waits here until a call under way has ended
        return next_forward(state, phase, now)
    return _failed(state, state.failure)


def _is_left(state: ServiceRollout) -> bool:
    """Tell whether the policy leaves the deployment to whoever changed it, unless a person wants it back."""
    by_person = state.turned_back and state.turned_by != POLICY
    return state.plan.foreign.upgrade is Reaction.TOLERATE and not by_person


def _failed(state: ServiceRollout, failure: str) -> Next:
    if isinstance(state.phase, Preflight):
        return record(event.Closed(Outcome.SKIPPED, ENGINE, failure), f"skipped, nothing was touched: {failure}")
    if not state.begun:
        return record(event.Closed(Outcome.FAILED, POLICY, failure), f"failed, nothing was changed: {failure}")
    if state.plan.on_failure is OnFailure.HOLD or isinstance(state.plan.change, InstancePlan):
        return record(event.HeldOnFailure(failure), f"holds where it is: {failure}")
    if state.plan.on_failure is OnFailure.SUSPEND:
        return record(event.TurnedBack(failure, suspend=True), f"is suspended, an outage: {failure}")
    return record(event.TurnedBack(failure), f"goes back: {failure}")


def _resolve(state: ServiceRollout, claimed: Resolution, now: Now) -> Next:
    said = f"{claimed.who} says it is {claimed.claim} ({claimed.note})"
    if claimed.seen is None:
        look = LookAtDeployment(Slot.PRODUCTION if isinstance(state.plan.change, SwapPlan) else None)
        return watch(state, now, f"looks at the deployment, for {said}", look)
    reason = f"{said}; seen: {claimed.seen}"
    return record(event.Closed(Outcome.RESOLVED, claimed.who, reason), f"resolved: {reason}")


def _reconcile(state: ServiceRollout, phase: Reconciling, now: Now) -> Next:
    what = describe(phase.call.operation)
    if now.t < phase.quarantine_until_t:
        doing = f"waits until the {what} whose answer was lost can no longer be in flight ({phase.step.last_error})"
        return Next(Wait(phase.quarantine_until_t), doing, phase.quarantine_until_t, "looks at the deployment")
    said = f"it was refused: {phase.rejected}" if phase.rejected is not None else "its answer was lost"
    look = LookAtDeployment(slot_to_see(phase))
    return watch(state, now, f"looks whether the {what} took effect, for {said}", look)
