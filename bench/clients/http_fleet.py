"""A fleet over HTTP: the engine as `rollout run` puts it together, against an emulator in another process."""

import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from bench.child import Reading
from bench.clients import fleets
from bench.clients.direct_fleet import checked
from bench.clients.order import Order, run
from bench.usage import cpu_s, peak_rss_bytes, rss_bytes
from rollout.assembly import assembled
from rollout.policy.load import load_policy


class Fleet(msgspec.Struct, frozen=True):
    """One measurement; the emulator holds at least so many services."""

    services: int
    folder: str
    endpoint: str
    gate_ms: int


def measure(given: dict[str, Any]) -> Reading:
    """Roll out to every service."""
    fleet = msgspec.convert(given, Fleet)
    return run(Order("", loop="uvloop"), lambda: _measure(fleet))


async def _measure(fleet: Fleet) -> Reading:
    with tempfile.TemporaryDirectory(prefix="bench-fleet-", dir=fleet.folder) as name:
        folder = Path(name)
        before, used_s, began_s = rss_bytes(), cpu_s(), time.monotonic()
        bundle = load_policy(fleets.documents(folder / "documents", fleet.services, fleet.gate_ms))
        compiled_s = time.monotonic() - began_s
        async with assembled(fleets.settings(fleet.endpoint, folder / "state")) as assembly:
            rollout = await assembly.admit(bundle)
            result = await assembly.engine.run(rollout)
            entries = await assembly.journal.verify()
        took_s, used_s = time.monotonic() - began_s, cpu_s() - used_s
        return checked(result, fleet.services) | {
            "services_per_s": fleet.services / took_s,
            "cpu_ms_per_service": 1e3 * used_s / fleet.services,
            "bytes_per_service": (peak_rss_bytes() - before) / fleet.services,
            "rss": float(peak_rss_bytes()),
            "entries_per_service": entries / fleet.services,
            "seconds": took_s,
            "compile_s": compiled_s,
        }
