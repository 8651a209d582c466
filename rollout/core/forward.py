"""What the way forward needs next: preflight, copy, begin, walk after walk, swap; each in the words people read."""

from rollout.core import change_event, event
from rollout.core.action import LookAtDeployment, Prepare, Submit, Wait
from rollout.core.baseline import next_of_baseline
from rollout.core.change_plan import ConfigurePlan, SwapPlan, UpgradePlan, updates
from rollout.core.ending import Outcome
from rollout.core.errand import errand
from rollout.core.gate_next import next_of_bake, next_of_gate
from rollout.core.names import POLICY, Digest, Now, Slot
from rollout.core.next import Next, before_call, polls, record, watch, withheld
from rollout.core.operation import Operation, Walk, describe
from rollout.core.operations import call_of_change, copy_of_old, start_of, swap_of
from rollout.core.phase import (
    Applying,
    Baking,
    Beginning,
    Capturing,
    Checking,
    Forward,
    Preflight,
    Queued,
    Ready,
    Settling,
    SwapBaking,
    Swapping,
    Walking,
)
from rollout.core.prepare import Order
from rollout.core.service import ServiceRollout
from rollout.core.stages import at_target, needs_preparing, needs_survey, waits_at, walks_itself


def next_forward(state: ServiceRollout, phase: Forward, now: Now) -> Next:
    """Give what is needed next on the way forward."""
    match phase:
        case Queued():
            if state.holds or state.stop is not None:
                return withheld(state, "its wave")
            return Next(Wait(None), "queued until its wave has room")
        case Preflight():
            return _preflight(state, now)
        case Beginning():
            return _begin(state, phase, now)
        case Ready():
            return _ready(state, phase, now)
        case Walking(domain=domain, call=call):
            return watch(state, now, f"walks domain {domain}", *polls(call))
        case Settling(domain=domain):
            what = "the deployment" if walks_itself(state) else f"domain {domain}"
            return watch(state, now, f"waits for {what} to settle", LookAtDeployment())
        case Checking():
            return next_of_gate(state, phase, now)
        case Baking() | SwapBaking():
            return next_of_bake(state, phase, now)
        case Capturing() | Applying() | Swapping():
            return _errand(state, phase, now)


def _preflight(state: ServiceRollout, now: Now) -> Next:
    if needs_survey(state):
        return watch(
            state, now, "is looked at in production, before anything is touched", LookAtDeployment(Slot.PRODUCTION)
        )
    if state.before is None and not state.vacant:
        return watch(state, now, "is looked at before anything is touched", LookAtDeployment())
    if (there := at_target(state)) is not None:
        return record(event.Closed(Outcome.UNCHANGED, POLICY, there), f"unchanged: {there}")
    if needs_preparing(state):
        return Next(Prepare(_order(state)), "has its documents made ready, before anything is touched")
    return next_of_baseline(state, now)


def _order(state: ServiceRollout) -> Order:
    update, before = updates(state.plan.change), state.before
    settings = update.settings if isinstance(update, ConfigurePlan) else {}
    keeps = update is not None and update.keep_counts
    return Order(
        deployed=None if before is None else before.configuration,
        wanted=None if update is None else update.configuration,
        counts=before.instance_counts if keeps and before is not None else {},
        settings=settings,
        container=None if before is None else state.plan.rollback.capture,
        private_id="" if before is None else before.private_id,
        packages=_packages(state),
    )


def _packages(state: ServiceRollout) -> tuple[Digest, ...]:
    update = updates(state.plan.change)
    if not isinstance(update, UpgradePlan) or not update.check_package:
        return ()
    given = state.plan.rollback.package
    return (update.package,) if given is None else (update.package, given)


def _begin(state: ServiceRollout, phase: Beginning, now: Now) -> Next:
    operation = start_of(state)
    what = describe(operation)
    if poll := polls(phase.call):
        look = () if walks_itself(state) else (LookAtDeployment(),)
        return watch(state, now, f"begins the {what}", *poll, *look)
    if state.holds or state.stop is not None:
        return withheld(state, "beginning")
    if (first := before_call(state, phase.step, phase.cleared_t, now, what)) is not None:
        return first
    return Next(Submit(operation, going_back=False), f"begins the {what}")


def _ready(state: ServiceRollout, phase: Ready, now: Now) -> Next:
    domain = phase.domain
    if domain >= state.domain_count and state.swapped and phase.cleared_t is None:
        return watch(state, now, "looks whether production still runs it", LookAtDeployment(Slot.PRODUCTION))
    if domain >= state.domain_count:
        return _complete(state)
    if state.holds or state.stop is not None:
        return withheld(state, f"domain {domain}")
    if (first := before_call(state, phase.step, phase.cleared_t, now, f"walk of domain {domain}")) is not None:
        return first
    return Next(Submit(Walk(domain), going_back=False), f"walks domain {domain}")


def _complete(state: ServiceRollout) -> Next:
    change, count = state.plan.change, state.domain_count
    if isinstance(change, SwapPlan) and not state.swapped:
        return record(
            change_event.Staged(f"all {count} domains of staging run the new release"), "is ready for the swap"
        )
    if isinstance(change, SwapPlan):
        reason = "production runs what was in staging"
    elif updates(change) is not None:
        reason = f"all {count} domains run the new {'release' if isinstance(change, UpgradePlan) else 'configuration'}"
    else:
        reason = f"the {describe(call_of_change(state))} is done"
    return record(event.Closed(Outcome.SUCCEEDED, POLICY, reason), f"succeeded: {reason}")


def _errand(state: ServiceRollout, phase: Capturing | Applying | Swapping, now: Now) -> Next:
    if (barrier := waits_at(state)) is not None:
        if state.holds or state.stop is not None:
            return withheld(state, "the swap")
        return Next(Wait(None), f"waits until the others of its {barrier} are upgraded, before the swap")
    operation: Operation
    match phase:
        case Capturing():
            operation, before = copy_of_old(state), "the copy of the old package"
        case Swapping():
            operation, before = swap_of(state), "the swap"
        case _:
            operation, before = call_of_change(state), "the change"
    return errand(state, phase, Submit(operation, going_back=False), now, before)
