"""Tuned aiohttp: every switch at once (cookies, decompression, headers, timeouts, ready URLs), and bytes searched."""

import asyncio
import heapq
import time
from typing import Any

import aiohttp
from yarl import URL

from bench.child import Reading
from bench.clients.closed import Poll, closed_loop
from bench.clients.open_loop import LEAD_S, Costs, Course
from bench.clients.order import Order, order_from, run
from bench.clients.reading import ENDED, OK, dashed, searched
from bench.clients.timetable import Book, next_due
from bench.ids import status_path

_NOT_SENT = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


def measure(given: dict[str, Any]) -> Reading:
    """Poll as ordered."""
    order = order_from(given)
    return run(order, lambda: _measure(order))


async def _measure(order: Order) -> Reading:
    context = order.certificates.client_context() if order.certificates else True
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=context),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        skip_auto_headers=_NOT_SENT,
        headers={"x-ms-version": "2015-09-01"},
        trust_env=False,
    ) as session:
        urls: dict[str, tuple[URL, bytes]] = {}

        async def poll(operation: str) -> str | None:
            known = urls.get(operation)
            if known is None:
                known = URL(order.url + status_path(operation), encoded=True), dashed(operation)
                if not order.operations:
                    urls[operation] = known
            url, spelt = known
            response = await session.get(url, allow_redirects=False)
            body = await response.read()
            return searched(body, spelt) if response.status == OK else None

        return await (_open_loop if order.operations else closed_loop)(order, poll)


async def _open_loop(order: Order, poll: Poll) -> Reading:
    """Keep one heap of what is due, and let a few workers ask."""
    costs = Costs(order)
    course = Course(order, time.monotonic() + LEAD_S + order.operations * 2e-5, order.period_s)
    book = Book(order.period_s, *course.window)
    heap: list[tuple[float, float, float, str]] = []
    for operation, first_s, ends_s in course.operations():
        book.expect(first_s, ends_s)
        heapq.heappush(heap, (first_s, first_s, ends_s, operation))
    costs.registered()

    async def work() -> None:
        while heap and heap[0][0] < course.end_s:
            due_s, first_s, ends_s, operation = heapq.heappop(heap)
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
                continue
            heapq.heappush(heap, (next_due(first_s, order.period_s, max(now_s, due_s)), first_s, ends_s, operation))

    async with asyncio.TaskGroup() as group:
        for _ in range(order.in_flight):
            group.create_task(work())
        return await costs.over(course, book)
