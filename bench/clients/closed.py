"""The closed loop: so many questions in flight, each asked anew once it is answered. CPU per poll, nothing else."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from bench.child import Reading
from bench.clients.order import Order
from bench.ids import NEVER_NS, operation_id
from bench.usage import cpu_s, peak_rss_bytes

WAIT_S_MAX: Final = 30.0
"""A machine so busy that a window saw no poll at all gets so much longer for the first one."""
LOOK_S: Final = 0.05

Poll = Callable[[str], Awaitable[str | None]]
"""Asks about one operation; None = no good poll."""


class Tally:
    """Counts polls between two moments."""

    def __init__(self) -> None:
        self.good = 0
        self.bad = 0
        self._began = (0, 0, 0.0, 0.0)

    def count(self, status: str | None) -> None:
        """Count one poll: good where the body was read and id and status were decided."""
        if status is None:
            self.bad += 1
        else:
            self.good += 1

    def begin(self) -> None:
        """Begin the window."""
        self._began = (self.good, self.bad, cpu_s(), time.monotonic())

    @property
    def waits(self) -> bool:
        """Whether the window has seen no good poll yet, and still may."""
        return self.good == self._began[0] and time.monotonic() < self._began[3] + WAIT_S_MAX

    def end(self) -> Reading:
        """End the window and give what was in it."""
        good, bad, used_s, began_s = self._began
        spent_s, wall_s = cpu_s() - used_s, time.monotonic() - began_s
        polls = self.good - good
        return {
            "polls": polls,
            "bad": self.bad - bad,
            "cpu_s": spent_s,
            "wall_s": wall_s,
            "polls_per_cpu_s": polls / spent_s if spent_s else float("nan"),
            "us_per_poll": 1e6 * spent_s / polls if polls else float("nan"),
            "polls_per_s": polls / wall_s,
            "peak_rss": peak_rss_bytes(),
        }


async def closed_loop(order: Order, poll: Poll) -> Reading:
    """Let one task for each question in flight poll an operation that does not end."""
    tally = Tally()
    over = False

    async def follow(operation: str) -> None:
        while not over:
            tally.count(await poll(operation))

    async with asyncio.TaskGroup() as group:
        for number in range(order.in_flight):
            group.create_task(follow(operation_id(NEVER_NS, number)))
        reading = await windowed(order, tally)
        over = True
    return reading


async def windowed(order: Order, tally: Tally) -> Reading:
    """Let the warm-up and the window pass while others poll, and give what was in the window."""
    await asyncio.sleep(order.warm_s)
    tally.begin()
    await asyncio.sleep(order.window_s)
    while tally.waits:  # noqa: ASYNC110 - those who poll are measured, so they are not to announce anything
        await asyncio.sleep(LOOK_S)
    return tally.end()
