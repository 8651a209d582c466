"""Plain aiohttp: one request for each poll, lxml, nothing tuned; a task for each operation."""

from typing import Any

import aiohttp

from bench.child import Reading
from bench.clients.closed import closed_loop
from bench.clients.open_loop import open_loop
from bench.clients.order import Order, order_from, run
from bench.clients.reading import OK, parsed
from bench.ids import status_path


def measure(given: dict[str, Any]) -> Reading:
    """Poll as ordered."""
    order = order_from(given)
    return run(order, lambda: _measure(order))


async def _measure(order: Order) -> Reading:
    context = order.certificates.client_context() if order.certificates else True
    connector = aiohttp.TCPConnector(limit=order.in_flight, ssl=context)
    headers = {"x-ms-version": "2015-09-01"}
    async with aiohttp.ClientSession(order.url, connector=connector, headers=headers) as session:

        async def poll(operation: str) -> str | None:
            async with session.get(status_path(operation)) as response:
                body = await response.read()
            return parsed(body, operation) if response.status == OK else None

        return await (open_loop if order.operations else closed_loop)(order, poll)
