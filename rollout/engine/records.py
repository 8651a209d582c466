"""What our own records say of services: which release the last attempt left running on each."""

from collections.abc import Collection, Mapping

from rollout.core.change_event import Installed
from rollout.core.installed import installed
from rollout.core.names import ServiceName, parse_service_stream
from rollout.engine.streams import RolloutLedger


async def what_runs(ledger: RolloutLedger, services: Collection[ServiceName]) -> Mapping[ServiceName, Installed]:
    """Find what the newest attempt that has ended left running, or knew of before, service by service.

    Each attempt was told what those before it had left. So one is looked at for each service, however long the history.
    """
    found: dict[ServiceName, Installed] = {}
    seen: set[ServiceName] = set()
    for stream in reversed(ledger.ended_services()):
        _, service, _ = parse_service_stream(stream)
        if service not in services or service in seen:
            continue
        seen.add(service)
        state = await ledger.look_up(stream)
        if state is not None and (runs := installed(state) or state.known) is not None:
            found[service] = runs
        if len(seen) == len(services):
            break
    return found
