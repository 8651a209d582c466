"""The library httpx: one client, a task for each question in flight, lxml."""

from typing import Any

from bench.child import Reading
from bench.clients.closed import closed_loop
from bench.clients.order import Order, order_from, run
from bench.clients.reading import OK, parsed
from bench.ids import status_path
from bench.skipped import Skipped


def measure(given: dict[str, Any]) -> Reading:
    """Poll as ordered."""
    order = order_from(given)
    return run(order, lambda: _measure(order))


async def _measure(order: Order) -> Reading:
    try:
        import httpx
    except ImportError:
        raise Skipped("httpx is not installed: pip install 'rollout-engine[bench]'") from None
    limits = httpx.Limits(max_connections=order.in_flight, max_keepalive_connections=order.in_flight)
    headers = {"x-ms-version": "2015-09-01"}
    async with httpx.AsyncClient(base_url=order.url, limits=limits, headers=headers, trust_env=False) as client:

        async def poll(operation: str) -> str | None:
            response = await client.get(status_path(operation))
            return parsed(response.content, operation) if response.status_code == OK else None

        return await closed_loop(order, poll)
