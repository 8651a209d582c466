"""What a snapshot shows, in the few terms that several judgements share."""

from rollout.core.event import TakenOver
from rollout.core.service import ServiceRollout
from rollout.core.snapshot import Activity, Snapshot, sighting


def ours(state: ServiceRollout, seen: Snapshot) -> bool:
    """Tell whether the deployment carries the mark of our change."""
    return state.token is not None and seen.release.endswith(state.token)


def as_before(state: ServiceRollout, seen: Snapshot) -> bool:
    """Tell whether the deployment carries the label it had before our change."""
    return state.before is not None and seen.release == state.before.release


def may_be_ours(state: ServiceRollout, seen: Snapshot) -> bool:
    """Tell whether an update in progress can be our way forward.

    The label may change only with the first walk, or at the end; but once ours has been seen, the old one under an
    update in progress means that somebody takes our change back (wire-facts §10).
    """
    return ours(state, seen) or (as_before(state, seen) and not state.label_seen)


def settled(seen: Snapshot) -> bool:
    """Nothing is under way: no change, no lock, Running exactly, every instance ready.

    None of these signs suffices alone: recorded deployments had ready instances while in transition, and the reverse.
    """
    return seen.change is None and not seen.locked and seen.activity is Activity.RUNNING and seen.all_ready


def foreign(seen: Snapshot, why: str) -> TakenOver:
    """Say that somebody else is at work, and what the deployment is called now."""
    return TakenOver(f"{why}; the deployment is labelled {seen.release!r} and shows {seen.status}", sighting(seen))
