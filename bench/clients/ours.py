"""Ours: the platform's bulk port alone, so the lanes and the reading, without the engine's tracker over them."""

import asyncio
from typing import Any

from bench.child import Reading
from bench.clients.closed import Tally, windowed
from bench.clients.order import Order, order_from, run
from bench.clients.product import platform
from bench.ids import NEVER_NS, SUBSCRIPTION, operation_id
from rollout.core.outcome import Handle, Progress, Running


def measure(given: dict[str, Any]) -> Reading:
    """Poll as ordered."""
    order = order_from(given)
    return run(order, lambda: _measure(order))


async def _measure(order: Order) -> Reading:
    """Keep `in_flight` questions in flight; what a turn of the loop answered is asked again together in the next."""
    loop, tally = asyncio.get_running_loop(), Tally()
    handles = [Handle(SUBSCRIPTION, operation_id(NEVER_NS, number)) for number in range(order.in_flight)]
    answered: list[Handle] = []
    async with (ours := platform(order)).polling() as poll_many:

        def ask() -> None:
            nonlocal answered
            batch, answered = answered, []
            poll_many(
                SUBSCRIPTION, batch, lambda positions, progress: told([batch[each] for each in positions], progress)
            )

        def told(handles: list[Handle], progress: Progress) -> None:
            for _ in handles:
                tally.count("InProgress" if isinstance(progress, Running) else None)
            if not answered:
                loop.call_soon(ask)
            answered.extend(handles)

        answered = handles
        ask()
        reading = await windowed(order, tally)
    await ours.close()
    return reading
