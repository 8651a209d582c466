"""What a look means on the way back: whether Rollback is possible, under way, or done."""

from rollout.core.event import Finding, Observed, ServiceFact
from rollout.core.phase import RollingBack
from rollout.core.service import ServiceRollout
from rollout.core.shows import as_before, foreign, may_be_ours, ours, settled
from rollout.core.snapshot import Snapshot, sighting


def restore(state: ServiceRollout, phase: RollingBack, earlier: Snapshot | None, seen: Snapshot) -> ServiceFact | None:
    """Judge a look while going back; `earlier` is the look before it."""
    if seen.change is None and as_before(state, seen):
        twice = earlier is not None and _restored(state, earlier) and _restored(state, seen)
        return Observed(Finding.RESTORED, "the old release runs everywhere", sighting(seen)) if twice else None
    if phase.settling:
        return None
    if state.taking_over and seen.change is not None:
        return None if seen.locked else Observed(Finding.CLEAR, "an update is in progress", sighting(seen))
    if seen.change is None and (ours(state, seen) or state.taking_over):
        if seen.locked:
            return None
        return Observed(Finding.NO_WAY_BACK, "the update is complete, so its Rollback is gone", sighting(seen))
    if seen.change is None or not (ours(state, seen) or as_before(state, seen)):
        return foreign(seen, "another change has taken the place of ours")
    if seen.locked or not may_be_ours(state, seen):
        return None  # locked, or on its way back already
    return Observed(Finding.CLEAR, "our update is still in progress", sighting(seen))


def _restored(state: ServiceRollout, seen: Snapshot) -> bool:
    return settled(seen) and as_before(state, seen)
