"""Look at a subscription's cloud services and what runs in their slots, at the pace of every other question."""

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from rollout.core.names import ServiceName, Slot
from rollout.core.outcome import Unreachable
from rollout.core.snapshot import Absent, Snapshot
from rollout.engine.clock import EngineClock
from rollout.engine.pacer import Kind, Lane, Pacer
from rollout.errors import EndpointUnreachable
from rollout.platforms.classic.client import ClassicClient
from rollout.platforms.classic.decode_service import CloudService
from rollout.platforms.classic.opening import opened_client
from rollout.platforms.classic.preflight import knock
from rollout.platforms.classic.requests.service import GetService, ListServices
from rollout.settings import RunSettings
from rollout.tuning import paces

LOOKS_AT_ONCE: Final = 8
THROTTLES_MAX: Final = 10
"""In a row for one service; then the survey gives up instead of waiting for ever."""


class Found(msgspec.Struct, frozen=True):
    """One cloud service."""

    name: str
    place: str
    slots: Mapping[Slot, Snapshot]
    """What runs in each slot that is not empty."""


class Survey(msgspec.Struct, frozen=True):
    """A subscription's services, in the order the API lists them."""

    names: tuple[str, ...]
    found: Mapping[str, Found]
    """Those that were looked at, by their name in small letters."""


async def survey(settings: RunSettings, subscription: str, only: Collection[ServiceName] | None = None) -> Survey:
    """List all services and look into `only` these, or all. Raises EndpointUnreachable: a part is not the whole."""
    await knock(settings, subscription)
    wanted = None if only is None else {name.lower() for name in only}
    async with opened_client(settings) as client:
        names = await _names(client, subscription)
        looks = _Looks(client, subscription, Pacer(EngineClock.on_running_loop(0.0, time.time), *paces(settings)))
        chosen = [name for name in names if wanted is None or name.lower() in wanted]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(looks.look(name), name=f"look-{name}") for name in chosen]
    found = [task.result() for task in tasks]
    return Survey(tuple(names), {each.name.lower(): each for each in found if each is not None})


async def _names(client: ClassicClient, subscription: str) -> list[str]:
    names: list[str] = []
    async for page in client.services(ListServices(subscription=subscription)):
        if isinstance(page, Unreachable | Absent):
            raise EndpointUnreachable(f"the cloud services of {subscription} cannot be listed: {page.detail}")
        names += [service.name for service in page]
    return names


class _Looks:
    """Looks at services, some at once, each look paced."""

    def __init__(self, client: ClassicClient, subscription: str, pacer: Pacer) -> None:
        self._client = client
        self._subscription = subscription
        self._pacer = pacer
        self._room = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def look(self, name: str) -> Found | None:
        """Look into both slots; None = it has gone since it was listed."""
        async with self._room:
            for _ in range(THROTTLES_MAX):
                await self._pacer.permit(self._subscription, Kind.READ, Lane.LISTING)
                call = GetService(subscription=self._subscription, service=name, detail=True)
                seen = await self._client.service(call)
                if isinstance(seen, Unreachable) and seen.throttled:
                    self._pacer.throttled(self._subscription, Kind.READ, seen.retry_after_s)
                    continue
                if isinstance(seen, Unreachable):
                    raise EndpointUnreachable(f"cloud service {name} cannot be looked at: {seen.detail}")
                return None if isinstance(seen, Absent) else _found(seen)
        raise EndpointUnreachable(f"cloud service {name} cannot be looked at: throttled {THROTTLES_MAX} times in a row")


def _found(service: CloudService) -> Found:
    slots = {each.slot.lower(): each.snapshot for each in service.deployments or ()}
    return Found(service.name, service.place, {slot: slots[slot] for slot in Slot if slot in slots})
