"""Azure's common core: its pipeline, policies included, under its AsyncLROPoller; a poller for each operation."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from bench.child import Reading
from bench.clients.closed import Tally, windowed
from bench.clients.open_loop import LEAD_S, Costs, Course
from bench.clients.order import Order, order_from, run
from bench.clients.reading import ENDED, parsed
from bench.clients.timetable import Book
from bench.ids import NEVER_NS, operation_id, status_path
from bench.skipped import Skipped

Heard = Callable[[str, str | None], None]
"""Told of each poll's operation and status."""
Slept = Callable[[str, float], None]
"""Told of each operation whose poller sleeps, and for how long."""
Follow = Callable[[str, float], Coroutine[Any, Any, object]]
"""Follows an operation by its id, with so many seconds between its polls."""


def measure(given: dict[str, Any]) -> Reading:
    """Poll as ordered."""
    order = order_from(given)
    return run(order, lambda: _open_loop(order) if order.operations else _closed_loop(order))


def _client(order: Order) -> Any:
    try:
        from azure.core import AsyncPipelineClient
        from azure.core.pipeline import policies
        from azure.core.pipeline.transport import AioHttpTransport
    except ImportError:
        raise Skipped("azure-core is not installed: pip install 'rollout-engine[bench]'") from None
    chosen = [
        policies.RequestIdPolicy(),
        policies.HeadersPolicy({"x-ms-version": "2015-09-01"}),
        policies.UserAgentPolicy("bench"),
        policies.AsyncRedirectPolicy(),
        policies.AsyncRetryPolicy(),
        policies.CustomHookPolicy(),
        policies.DistributedTracingPolicy(),
    ]
    return AsyncPipelineClient(base_url=order.url, policies=chosen, transport=AioHttpTransport())


def _following(order: Order, client: Any, heard: Heard, slept: Slept) -> Follow:
    """Give a function that follows an operation with an AsyncLROPoller of its own."""
    from azure.core.polling import AsyncLROPoller
    from azure.core.polling.async_base_polling import AsyncLROBasePolling
    from azure.core.polling.base_polling import LongRunningOperation
    from azure.core.rest import HttpRequest

    class Algorithm(LongRunningOperation):  # type: ignore[misc] # the library is optional, so it has no types here
        """The classic API's way: one URL to poll, the status in an XML body."""

        def __init__(self, operation: str) -> None:
            self.operation = operation

        def can_poll(self, _pipeline_response: Any) -> bool:
            return True

        def get_polling_url(self) -> str:
            return order.url + status_path(self.operation)

        def set_initial_status(self, pipeline_response: Any) -> str:
            return self.get_status(pipeline_response)

        def get_status(self, pipeline_response: Any) -> str:
            status = parsed(pipeline_response.http_response.content, self.operation)
            heard(self.operation, status)
            return status or "InProgress"

        def get_final_get_url(self, _pipeline_response: Any) -> None:
            return None

    class Polling(AsyncLROBasePolling):  # type: ignore[misc] # the library is optional, so it has no types here
        async def _sleep(self, delay: float) -> None:
            slept(self._operation.operation, delay)
            await super()._sleep(delay)

    async def follow(operation: str, every_s: float) -> object:
        request = HttpRequest("GET", order.url + status_path(operation))
        first = await client.send_request(request, _return_pipeline_response=True)
        method = Polling(every_s, lro_algorithms=[Algorithm(operation)])
        return await AsyncLROPoller(client, first, lambda _: None, method).result()

    return follow


async def _closed_loop(order: Order) -> Reading:
    tally = Tally()
    async with _client(order) as client:
        follow = _following(order, client, lambda _, status: tally.count(status), lambda *_: None)
        async with asyncio.TaskGroup() as group:
            numbers = range(order.in_flight)
            tasks = [group.create_task(follow(operation_id(NEVER_NS, each), 0.0)) for each in numbers]
            reading = await windowed(order, tally)
            _stop(tasks)
    return reading


async def _open_loop(order: Order) -> Reading:
    """Follow each operation with a poller that sleeps P after each reply; late is counted against its own sleep."""
    due_s: dict[str, float] = {}
    ends_s: dict[str, float] = {}
    async with _client(order) as client:

        def heard(operation: str, status: str | None) -> None:
            now_s = time.monotonic()
            if status is None:
                book.bad += 1
            else:
                book.made(due_s[operation], now_s)
            if status in ENDED:
                book.ended(ends_s[operation], now_s)

        def slept(operation: str, delay_s: float) -> None:
            due_s[operation] = time.monotonic() + delay_s

        follow = _following(order, client, heard, slept)

        async def begin(operation: str, first_s: float) -> object:
            await asyncio.sleep(first_s - time.monotonic())
            return await follow(operation, order.period_s)

        costs = Costs(order)
        course = Course(order, time.monotonic() + LEAD_S + order.operations * 2e-4, order.period_s)
        book = Book(order.period_s, *course.window)
        async with asyncio.TaskGroup() as group:
            tasks = []
            for operation, first_s, ended_s in course.operations():
                due_s[operation], ends_s[operation] = first_s, ended_s
                book.expect(first_s, ended_s)
                tasks.append(group.create_task(begin(operation, first_s)))
            await asyncio.sleep(0)
            costs.registered()
            reading = await costs.over(course, book)
            _stop(tasks)
    return reading


def _stop(tasks: Iterable["asyncio.Task[object]"]) -> None:
    for task in tasks:
        task.cancel()
