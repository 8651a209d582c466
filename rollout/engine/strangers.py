"""Says who it was, once a change on the deployment turns out to be somebody else's."""

from msgspec.structs import replace

from rollout.core import event
from rollout.core.names import Now
from rollout.core.service import ServiceRollout
from rollout.engine.kit import Kit
from rollout.platforms.platform import NamesStrangers

SKEW_S = 3600.0
"""How much earlier than our admission is asked about: downtime does not count in engine time."""


async def named(kit: Kit, state: ServiceRollout, fact: event.TakenOver, now: Now) -> event.TakenOver:
    """Add whose operations the platform lists on the deployment; without an answer the fact stays as it is.

    One listing of bounded length, asked outside the pacer: a take-over is rare, and somebody waits to hear of it.
    """
    if not isinstance(kit.platform, NamesStrangers):
        return fact
    ours = frozenset(
        recorded.entry.fact.handle.id
        for recorded in await kit.ledger.entries(state.stream)
        if isinstance(recorded.entry.fact, event.Accepted)
    )
    began_t = state.phase_since_t if state.started_t is None else state.started_t
    said = await kit.platform.strangers(state.target, now.wall - (now.t - began_t) - SKEW_S, ours)
    return replace(fact, detail=f"{fact.detail}; {said}") if said else fact
