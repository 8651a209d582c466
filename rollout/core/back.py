"""What going back needs next: Rollback while it exists, a revert once it is gone, a swap back, or a suspension."""

from msgspec.structs import replace

from rollout.core import change_event, event
from rollout.core.action import LookAtDeployment, Submit
from rollout.core.change_plan import StatusPlan, SwapPlan
from rollout.core.ending import Outcome
from rollout.core.errand import errand
from rollout.core.names import Now
from rollout.core.next import Next, because, before_call, polls, record, watch, withheld
from rollout.core.operation import RollBack, SetStatus, Walk, describe
from rollout.core.operations import revert_of, swap_back_of
from rollout.core.phase import (
    Applying,
    Back,
    Beginning,
    Ready,
    Reverting,
    RollingBack,
    Settling,
    Suspending,
    SwappingBack,
    Walking,
)
from rollout.core.service import ServiceRollout
from rollout.core.way_back import revert_source


def next_back(state: ServiceRollout, phase: Back, now: Now) -> Next:
    """Give what is needed next on the way back."""
    why, who = state.failure or "asked for", state.turned_by
    if phase.restored and isinstance(phase, Suspending):
        return record(event.Closed(Outcome.SUSPENDED, who, why), f"suspended: {why}")
    if phase.restored:
        return record(event.Closed(Outcome.ROLLED_BACK, who, why), f"rolled back: {why}")
    if not state.begun and not state.taking_over:
        return record(event.Closed(Outcome.FAILED, who, why), f"nothing was changed: {why}")
    if isinstance(phase, RollingBack):
        if phase.leg is None:
            return _roll_back(state, phase, now, why)
        return _leg(state, phase.leg, now, f"walks back ({why})")
    if state.no_way_back is not None:
        return _nowhere(why, state.no_way_back)
    match phase:
        case Reverting(leg=leg):
            return _leg(state, leg, now, f"reverts ({why})")
        case SwappingBack():
            return errand(state, phase, Submit(swap_back_of(state), going_back=True), now, "the swap back")
        case Suspending():
            submit = Submit(SetStatus(running=False), going_back=True)
            return errand(state, phase, submit, now, "the suspension")


def _roll_back(state: ServiceRollout, phase: RollingBack, now: Now, why: str) -> Next:
    staged = isinstance(state.plan.change, SwapPlan) and state.no_way_back is not None and state.complete
    if state.vacant or staged:
        said = f"{why}; production was never touched, and staging keeps what it has"
        return record(event.Closed(Outcome.ROLLED_BACK, state.turned_by, said), f"rolled back: {said}")
    if state.no_way_back is not None:
        source = revert_source(state)
        if source is None or state.taking_over or not state.complete:
            return _nowhere(why, state.no_way_back)
        begun = change_event.RevertBegun(f"{why}; {state.no_way_back}", source.shown)
        return record(begun, f"goes back by a revert to {source.shown}, for {state.no_way_back} ({why})")
    if poll := polls(phase.call):
        return watch(state, now, f"rolls back ({why})", *poll)
    if phase.settling:
        return watch(state, now, f"waits until the old release runs everywhere again ({why})", LookAtDeployment())
    if state.stop is not None:
        return withheld(state, "the rollback")
    if (first := before_call(state, phase.step, phase.cleared_t, now, "rollback")) is not None:
        return replace(first, doing=f"{first.doing}{because(state)}")
    operation = RollBack(state.plan.rollback.mode)
    return Next(Submit(operation, going_back=True), f"asks for the rollback ({why})")


def _nowhere(why: str, no_way_back: str) -> Next:
    reason = f"{why}; it cannot go back: {no_way_back}"
    return record(event.HeldOnFailure(reason), f"holds where it is: {reason}")


def _leg(state: ServiceRollout, leg: Beginning | Ready | Walking | Settling | Applying, now: Now, doing: str) -> Next:
    match leg:
        case Walking(domain=domain, call=call):
            return watch(state, now, f"{doing}: domain {domain}", *polls(call))
        case Settling(domain=domain):
            return watch(state, now, f"{doing}: waits for domain {domain} to settle", LookAtDeployment())
        case Beginning():
            return _revert(state, leg, now, doing)
        case Ready(domain=domain) if domain >= state.domain_count:
            return watch(state, now, f"{doing}: waits until the old release runs everywhere again", LookAtDeployment())
        case Ready(domain=domain):
            return _call(state, leg, Submit(Walk(domain), going_back=True), now, doing)
        case Applying():
            running = isinstance(state.plan.change, StatusPlan) and not state.plan.change.running
            return errand(state, leg, Submit(SetStatus(running), going_back=True), now, "the way back")


def _revert(state: ServiceRollout, leg: Beginning, now: Now, doing: str) -> Next:
    if poll := polls(leg.call):
        return watch(state, now, doing, *poll, LookAtDeployment())
    return _call(state, leg, Submit(revert_of(state), going_back=True), now, doing)


def _call(state: ServiceRollout, leg: Beginning | Ready, submit: Submit, now: Now, doing: str) -> Next:
    what = describe(submit.operation)
    if state.stop is not None:
        return withheld(state, f"the {what} back")
    if (first := before_call(state, leg.step, leg.cleared_t, now, f"{what} back")) is not None:
        return replace(first, doing=f"{first.doing}{because(state)}")
    return Next(submit, f"{doing}: asks for the {what}")
