"""A fleet on the direct lane: engine, journal and emulated service in one process, on a real loop and a real disk.

What the emulated service itself takes is in the CPU, and out of the memory: that is counted from when it stands.
"""

import random
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.child import Reading
from bench.clients import fleets
from bench.clients.order import Order, run
from bench.usage import cpu_s, peak_rss_bytes, rss_bytes
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.request_ids import RequestIds
from rollout.errors import InvariantBroken
from rollout.journal.sqlite import SqliteJournal
from rollout.simulation.direct import DirectPlatform
from rollout.simulation.wire import SteadyWire

CROSSING_S: Final = (0.001, 0.003)
"""The wire's time each way."""


class Fleet(msgspec.Struct, frozen=True):
    """One measurement."""

    services: int
    folder: str
    """On the disk that the journal is to lie on."""
    time_scale: float
    gate_ms: int


def measure(given: dict[str, Any]) -> Reading:
    """Roll out to every service."""
    fleet = msgspec.convert(given, Fleet)
    return run(Order("", loop="uvloop"), lambda: _measure(fleet))


async def _measure(fleet: Fleet) -> Reading:
    with tempfile.TemporaryDirectory(prefix="bench-fleet-", dir=fleet.folder) as name:
        folder = Path(name)
        fabric = Fabric(time.monotonic, Knobs(time_scale=fleet.time_scale))
        populate(fabric, FleetPlan(services=fleet.services, domains=fleets.DOMAINS))
        async with SqliteJournal.opened(folder / "journal.sqlite") as journal:
            wire = SteadyWire(random.random, *CROSSING_S)
            platform = DirectPlatform(fabric, journal, wire, RequestIds(0))
            before, used_s, began_s = rss_bytes(), cpu_s(), time.monotonic()
            documents = fleets.compiled(folder / "documents", fleet.services, fleet.gate_ms)
            async with fleets.running(platform, journal, folder) as parts:
                compiled_s = time.monotonic() - began_s
                for payload in documents.payloads:
                    await journal.put(payload)
                await parts.engine.open_rollout(documents.plan, documents.services)
                result = await parts.engine.run(documents.plan.rollout)
            took_s, used_s = time.monotonic() - began_s, cpu_s() - used_s
            entries = await journal.verify()
            return checked(result, fleet.services) | {
                "services_per_s": fleet.services / took_s,
                "cpu_ms_per_service": 1e3 * used_s / fleet.services,
                "bytes_per_service": (peak_rss_bytes() - before) / fleet.services,
                "rss": float(peak_rss_bytes()),
                "entries_per_service": entries / fleet.services,
                "seconds": took_s,
                "compile_s": compiled_s,
            }


def checked(result: Any, services: int) -> Reading:
    """Refuse to measure a rollout that did not end well."""
    if result is None or result.code:
        raise InvariantBroken(f"the measured rollout did not end well: {result}")
    return {"services": services}
