"""Writers of the product's journal: so many at once, each waiting until its entry is durable before the next one."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from bench.child import Reading
from bench.clients.histogram import Histogram
from bench.usage import cpu_s
from rollout.core.event import Entry, Succeeded
from rollout.core.names import ENGINE, Now, RolloutId, ServiceName, service_stream
from rollout.journal.sqlite import SqliteJournal

WAIT_S_MAX = 5.0
"""Longer waits are counted as this long."""


class Writing(msgspec.Struct, frozen=True):
    """One measurement. `folder` lies on the disk that is measured."""

    folder: str
    writers: int
    warm_s: float
    window_s: float


def measure(given: dict[str, Any]) -> Reading:
    """Append as ordered."""
    return asyncio.run(_measure(msgspec.convert(given, Writing)))


async def _measure(order: Writing) -> Reading:
    over = False
    waits = Histogram(WAIT_S_MAX)
    with tempfile.TemporaryDirectory(prefix="bench-journal-", dir=order.folder) as folder:
        async with SqliteJournal.opened(Path(folder) / "journal.sqlite") as journal, asyncio.TaskGroup() as group:

            async def write(number: int) -> None:
                stream, version = service_stream(RolloutId("bench"), ServiceName(f"svc-{number:04}"), 1), 0
                while not over:
                    version += 1
                    began_s = time.monotonic()
                    await journal.append([Entry(stream, version, Now(began_s, 0.0), ENGINE, Succeeded(version))])
                    waits.add(time.monotonic() - began_s)

            for number in range(order.writers):
                group.create_task(write(number), name=f"writer {number}")
            await asyncio.sleep(order.warm_s)
            waits = Histogram(WAIT_S_MAX)
            used_s, began_s = cpu_s(), time.monotonic()
            await asyncio.sleep(order.window_s)
            used_s, took_s, entries = cpu_s() - used_s, time.monotonic() - began_s, waits.total
            reading = {
                "entries_per_s": entries / took_s,
                "us_per_entry": 1e6 * used_s / entries if entries else float("nan"),
                "wait_p50_s": waits.percentile(0.5),
                "wait_p99_s": waits.percentile(0.99),
            }
            over = True
    return reading
