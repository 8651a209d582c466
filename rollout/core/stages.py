"""Which stage of a change comes next: after the preflight, after the last gate, and first on the way back. Pure."""

from msgspec.structs import replace

from rollout.core.change_plan import Barrier, ConfigurePlan, InstancePlan, StatusPlan, SwapPlan, UpgradePlan, updates
from rollout.core.operation import Mode
from rollout.core.phase import (
    Applying,
    Back,
    Baking,
    Beginning,
    Capturing,
    Checking,
    Errand,
    Gate,
    Phase,
    Ready,
    Reverting,
    RollingBack,
    Step,
    Suspending,
    SwapBaking,
    Swapping,
    SwappingBack,
    doing,
)
from rollout.core.service import ServiceRollout
from rollout.core.snapshot import Before


def after_preflight(state: ServiceRollout, t: float, *, looked: bool = True) -> ServiceRollout:
    """Go on from the preflight once it knows all it wants; `Preflight` stays where it does not, or nothing is to do.

    `looked` = the last look is as fresh as a call wants it.
    """
    if needs_preparing(state) or at_target(state) is not None or needs_baseline(state):
        return state
    fresh = Step(began_t=t)
    return replace(state, phase=_first(state, fresh, t if looked else None))


def _first(state: ServiceRollout, fresh: Step, cleared_t: float | None) -> Phase:
    if state.vacant or isinstance(state.plan.change, StatusPlan | InstancePlan):
        return Applying(fresh, cleared_t=cleared_t)
    if updates(state.plan.change) is None:
        return Swapping(fresh)
    return Capturing(fresh) if captures(state) else Beginning(fresh, cleared_t=cleared_t)


def captures(state: ServiceRollout) -> bool:
    """Tell whether the old package is still to be copied before the change."""
    copies = state.prepared is not None and state.prepared.captured is not None
    return copies and not state.captured and not state.vacant


def needs_survey(state: ServiceRollout) -> bool:
    """Tell whether production is still to be looked at, before a swap."""
    return isinstance(state.plan.change, SwapPlan) and not state.surveyed


def needs_preparing(state: ServiceRollout) -> bool:
    """Tell whether documents or packages have to be seen to before anything is touched."""
    if state.prepared is not None or (state.before is None and not state.vacant):
        return False
    update = updates(state.plan.change)
    if isinstance(update, UpgradePlan):
        return update.check_package or (state.plan.rollback.capture is not None and not state.vacant)
    return isinstance(update, ConfigurePlan)


def needs_baseline(state: ServiceRollout) -> bool:
    """Tell whether the checks are still to be asked before anything is touched."""
    return state.before is not None and not state.baselined and bool(state.plan.health.asked_before)


def at_target(state: ServiceRollout) -> str | None:
    """Say why there is nothing to do, by recorded digests and never by a label alone; None = there is."""
    before = state.before
    if before is None or state.begun:
        return None
    match state.plan.change:
        case StatusPlan(running=running) if before.running is running:
            return "it is running" if running else "it is suspended"
        case ConfigurePlan() if state.prepared is not None and state.prepared.key == before.key:
            return "the deployment has that configuration"
        case UpgradePlan(package=package, configuration=configuration, role=None):
            known = state.known
            if known is None or not before.release.endswith(known.token):
                return None
            if (known.package, known.configuration) == (package, configuration):
                return f"it runs that package with that configuration, as {before.release!r} recorded"
        case _:
            pass
    return None


def walks_itself(state: ServiceRollout) -> bool:
    """Tell whether the platform walks the domains, or there are none to walk: then all are judged together."""
    update = updates(state.plan.change)
    return update is None or update.mode is not Mode.MANUAL or state.vacant


def judged(state: ServiceRollout) -> tuple[int, ...]:
    """Give the domains that a gate or a bake asks about."""
    match state.phase:
        case Checking(domain=domain) if not walks_itself(state):
            return (domain,)
        case Baking():
            return state.walked
        case _:
            return tuple(range(state.domain_count))


def bake_s(state: ServiceRollout) -> float:
    """Give how long the bake lasts that the service is in."""
    change = state.plan.change
    if isinstance(state.phase, SwapBaking) and isinstance(change, SwapPlan):
        return change.bake_s
    return state.plan.walk.bake_before_last_s


def after_gate(state: ServiceRollout, following: int, t: float) -> Ready | Baking:
    """Give what comes after a gate: the bake before the last domain, or the next walk."""
    last = following == state.domain_count - 1
    if last and state.plan.walk.bake_before_last_s > 0:
        return Baking(following, Gate(began_t=t))
    return Ready(following, Step(began_t=t))


def after_errand(state: ServiceRollout, t: float) -> ServiceRollout:
    """Go on after a status, a word to an instance or a swap that has been seen to be done."""
    fresh, last = Step(began_t=t), max(state.domain_count - 1, 0)
    match state.phase, state.plan.change:
        case Swapping(), SwapPlan(bake_s=bake_s):
            swapped = replace(state, swapped=True)
            end = Ready(state.domain_count, fresh, cleared_t=t)
            return replace(swapped, phase=SwapBaking(last, Gate(began_t=t)) if bake_s > 0 else end)
        case Applying(), StatusPlan(running=True):
            return replace(state, phase=Checking(last, fresh, Gate(began_t=t)))
        case _:
            return replace(state, phase=Ready(state.domain_count, fresh))


def first_back(state: ServiceRollout, t: float) -> Back:
    """Give the first way back to try from where the service stands."""
    fresh = Step(began_t=t)
    if state.suspends:
        return Suspending(fresh)
    if isinstance(state.plan.change, SwapPlan) and state.acted:
        return SwappingBack(fresh)
    if isinstance(state.plan.change, StatusPlan) and state.acted:
        return Reverting(Applying(fresh))
    return RollingBack(fresh)


def waits_at(state: ServiceRollout) -> Barrier | None:
    """Give the barrier at which a service waits to be let through to its swap."""
    change, phase = state.plan.change, state.phase
    if not isinstance(change, SwapPlan) or change.upgrade is None or change.barrier is Barrier.NONE:
        return None
    asked = not isinstance(phase, Swapping) or phase.call is not None or phase.settling
    return None if asked or state.barrier_open or state.failure is not None else change.barrier


def stands(before: Before | None) -> str | None:
    """Name a deployment, if there is one."""
    return None if before is None else before.deployment


def never_asked(phase: Phase) -> bool:
    """Tell whether the call that is next has never been tried: whatever passes until then is waiting, not work."""
    match doing(phase):
        case Beginning(call=None, step=step) | Ready(step=step) | Errand(call=None, settling=False, step=step):
            return step.refusals == 0 and step.losses == 0
        case _:
            return False
