"""Ours: the engine's tracker over the platform's lanes, on a fixed period, each operation with a waiter that is called.

All operations arrive at once; the tracker spreads their first polls itself. What waits for an operation here keeps one
number; a runner's waiter keeps more, and is no part of the tracker.
"""

import asyncio
import gc
import math
import random
import time
from typing import Any, Final

from bench.child import Reading
from bench.clients.open_loop import Costs, Course
from bench.clients.order import Order, order_from, run
from bench.clients.product import pacer, platform
from bench.clients.timetable import Book
from bench.ids import SUBSCRIPTION
from rollout.core.names import Now
from rollout.core.outcome import Failed, Handle, Progress, Running, Succeeded
from rollout.engine.clock import EngineClock
from rollout.engine.timetable import Regular
from rollout.engine.tracker import SPREAD_S, Tracker

REGISTER_S: Final = 1e-5
"""What one more operation takes, generously: the window begins after all of them."""
TELL_S_MAX: Final = 15.0
"""After the measurement, so long is waited for endings that nobody has been told of; then they are untold."""
SLICE_S: Final = 0.002
"""Operations are registered for so long at a time."""


def measure(given: dict[str, Any]) -> Reading:
    """Track as ordered."""
    order = order_from(given)
    return run(order, lambda: _measure(order))


class Followed:
    """What waits for one operation: it knows when its next poll is due, and nothing else."""

    __slots__ = ("due_s",)
    book: Book
    ends_s: dict["Followed", float]
    """Of those that end within the window."""
    due_s: float

    def __call__(self, progress: Progress, _now: Now) -> bool:
        """Write an answer down; True = the operation has ended."""
        book, due_s, now_s = self.book, self.due_s, time.monotonic()
        if isinstance(progress, Running):
            book.made(due_s, now_s)
        elif isinstance(progress, Succeeded | Failed):
            book.made(due_s, now_s)
            book.ended(self.ends_s.pop(self), now_s)  # a second telling finds nothing to pop, and ends the run
            return True
        else:
            book.bad += 1
        if now_s >= due_s:
            self.due_s = due_s + (int((now_s - due_s) / book.period_s) + 1) * book.period_s
        return False


async def _measure(order: Order) -> Reading:
    clock = EngineClock.on_running_loop(0.0, time.time)
    ours = platform(order)
    tracker = Tracker(ours, pacer(clock), clock, draw=random.random, timetable=Regular(order.period_s))
    costs = Costs(order)
    spread_s = max(order.period_s, SPREAD_S * order.operations)
    course = Course(order, time.monotonic(), REGISTER_S * order.operations + spread_s)
    Followed.book = book = Book(order.period_s, *course.window)
    Followed.ends_s = {}
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(tracker.run(), name="tracker")
        await asyncio.sleep(0)
        await _register(tracker, clock, course, book)
        costs.registered()
        gc.freeze()
        reading = await costs.over(course, book)
        for _ in range(int(TELL_S_MAX / order.period_s)):
            if not Followed.ends_s:
                break
            await asyncio.sleep(order.period_s)
        asking.cancel()
    await ours.close()
    return reading | {"untold": len(Followed.ends_s)}


async def _register(tracker: Tracker, clock: EngineClock, course: Course, book: Book) -> None:
    """Register all operations, in slices that keep nobody waiting. The tracker spreads their first polls itself."""
    offset_s = time.monotonic() - clock.now().t
    sliced_s = time.monotonic()
    for operation, _, ends_s in course.operations():
        if time.monotonic() - sliced_s > SLICE_S:
            await asyncio.sleep(0)
            sliced_s = time.monotonic()
        followed = Followed()
        followed.due_s = tracker.poll(Handle(SUBSCRIPTION, operation), followed, due_t=math.inf).next_t + offset_s
        book.expect(followed.due_s, ends_s)
        if ends_s < math.inf:
            Followed.ends_s[followed] = ends_s
