"""What a look means on the way back: whether it is possible, under way, or done."""

from rollout.core.change_plan import StatusPlan, SwapPlan, updates
from rollout.core.event import Finding, Observed, ServiceFact
from rollout.core.operation import Mode, RollbackMode
from rollout.core.phase import Applying, Beginning, Ready, Reverting, RollingBack, Settling, Suspending, Walking
from rollout.core.service import ServiceRollout
from rollout.core.shows import as_before, foreign, may_be_ours, ours, settled, suspended
from rollout.core.sight_update import begun, clear_to_walk, walk_settled
from rollout.core.snapshot import ChangeInFlight, Snapshot, sighting
from rollout.core.way_back import revert_source


def restore(state: ServiceRollout, phase: RollingBack, earlier: Snapshot | None, seen: Snapshot) -> ServiceFact | None:
    """Judge a look while going back by the platform's Rollback; `earlier` is the look before it."""
    if not phase.settling and _reconfigured(state, seen):
        return foreign(seen, "somebody changed the configuration over our update")
    if seen.change is None and as_before(state, seen):
        twice = earlier is not None and _restored(state, earlier) and _restored(state, seen)
        return Observed(Finding.RESTORED, "the old release runs everywhere", sighting(seen)) if twice else None
    if phase.leg is not None:
        return _walked_back(phase.leg, earlier, seen)
    if phase.settling:
        return _turned(state, seen)
    if state.taking_over and seen.change is not None:
        return None if seen.locked else Observed(Finding.CLEAR, "an update is in progress", sighting(seen))
    if seen.change is None and (ours(state, seen) or state.taking_over):
        if seen.locked:
            return None
        return Observed(Finding.NO_WAY_BACK, "the update is complete, so its Rollback is gone", sighting(seen))
    if seen.change is None or not (ours(state, seen) or as_before(state, seen)):
        return foreign(seen, "another change has taken the place of ours")
    theirs = not may_be_ours(state, seen) or _walks_itself(state, seen.change)
    if seen.locked or theirs or _to_be_completed(state, seen.change):
        return None  # locked, somebody else's (whose label may not show yet), or past its Rollback
    return Observed(Finding.CLEAR, "our update is still in progress", sighting(seen))


def _reconfigured(state: ServiceRollout, seen: Snapshot) -> bool:
    """Tell whether our update was taken away by a configuration: the old Label, and not the old configuration."""
    shown = state.mark_seen and not state.taking_over and as_before(state, seen)
    return shown and state.before is not None and seen.key != state.before.key


def _walks_itself(state: ServiceRollout, change: ChangeInFlight) -> bool:
    """Tell whether the platform walks what is in progress, where it was to be walked by us."""
    update = updates(state.plan.change)
    return update is not None and update.mode is Mode.MANUAL and not change.manual


def _to_be_completed(state: ServiceRollout, change: ChangeInFlight) -> bool:
    """Tell whether the update has to be waited for: its Rollback is gone, and what takes it back needs it complete."""
    update = updates(state.plan.change)
    at_once = update is not None and update.mode is Mode.SIMULTANEOUS
    gone = at_once or (change.during and change.domain == state.domain_count - 1)
    return gone and (isinstance(state.plan.change, SwapPlan) or revert_source(state) is not None)


def _restored(state: ServiceRollout, seen: Snapshot) -> bool:
    return settled(seen) and as_before(state, seen)


def _turned(state: ServiceRollout, seen: Snapshot) -> ServiceFact | None:
    """Judge whether a Rollback with Mode=Manual waits to be walked."""
    change = seen.change
    if state.plan.rollback.mode is not RollbackMode.MANUAL or change is None or seen.locked:
        return None
    if not change.manual or change.during:
        return None
    return Observed(Finding.TURNED, f"domain {change.domain} is the first to be walked back", sighting(seen))


def _walked_back(leg: Ready | Walking | Settling, earlier: Snapshot | None, seen: Snapshot) -> ServiceFact | None:
    change = seen.change
    if change is None or not change.manual:
        return foreign(seen, "another change has taken the place of the rollback")
    match leg:
        case Ready() if not change.during and not seen.locked:
            return Observed(Finding.CLEAR, f"domain {change.domain} is next on the way back", sighting(seen))
        case Settling(domain=domain):
            if earlier is None or not (_past(earlier, domain) and _past(seen, domain)):
                return None
            return Observed(Finding.SETTLED, f"domain {domain} runs the old release", sighting(seen))
        case _:
            return None


def _past(seen: Snapshot, domain: int) -> bool:
    return seen.change is not None and seen.change.domain > domain and not seen.locked and seen.domain_ready(domain)


def restored_by_revert(
    state: ServiceRollout, phase: Reverting, earlier: Snapshot | None, seen: Snapshot
) -> ServiceFact | None:
    """Judge a look while a new change takes the old one back."""
    match phase.leg:
        case Applying(call=None) as leg:
            return _status_back(state, leg, earlier, seen)
        case Beginning(call=None):
            return _before_revert(state, earlier, seen)
        case Beginning():
            return begun(state, seen)
        case Ready(domain=domain) if domain < state.domain_count:
            return clear_to_walk(state, seen, domain)
        case Ready():
            return _reverted(state, earlier, seen)
        case Settling(domain=domain):
            return walk_settled(state, earlier, seen, domain)
        case _:
            return None


def _before_revert(state: ServiceRollout, earlier: Snapshot | None, seen: Snapshot) -> ServiceFact | None:
    if seen.change is not None:
        return foreign(seen, "somebody began another change before our revert")
    if as_before(state, seen):
        twice = earlier is not None and _restored(state, earlier) and _restored(state, seen)
        return Observed(Finding.RESTORED, "the old release runs everywhere", sighting(seen)) if twice else None
    if not ours(state, seen):
        return foreign(seen, "another release has taken the place of ours")
    return (
        None
        if seen.locked
        else Observed(Finding.CLEAR, "our update is complete and nothing is under way", sighting(seen))
    )


def _reverted(state: ServiceRollout, earlier: Snapshot | None, seen: Snapshot) -> ServiceFact | None:
    if seen.change is not None or not ours(state, seen):
        return foreign(seen, "another change has taken the place of our revert")
    if earlier is None or not (settled(earlier) and settled(seen)):
        return None
    return Observed(Finding.RESTORED, "the old release runs everywhere, by a new update", sighting(seen))


def _status_back(state: ServiceRollout, leg: Applying, earlier: Snapshot | None, seen: Snapshot) -> ServiceFact | None:
    stopped = isinstance(state.plan.change, StatusPlan) and state.plan.change.running
    if stopped and not leg.settling and seen.change is not None:
        return foreign(seen, "somebody began a change before our suspension, which would stop it")
    done = suspended if stopped else settled
    if earlier is not None and done(earlier) and done(seen):
        return Observed(Finding.RESTORED, f"the deployment shows {seen.status} again", sighting(seen))
    if leg.settling or seen.locked or done(seen):
        return None
    return Observed(Finding.CLEAR, f"the deployment shows {seen.status}", sighting(seen))


def suspended_at_last(phase: Suspending, earlier: Snapshot | None, seen: Snapshot) -> ServiceFact | None:
    """Judge a look while the deployment is being suspended."""
    if earlier is not None and suspended(earlier) and suspended(seen):
        return Observed(Finding.RESTORED, "the deployment is suspended", sighting(seen))
    if phase.settling or seen.locked or suspended(seen):
        return None
    return Observed(Finding.CLEAR, f"the deployment shows {seen.status}", sighting(seen))
