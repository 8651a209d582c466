"""A person's claim held against the deployment: what has to be seen for `resolve --as` to count. Pure."""

from rollout.core.change_plan import ConfigurePlan, InstancePlan, StatusPlan, SwapPlan, UpgradePlan
from rollout.core.deadline import deadline
from rollout.core.ending import Claim
from rollout.core.outcome import Unreachable
from rollout.core.phase import Reconciling
from rollout.core.service import Resolution, ServiceRollout
from rollout.core.shows import as_before, ours, settled, suspended
from rollout.core.snapshot import Absent, Look, Snapshot, sighting
from rollout.core.stages import stands
from rollout.core.word_event import Witnessed


def pending(state: ServiceRollout, now_t: float) -> Resolution | None:
    """Give the claim whose turn it is: a request that may still be in flight could make any claim untrue."""
    if isinstance(state.phase, Reconciling) and now_t < state.phase.quarantine_until_t:
        return None
    return state.resolution


def witness(state: ServiceRollout, claimed: Resolution, look: Look) -> Witnessed | None:
    """Hold a look against the claim; None = nobody could look, and there is time to look again."""
    seen = look.observation
    if isinstance(seen, Unreachable):
        if look.now.t < deadline(state, look.now.t).t:
            return None
        return Witnessed(agrees=False, detail=f"nobody could look at the deployment: {seen.detail}", blind=True)
    if isinstance(seen, Absent):
        return Witnessed(agrees=claimed.claim is Claim.LEFT, detail=f"the deployment is gone: {seen.detail}")
    return Witnessed(_agrees(state, claimed.claim, seen), _showing(seen), sighting(seen))


def _agrees(state: ServiceRollout, claim: Claim, seen: Snapshot) -> bool:
    match claim:
        case Claim.SUCCEEDED:
            return _succeeded(state, seen)
        case Claim.ROLLED_BACK | Claim.FAILED:
            return _as_before(state, seen)
        case Claim.LEFT:
            return True


def _succeeded(state: ServiceRollout, seen: Snapshot) -> bool:
    match state.plan.change:
        case SwapPlan():
            return settled(seen) and seen.deployment == stands(state.before)
        case StatusPlan(running=False):
            return suspended(seen)
        case StatusPlan() | InstancePlan():
            return settled(seen)
        case UpgradePlan() | ConfigurePlan():
            return settled(seen) and state.former is None and ours(state, seen)


def _as_before(state: ServiceRollout, seen: Snapshot) -> bool:
    match state.plan.change:
        case SwapPlan():
            return settled(seen) and seen.deployment == stands(state.production)
        case StatusPlan(running=running):
            return settled(seen) if not running else suspended(seen)
        case UpgradePlan() | ConfigurePlan() | InstancePlan():
            reverted = state.former is not None and ours(state, seen)
            return settled(seen) and (reverted or as_before(state, seen))


def _showing(seen: Snapshot) -> str:
    under_way = "an update is in progress" if seen.change is not None else "no update is in progress"
    ready = sum(instance.ready for instance in seen.instances)
    locked = ", locked" if seen.locked else ""
    return (
        f"the deployment is labelled {seen.release!r} and shows {seen.status}{locked}, {under_way}, "
        f"{ready} of {len(seen.instances)} instances ready"
    )
