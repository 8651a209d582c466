"""One attempt at a service, as the history of its releases tells it. Pure."""

from typing import Any

from rollout.core.mark import without_token
from rollout.core.names import Now
from rollout.core.service import ServiceRollout
from rollout.views.service import release_after
from rollout.views.view import GOOD, phase_name


def attempt_row(state: ServiceRollout, now: Now) -> dict[str, Any]:
    """Give which release runs after it, which was wanted, and how far it came; `since` is POSIX seconds."""
    before = without_token(state.before.release) if state.before else None
    wanted = release_after(state)
    return {
        "service": state.plan.service,
        "subscription": state.plan.target.subscription,
        "slot": state.plan.target.slot.value,
        "release": wanted or before if state.ended is not None and state.ended.outcome in GOOD else before,
        "wanted": wanted,
        "rollout": state.plan.rollout,
        "attempt": state.attempt,
        "stream": state.stream,
        "phase": phase_name(state.phase),
        "outcome": None if state.ended is None else state.ended.outcome.value,
        "since": round(now.wall - (now.t - state.phase_since_t), 3),
    }
