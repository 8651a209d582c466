"""Ours: the engine's tracker over the platform's lanes, on a fixed period, each operation with a waiter that is called.

All operations arrive at once; the tracker spreads their first polls itself. What waits for an operation here keeps one
number; a runner's waiter keeps more, and is no part of the tracker.
"""

import asyncio
import gc
import math
import random
import time
from collections.abc import Iterator
from typing import Any, Final

from bench.child import Reading
from bench.clients.open_loop import Costs, Course
from bench.clients.order import Order, order_from, run
from bench.clients.product import pacer, platform
from bench.clients.timetable import Book
from bench.ids import SUBSCRIPTION, Population, ends_ns
from rollout.core.names import Now
from rollout.core.outcome import Failed, Handle, Progress, Running, Succeeded
from rollout.engine.clock import EngineClock
from rollout.engine.timetable import Regular
from rollout.engine.tracker import Tracker
from rollout.errors import InvariantBroken

REGISTER_S: Final = 1e-5
"""What one more operation takes, generously: the window begins after all of them."""
TOLD: Final = -1.0
FIRST_SPREAD_S: Final = 2e-5
"""The tracker spreads the first polls over so many seconds for each operation it has, or over the first interval."""
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
    """Of those that end before the measurement does, and are not told yet."""
    due_s: float
    """NaN = it has to be shown by a listing once before its timetable is known; TOLD = it has ended."""

    def __call__(self, progress: Progress, _now: Now) -> bool:
        """Write an answer down; True = the operation has ended."""
        book, due_s, now_s = self.book, self.due_s, time.monotonic()
        if not due_s >= 0.0:
            if due_s < 0.0:
                raise InvariantBroken("an operation's waiter was told twice of its end")
            self.due_s = now_s + book.period_s
            book.expect(self.due_s, self.ends_s.get(self, math.inf))
            return False
        if isinstance(progress, Running):
            book.made(due_s, now_s)
        elif isinstance(progress, Succeeded | Failed):
            book.made(due_s, now_s)
            book.ended(self.ends_s.pop(self, math.inf), now_s)
            self.due_s = TOLD
            return True
        else:
            book.bad += 1
        if now_s >= due_s:
            self.due_s = due_s + (int((now_s - due_s) / book.period_s) + 1) * book.period_s
        return False


async def _measure(order: Order) -> Reading:
    clock = EngineClock.on_running_loop(0.0, time.time)
    ours = platform(order)
    listing_s = order.period_s if order.listed_in else None
    timetable = Regular(order.period_s)
    tracker = Tracker(ours, pacer(clock), clock, draw=random.random, timetable=timetable, listing_s=listing_s)
    costs = Costs(order)
    # A listing has to be seen once before an operation can be missing from it.
    spread_s = max(order.period_s * (2 if order.listed_in else 1), FIRST_SPREAD_S * order.operations)
    course = Course(order, time.monotonic(), REGISTER_S * order.operations + spread_s)
    Followed.book = book = Book(order.period_s, *course.window)
    Followed.ends_s = {}
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(tracker.run(), name="tracker")
        await asyncio.sleep(0)
        await _register(tracker, clock, course)
        costs.registered()
        gc.freeze()
        reading = await costs.over(course, book)
        for _ in range(int(TELL_S_MAX / order.period_s)):
            if not Followed.ends_s:
                break
            await asyncio.sleep(order.period_s)
        asking.cancel()
    await ours.close()
    return reading | {"untold": len(Followed.ends_s), "requests": tracker.polls + tracker.pages}


async def _register(tracker: Tracker, clock: EngineClock, course: Course) -> None:
    """Register all operations, in slices that keep nobody waiting. The tracker spreads their first polls itself."""
    offset_s = time.monotonic() - clock.now().t
    sliced_s = time.monotonic()
    listed = course.order.listed_in
    for scope, operation, ends_s in _populations(course) if listed else _alone(course):
        if time.monotonic() - sliced_s > SLICE_S:
            await asyncio.sleep(0)
            sliced_s = time.monotonic()
        followed = Followed()
        followed.due_s = math.nan
        record = tracker.poll(Handle(scope, operation), followed, due_t=math.inf)
        if ends_s < math.inf:
            Followed.ends_s[followed] = ends_s
        if not listed:
            followed.due_s = record.next_t + offset_s
            followed.book.expect(followed.due_s, ends_s)


def _alone(course: Course) -> Iterator[tuple[str, str, float]]:
    """Give each operation's scope, id and end; nobody lists them."""
    return ((SUBSCRIPTION, operation, ends_s) for operation, _, ends_s in course.operations())


def _populations(course: Course) -> Iterator[tuple[str, str, float]]:
    """Give the same of populations that the server lists, whose ends go on evenly beyond the window."""
    order, (begin_s, end_s) = course.order, course.window
    window_ms = int(1e3 * (end_s - begin_s) / order.ending_share)
    each = order.operations // order.listed_in
    for number in range(order.listed_in):
        # One millisecond apart, so that no two subscriptions have the same name.
        population = Population(each, int(begin_s * 1e9) + number * 1_000_000, window_ms)
        for operation in map(population.operation, range(each)):
            ends_s = ends_ns(operation) / 1e9
            yield population.subscription, operation, ends_s if ends_s < course.end_s else math.inf
