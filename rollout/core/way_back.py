"""Which way back a service rollout has, and from where on it has none."""

from rollout.core.phase import (
    Checking,
    Ended,
    HeldForPerson,
    NeedsOperator,
    Preflight,
    Queued,
    Ready,
    Settling,
    Walking,
)
from rollout.core.service import ServiceRollout


def way_back(state: ServiceRollout) -> str:
    """Say it for people."""
    if isinstance(state.phase, Ended):
        return "none, it has ended"
    if isinstance(state.phase, Queued | Preflight):
        return "nothing was touched"
    gone = past_return(state)
    return f"none: {gone}" if gone is not None else "rollback while in progress, none after the last domain"


def past_return(state: ServiceRollout) -> str | None:
    """Say why Rollback is known to be gone: the last walk was accepted, and did not fail."""
    phase = state.phase.was if isinstance(state.phase, HeldForPerson | NeedsOperator) else state.phase
    count = state.domain_count
    if state.no_way_back is not None:
        return f"it cannot go back: {state.no_way_back}"
    match phase:
        case Walking(domain=domain, call=call) if domain == count - 1 and call.handle is not None:
            return "the last domain's walk was accepted, and the platform's Rollback went with it"
        case Settling(domain=domain) | Checking(domain=domain) if domain == count - 1:
            return "the last domain was walked, and the platform's Rollback went with it"
        case Ready(domain=domain) if 0 < count <= domain:
            return "every domain was walked, and the platform's Rollback went with the last"
        case _:
            return None
