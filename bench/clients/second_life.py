"""Recovers a fleet that `first_life` left in flight: how long until every service in flight has been asked about."""

import asyncio
import pickle
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.child import Reading
from bench.clients import fleets
from bench.clients.first_life import CROSSING_S, JOURNAL, SERVICE, Life
from bench.clients.order import Order, run
from bench.usage import cpu_s, peak_rss_bytes
from rollout.core.names import RolloutId
from rollout.core.operation import Operation
from rollout.errors import InvariantBroken
from rollout.journal.sqlite import SqliteJournal
from rollout.simulation.direct import DirectPlatform
from rollout.simulation.wire import SteadyWire, Wire

T = TypeVar("T")

ROLLOUT = RolloutId("bench")


class Watched:
    """A wire that notes about which services a question was answered, and when that was so of all of them."""

    def __init__(self, wire: Wire, services: int) -> None:
        self.answered_s: dict[str, float] = {}
        self.calls = 0
        """Calls that change something: after a kill in the middle of walks there is none."""
        self.whole = asyncio.Event()
        self._wire = wire
        self._services = services

    async def reach(self, service: str, operation: Operation | None) -> None:
        """Reach the service."""
        await self._wire.reach(service, operation)

    async def exchange(self, service: str, operation: Operation | None, deliver: Callable[[], T]) -> T:
        """Exchange, and note it."""
        answer = await self._wire.exchange(service, operation, deliver)
        if operation is not None:
            self.calls += 1
        self.answered_s.setdefault(service, time.monotonic())
        if len(self.answered_s) == self._services:
            self.whole.set()
        return answer


def measure(given: dict[str, Any]) -> Reading:
    """Recover, up to a full round."""
    life = msgspec.convert(given, Life)
    return run(Order("", loop="uvloop"), lambda: _live(life))


async def _live(life: Life) -> Reading:
    folder = Path(life.folder)
    fabric, ids = pickle.loads((folder / SERVICE).read_bytes())  # noqa: S301 - our own file, of a moment ago
    began_s, used_s = time.monotonic(), cpu_s()
    async with SqliteJournal.opened(folder / JOURNAL) as journal:
        wire = Watched(SteadyWire(random.random, *CROSSING_S), life.services)
        platform = DirectPlatform(fabric, journal, wire, ids)
        async with fleets.running(platform, journal, folder) as parts, asyncio.TaskGroup() as group:
            folded_s = time.monotonic() - began_s
            group.create_task(parts.engine.run(ROLLOUT), name="rollout")
            await wire.whole.wait()
            round_s = max(wire.answered_s.values()) - began_s
            first_s = min(wire.answered_s.values()) - began_s
            used_s = cpu_s() - used_s
            parts.engine.drain()
    if wire.calls:
        raise InvariantBroken(f"{wire.calls} calls were made again after the kill")
    return {
        "services": life.services,
        "folded_s": folded_s,
        "first_s": first_s,
        "round_s": round_s,
        "cpu_s": used_s,
        "rss": float(peak_rss_bytes()),
    }
