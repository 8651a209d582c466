"""Looks at every deployment of a plan, some at once, each at the subscription's pace. Nothing is changed."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from rollout.core.change_event import Installed
from rollout.core.change_plan import ConfigurePlan, updates
from rollout.core.names import Digest, ServiceName, digest_of
from rollout.core.outcome import Unreachable
from rollout.core.plan import ServicePlan
from rollout.core.prepare import Order, Unfeasible
from rollout.core.snapshot import Snapshot
from rollout.engine.eyes import tell_pacer
from rollout.engine.pacer import Kind, Lane, Pacer
from rollout.errors import EndpointUnreachable
from rollout.planning.sighted import Sight
from rollout.platforms.classic import draw
from rollout.platforms.platform import Platform

LOOKS_AT_ONCE: Final = 8
TRIES_MAX: Final = 10
"""For one service; then the whole look is given up, for a part is not the fleet."""


class Shelf:
    """The payloads of a plan, held in memory: what operations name by digest."""

    def __init__(self, payloads: tuple[bytes, ...]) -> None:
        self._payloads = {digest_of(each): each for each in payloads}

    async def payload(self, digest: Digest) -> bytes:
        """Give the bytes behind a digest."""
        return self._payloads[digest]

    def put(self, payload: bytes) -> Digest:
        """Keep a payload, and give its digest."""
        digest = digest_of(payload)
        self._payloads[digest] = payload
        return digest


class Looker:
    """Looks once at each service. `looked` is called after each."""

    def __init__(self, platform: Platform, pacer: Pacer, shelf: Shelf, looked: Callable[[], None]) -> None:
        self._platform = platform
        self._pacer = pacer
        self._shelf = shelf
        self._looked = looked
        self._room = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def look_at_all(
        self, plans: tuple[ServicePlan, ...], known: Mapping[ServiceName, Installed]
    ) -> dict[ServiceName, Sight]:
        """Look at all of them. Raises EndpointUnreachable where one cannot be looked at."""
        async with asyncio.TaskGroup() as group:
            tasks = {
                plan.service: group.create_task(self._look(plan, known.get(plan.service)), name=f"look {plan.service}")
                for plan in plans
            }
        return {service: task.result() for service, task in tasks.items()}

    async def _look(self, plan: ServicePlan, known: Installed | None) -> Sight:
        async with self._room:
            scope, said = self._platform.write_scope(plan.target), ""
            for _ in range(TRIES_MAX):
                await self._pacer.permit(scope, Kind.READ, Lane.LISTING)
                asked_t = self._pacer.now_t()
                seen = await self._platform.observe(plan.target)
                tell_pacer(self._pacer, scope, asked_t, seen)
                if not isinstance(seen, Unreachable):
                    self._looked()
                    return await with_key(plan, Sight(seen, known=known), self._shelf)
                said = seen.detail
            raise EndpointUnreachable(f"{plan.service} cannot be looked at, {TRIES_MAX} times in a row: {said}")


async def with_key(plan: ServicePlan, sight: Sight, shelf: Shelf) -> Sight:
    """Make the configuration of a `configure` as the engine would, to see whether it is there already."""
    update, seen = updates(plan.change), sight.seen
    if not isinstance(update, ConfigurePlan) or not isinstance(seen, Snapshot):
        return sight
    order = Order(
        deployed=shelf.put(seen.configuration) if seen.configuration else None,
        wanted=update.configuration,
        counts=seen.instance_counts() if update.keep_counts else {},
        settings=update.settings,
    )
    made = draw.draw(order, {digest: await shelf.payload(digest) for digest in draw.payloads_of(order)})
    if isinstance(made, Unfeasible):
        return Sight(seen, known=sight.known, unfeasible=made.reason)
    return Sight(seen, key=made.key, known=sight.known)
