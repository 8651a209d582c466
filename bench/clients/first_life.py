"""Brings a fleet into flight on the direct lane and dies by `kill -9` with every service in the middle of a walk.

The emulated service outlives the engine: it is put on disk the moment before. What it would do next is left out, since
the walks last longer than the second life is watched.
"""

import asyncio
import os
import pickle
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.child import Reading
from bench.clients import fleets
from bench.clients.order import Order, run
from rollout.core.event import Accepted, Intended
from rollout.core.operation import Walk
from rollout.emulator.agenda import Agenda
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.request_ids import RequestIds
from rollout.errors import InvariantBroken
from rollout.journal.journal import Recorded
from rollout.journal.sqlite import SqliteJournal
from rollout.simulation.direct import DirectPlatform
from rollout.simulation.wire import SteadyWire

SERVICE: Final = "service.pickle"
JOURNAL: Final = "journal.sqlite"
CROSSING_S: Final = (0.001, 0.003)


class Life(msgspec.Struct, frozen=True):
    """One life of an engine. `folder` holds what outlives it."""

    services: int
    folder: str


def measure(given: dict[str, Any]) -> Reading:
    """Live and die; nothing is measured and nothing returns."""
    life = msgspec.convert(given, Life)
    return run(Order("", loop="uvloop"), lambda: _live(life))


async def _live(life: Life) -> Reading:
    folder = Path(life.folder)
    # A begin ends at once, and a walk takes the nine minutes that were recorded.
    fabric = Fabric(time.monotonic, Knobs(accept_delay_s=0.0))
    populate(fabric, FleetPlan(services=life.services, domains=fleets.DOMAINS))
    ids = RequestIds(0)
    in_flight = asyncio.Event()
    asked: set[tuple[str, int]] = set()
    walking: set[str] = set()

    def hear(recorded: Sequence[Recorded]) -> None:
        for stream, fact in ((each.entry.stream, each.entry.fact) for each in recorded):
            if isinstance(fact, Intended) and isinstance(fact.operation, Walk):
                asked.add((stream, fact.number))
            elif isinstance(fact, Accepted) and (stream, fact.number) in asked:
                walking.add(stream)
        if len(walking) == life.services:
            in_flight.set()

    async with SqliteJournal.opened(folder / JOURNAL) as journal:
        platform = DirectPlatform(fabric, journal, SteadyWire(random.random, *CROSSING_S), ids)
        documents = fleets.compiled(folder / "documents", life.services)
        async with fleets.running(platform, journal, folder) as parts, asyncio.TaskGroup() as group:
            for payload in documents.payloads:
                await journal.put(payload)
            await parts.engine.open_rollout(documents.plan, documents.services)
            parts.ledger.listen(hear)
            group.create_task(parts.engine.run(documents.plan.rollout), name="rollout")
            await in_flight.wait()
            fabric.now()
            fabric.world.agenda = Agenda(now=fabric.world.now)
            (folder / SERVICE).write_bytes(pickle.dumps((fabric, ids)))
            os.kill(os.getpid(), signal.SIGKILL)
    raise InvariantBroken("a killed engine lived on")
