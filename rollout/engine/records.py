"""What our own records say of services: which release the last attempt left running on each."""

from collections.abc import Collection, Mapping

from rollout.core.change_event import Installed
from rollout.core.installed import installed
from rollout.core.names import ServiceName, parse_service_stream
from rollout.engine.streams import RolloutLedger


async def what_runs(ledger: RolloutLedger, services: Collection[ServiceName]) -> Mapping[ServiceName, Installed]:
    """Find what the newest attempt left running that left anything, service by service."""
    found: dict[ServiceName, Installed] = {}
    for stream in reversed(ledger.ended_services()):
        _, service, _ = parse_service_stream(stream)
        if service not in services or service in found:
            continue
        state = await ledger.recall(stream)
        if state is not None and (runs := installed(state)) is not None:
            found[service] = runs
    return found
