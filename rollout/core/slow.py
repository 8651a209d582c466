"""Half of a limit gone: said once in each phase, so that nobody learns of a slow service only when it fails."""

from rollout.core.change_event import Slow
from rollout.core.deadline import deadline
from rollout.core.names import Now
from rollout.core.service import ServiceRollout

HALF = 0.5


def slow_t(state: ServiceRollout, now: Now) -> float:
    """Give when half of the nearest limit is gone, in engine seconds; infinity = said already, or no limit counts."""
    limit = deadline(state, now.t)
    if state.slow or limit.t == float("inf"):
        return float("inf")
    return limit.since_t + HALF * (limit.t - limit.since_t)


def slow(state: ServiceRollout, now: Now) -> Slow | None:
    """Say that half of the limit has passed, if it has; past the whole there is more to say."""
    limit = deadline(state, now.t)
    if not slow_t(state, now) <= now.t < limit.t:
        return None
    return Slow(type(state.phase).__name__, limit.name, limit.t - now.t)
