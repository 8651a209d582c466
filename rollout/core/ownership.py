"""Whose a service is while a rollout is open: nobody else acts on it, unless its owner stands still there. Pure."""

from rollout.core.cells import goes_back
from rollout.core.explain import explain
from rollout.core.names import Now, RolloutId, parse_service_stream
from rollout.core.phase import Ended, ForeignChange, HeldForPerson, NeedsOperator, Queued, Reconciling, call_of
from rollout.core.service import ServiceRollout


def objection(state: ServiceRollout, named: RolloutId | None, now: Now) -> str | None:
    """Say why somebody else may not act on the service of an open rollout; None = nothing speaks against it.

    `named` is the rollout that was named along with the service, by who knows that it is in one.
    """
    owner, service, _ = parse_service_stream(state.stream)
    if isinstance(state.phase, Ended):
        return None
    if named != owner:
        instead = f"Where it stands still, name it as {owner}/{service}"
        return f"{service} belongs to rollout {owner}, which is open: {explain(state, now)}. {instead}"
    if stands_still(state):
        return None
    verb = "stop" if goes_back(state) else "pause"
    return f"rollout {owner} is at work on {service}: {explain(state, now)}. First: rollout {verb} {owner}/{service}"


def stands_still(state: ServiceRollout) -> bool:
    """Tell whether nothing of ours is under way, and nothing begins before a person speaks."""
    if isinstance(state.phase, Queued | HeldForPerson | NeedsOperator | ForeignChange):
        return True
    if isinstance(state.phase, Reconciling) or call_of(state.phase) is not None:
        return False
    return state.stop is not None or (bool(state.holds) and not goes_back(state))
