"""What a look means where a service rollout stands: which judgement is asked, phase by phase."""

from rollout.core import change_event, event
from rollout.core.event import Finding, Observed, ServiceFact
from rollout.core.names import Now
from rollout.core.phase import (
    Applying,
    Beginning,
    Capturing,
    Preflight,
    Ready,
    Reconciling,
    Reverting,
    RollingBack,
    Settling,
    Suspending,
    Swapping,
    SwappingBack,
)
from rollout.core.reconcile import reconcile
from rollout.core.restore import restore, restored_by_revert, suspended_at_last
from rollout.core.service import ServiceRollout
from rollout.core.shows import foreign, ours, settled
from rollout.core.sight_before import before_of, preflight, still_untouched
from rollout.core.sight_swap import staging_seen, still_swapped, swap_seen
from rollout.core.sight_update import begun, clear_to_walk, walk_settled
from rollout.core.sight_word import word_heard
from rollout.core.slots import staging_due
from rollout.core.snapshot import Absent, Snapshot, sighting

Seen = Snapshot | Absent


def judge(state: ServiceRollout, earlier: Seen | None, seen: Seen, now: Now) -> ServiceFact | None:
    """Judge a look; `earlier` is the one before it, for what must show twice. None = nothing to say yet."""
    phase = state.phase
    match phase:
        case Preflight():
            return preflight(state, seen, now)
        case Swapping() if staging_due(phase):
            return staging_seen(state, seen)
        case Swapping() | SwappingBack():
            return swap_seen(state, phase, earlier, seen) if phase.call is None else None
        case Ready() if state.swapped:
            return still_swapped(state, seen)
        case Reconciling():
            return reconcile(state, phase, seen)
        case Applying() if state.vacant:
            return _created(state, phase, earlier, seen)
    if isinstance(seen, Absent):
        return event.TakenOver(f"the deployment is gone: {seen.detail}")
    return _of_deployment(state, earlier if isinstance(earlier, Snapshot) else None, seen)


def _of_deployment(state: ServiceRollout, earlier: Snapshot | None, seen: Snapshot) -> ServiceFact | None:
    match state.phase:
        case Beginning(call=None) | Capturing(call=None):
            return still_untouched(state, seen)
        case Beginning():
            return begun(state, seen)
        case Ready(domain=domain):
            return clear_to_walk(state, seen, domain)
        case Settling(domain=domain):
            return walk_settled(state, earlier, seen, domain)
        case Applying(call=None) as phase:
            return word_heard(state.plan.change, phase.settling, earlier, seen)
        case RollingBack(call=None) as phase:
            return restore(state, phase, earlier, seen)
        case Reverting() as phase:
            return restored_by_revert(state, phase, earlier, seen)
        case Suspending(call=None) as phase:
            return suspended_at_last(phase, earlier, seen)
        case _:
            return None


def _created(state: ServiceRollout, phase: Applying, earlier: Seen | None, seen: Seen) -> ServiceFact | None:
    """Judge a look into the staging slot, in which our deployment is created."""
    if phase.call is not None:
        return None
    if isinstance(seen, Absent):
        return None if phase.settling else Observed(Finding.CLEAR, f"staging is empty: {seen.detail}")
    if not ours(state, seen):
        return foreign(seen, "somebody created another deployment in staging")
    if not (isinstance(earlier, Snapshot) and settled(earlier) and settled(seen) and seen.domain_count > 0):
        return None
    return change_event.Deployed(before_of(seen), sighting(seen))
