"""The open loop for clients that follow each operation in a task: N operations, each due once in P seconds."""

import asyncio
import math
import time
from collections.abc import Iterator
from typing import Final

from bench.child import Reading
from bench.clients.closed import Poll
from bench.clients.order import Order
from bench.clients.reading import ENDED
from bench.clients.timetable import Book, next_due
from bench.ids import NEVER_NS, operation_id
from bench.usage import cpu_s, peak_rss_bytes, rss_bytes

LEAD_S: Final = 0.5
"""Between the making of the tasks and the first poll that is due."""
BEGIN_LATE_SHARE_MAX: Final = 0.2
"""Of a period."""
_GOLDEN: Final = 0.6180339887498949


class Course:
    """When one open loop begins, is measured, and ends, in seconds of the monotonic clock.

    First polls are spread evenly over `span_s`, a whole number of periods, so that the load is even ever after.
    """

    def __init__(self, order: Order, begin_s: float, span_s: float) -> None:
        self.order = order
        self.first_s = begin_s
        self.span_s = span_s
        begin_s += span_s + (order.period_s if span_s > order.period_s else 0.0)
        self.window = (begin_s, begin_s + order.period_s * order.periods)
        self.end_s = self.window[1] + order.period_s
        """One more period, so that the last ones that are late are in, too."""

    def operations(self) -> Iterator[tuple[str, float, float]]:
        """Give each operation's id, its first due instant, and the instant it ends; infinity = never."""
        order, (begin_s, end_s) = self.order, self.window
        ending = int(order.operations * order.ending_share)
        for number in range(order.operations):
            first_s = self.first_s + self.span_s * number / order.operations
            # Every so many-th ends, so that the endings are spread over the period and over the window alike.
            nth = number * ending // order.operations
            if (number + 1) * ending // order.operations > nth:
                ends_s = begin_s + (end_s - begin_s) * _shuffled(nth)
                yield operation_id(int(ends_s * 1e9), number), first_s, ends_s
            else:
                yield operation_id(NEVER_NS, number), first_s, float("inf")


class Costs:
    """What following so many operations costs: memory from before they were there, CPU within the window."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._before = rss_bytes()
        self._registered = 0
        self._peak = 0
        self._spent_s = 0.0

    def registered(self) -> None:
        """All operations are there."""
        self._registered = rss_bytes() - self._before

    async def over(self, course: Course, book: Book) -> Reading:
        """Wait for the window and for its end, and sum up what it cost."""
        await asyncio.sleep(course.window[0] - time.monotonic())
        self.begin(course)
        await asyncio.sleep(course.window[1] - time.monotonic())
        self.end()
        await asyncio.sleep(course.end_s - time.monotonic())
        return self.reading(book)

    def begin(self, course: Course) -> None:
        """Begin the window. One that begins late, since the loop had no time for it, has no CPU to tell."""
        in_time = time.monotonic() - course.window[0] < BEGIN_LATE_SHARE_MAX * self._order.period_s
        self._spent_s = -cpu_s() if in_time else math.nan

    def end(self) -> None:
        """End the window."""
        self._spent_s += cpu_s()
        self._peak = peak_rss_bytes() - self._before

    def reading(self, book: Book) -> Reading:
        """Give book and costs together."""
        order, polls = self._order, book.late.total
        return book.reading() | {
            "operations": order.operations,
            "period_s": order.period_s,
            "bytes_per_op": self._registered / order.operations,
            "peak_bytes_per_op": self._peak / order.operations,
            "us_per_poll": 1e6 * self._spent_s / polls if polls else math.nan,
            "cpu_share": self._spent_s / (order.period_s * order.periods),
            "polls_per_s": polls / (order.period_s * order.periods),
        }


async def open_loop(order: Order, poll: Poll) -> Reading:
    """Follow every operation in a task of its own, on the fixed timetable."""
    costs = Costs(order)
    course = Course(order, time.monotonic() + LEAD_S + order.operations * 1e-4, order.period_s)
    book = Book(order.period_s, *course.window)

    async def follow(operation: str, first_s: float, ends_s: float) -> None:
        due_s = first_s
        while due_s < course.end_s:
            if (left_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(left_s)
            status = await poll(operation)
            now_s = time.monotonic()
            if status is None:
                book.bad += 1
            else:
                book.made(due_s, now_s)
            if status in ENDED:
                book.ended(ends_s, now_s)
                return
            due_s = next_due(first_s, order.period_s, max(now_s, due_s))

    async with asyncio.TaskGroup() as group:
        for operation, first_s, ends_s in course.operations():
            book.expect(first_s, ends_s)
            group.create_task(follow(operation, first_s, ends_s))
        await asyncio.sleep(0)
        costs.registered()
        return await costs.over(course, book)


def _shuffled(number: int) -> float:
    """Give a place in [0, 1) for each number, evenly spread and in no order."""
    return (number * _GOLDEN) % 1.0
