"""Documents that a change needs: kept before the entry that names them, and made by the platform that can read them."""

from rollout.core.change_event import Deployed, Prepared, Rescaled, Surveyed
from rollout.core.event import Preflighted, ServiceFact, Unfit
from rollout.core.prepare import Drawn, Order
from rollout.core.snapshot import Before, Look, Snapshot
from rollout.engine.kit import Kit


async def keep_documents(kit: Kit, fact: ServiceFact, seen: Look | None) -> None:
    """Store the configuration that a fact names by its digest; durable before the fact is."""
    before = _before(fact)
    if before is None or before.configuration is None or seen is None:
        return
    if isinstance(seen.observation, Snapshot):
        await kit.ledger.keep(seen.observation.configuration)


def _before(fact: ServiceFact) -> Before | None:
    match fact:
        case Preflighted(before=before) | Deployed(before=before) | Rescaled(before=before):
            return before
        case Surveyed(production=production):
            return production
        case _:
            return None


async def prepared(kit: Kit, order: Order) -> Prepared | Unfit:
    """Have the platform make what the change sends, and store it."""
    made = await kit.platform.prepare(order)
    if not isinstance(made, Drawn):
        return Unfit(made.reason)
    document = await kit.ledger.keep(made.document)
    captured = None if made.captured is None else await kit.ledger.keep(made.captured)
    return Prepared(document, made.key, captured)
