"""What a snapshot shows, in the few terms that several judgements share."""

from rollout.core.event import TakenOver
from rollout.core.mark import carries, shows_before
from rollout.core.service import ServiceRollout
from rollout.core.snapshot import Activity, Snapshot, sighting


def ours(state: ServiceRollout, seen: Snapshot) -> bool:
    """Tell whether the deployment carries the mark of our change; of the revert, while one is under way."""
    return state.mark is not None and carries(seen, state.mark)


def as_before(state: ServiceRollout, seen: Snapshot) -> bool:
    """Tell whether the deployment shows what it showed before our change."""
    return state.before is not None and shows_before(seen, state.before, state.mark)


def may_be_ours(state: ServiceRollout, seen: Snapshot) -> bool:
    """Tell whether an update in progress can be our change.

    What it is known by may show only with the first walk, or at the end; but once ours has been seen, the old one under
    an update in progress means that somebody takes our change back (wire-facts §10).
    """
    return ours(state, seen) or (not state.mark_seen and _as_replaced(state, seen))


def _as_replaced(state: ServiceRollout, seen: Snapshot) -> bool:
    return as_before(state, seen) if state.former is None else carries(seen, state.former)


def settled(seen: Snapshot) -> bool:
    """Nothing is under way: no change, no lock, Running exactly, every instance ready.

    None of these signs suffices alone: recorded deployments had ready instances while in transition, and the reverse.
    """
    return seen.change is None and not seen.locked and seen.activity is Activity.RUNNING and seen.all_ready


def suspended(seen: Snapshot) -> bool:
    """Nothing runs, and nothing is on its way; an update in progress may stand still meanwhile."""
    if seen.locked:
        return False
    return seen.activity is (Activity.SUSPENDED if seen.change is None else Activity.SUSPENDED_CHANGING)


def foreign(seen: Snapshot, why: str) -> TakenOver:
    """Say that somebody else is at work, and what the deployment is called now."""
    return TakenOver(f"{why}; the deployment is labelled {seen.release!r} and shows {seen.status}", sighting(seen))
