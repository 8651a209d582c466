"""Microsoft's own client, azure-servicemanagement-legacy: it blocks, so each operation or question has a thread.

Its parser looks for `<Id>` where the service writes `<ID>`, and so reads an empty one: only the status can be decided.
"""

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from bench.child import Reading
from bench.clients.closed import LOOK_S, Tally
from bench.clients.open_loop import LEAD_S, Costs, Course
from bench.clients.order import Order, order_from
from bench.clients.reading import ENDED, STATUSES
from bench.clients.timetable import Book
from bench.ids import NEVER_NS, SUBSCRIPTION, operation_id
from bench.skipped import Skipped

Ask = Callable[[str], str | None]


def measure(given: dict[str, Any]) -> Reading:
    """Poll as ordered."""
    order = order_from(given)
    asks = [_connected(order) for _ in range(order.operations or order.in_flight)]
    return _open_loop(order, asks) if order.operations else _closed_loop(order, asks)


def _connected(order: Order) -> Ask:
    """Give a client with a session of its own, as threads need one each."""
    try:
        import requests
        from azure.servicemanagement import ServiceManagementService  # type: ignore[import-untyped] # it ships no types
    except ImportError:
        raise Skipped("azure-servicemanagement-legacy is not installed: pip install 'rollout-engine[bench]'") from None
    session = requests.Session()
    session.trust_env = False
    parts = urlsplit(order.url)
    service = ServiceManagementService(SUBSCRIPTION, host=parts.netloc, request_session=session)
    service._httpclient.protocol = parts.scheme  # noqa: SLF001 - it speaks https by itself; http is a setting one floor below

    def ask(operation: str) -> str | None:
        status = str(service.get_operation_status(operation).status)
        return status if status in STATUSES else None

    return ask


def _closed_loop(order: Order, asks: list[Ask]) -> Reading:
    tallies = [Tally() for _ in asks]
    over = threading.Event()

    def follow(ask: Ask, tally: Tally, operation: str) -> None:
        while not over.is_set():
            tally.count(ask(operation))

    threads = [
        threading.Thread(target=follow, args=(ask, tally, operation_id(NEVER_NS, number)))
        for number, (ask, tally) in enumerate(zip(asks, tallies, strict=True))
    ]
    for thread in threads:
        thread.start()
    time.sleep(order.warm_s)
    whole = Tally()
    whole.good, whole.bad = _sums(tallies)
    whole.begin()
    time.sleep(order.window_s)
    whole.good, whole.bad = _sums(tallies)
    while whole.waits:
        time.sleep(LOOK_S)
        whole.good, whole.bad = _sums(tallies)
    reading = whole.end()
    over.set()
    for thread in threads:
        thread.join()
    return reading


def _sums(tallies: list[Tally]) -> tuple[int, int]:
    return sum(each.good for each in tallies), sum(each.bad for each in tallies)


def _open_loop(order: Order, asks: list[Ask]) -> Reading:
    """Follow each operation in a thread that sleeps P after each reply, as the client's own wait does.

    So its timetable drifts; its lateness is counted against its own sleep, which favours it.
    """
    costs = Costs(order)
    course = Course(order, time.monotonic() + LEAD_S + order.operations * 5e-4, order.period_s)
    book, lock = Book(order.period_s, *course.window), threading.Lock()

    def follow(ask: Ask, operation: str, first_s: float, ends_s: float) -> None:
        due_s = first_s
        while due_s < course.end_s:
            time.sleep(max(0.0, due_s - time.monotonic()))
            status = ask(operation)
            now_s = time.monotonic()
            with lock:
                if status is None:
                    book.bad += 1
                else:
                    book.made(due_s, now_s)
                if status in ENDED:
                    book.ended(ends_s, now_s)
                    return
            due_s = now_s + order.period_s

    threads = []
    for ask, (operation, first_s, ends_s) in zip(asks, course.operations(), strict=True):
        book.expect(first_s, ends_s)
        threads.append(threading.Thread(target=follow, args=(ask, operation, first_s, ends_s)))
        threads[-1].start()
    costs.registered()
    time.sleep(max(0.0, course.window[0] - time.monotonic()))
    costs.begin(course)
    time.sleep(max(0.0, course.window[1] - time.monotonic()))
    costs.end()
    for thread in threads:
        thread.join()
    return costs.reading(book)
