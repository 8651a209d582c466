"""What a client is told to do, and the loop it does it on."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from bench.load import Certificates
from bench.skipped import Skipped

T = TypeVar("T")


class Order(msgspec.Struct, frozen=True):
    """One measurement. The window begins when the warm-up ends."""

    url: str
    in_flight: int = 16
    """Questions asked at once, or threads."""
    warm_s: float = 0.3
    window_s: float = 1.0
    loop: str = "asyncio"
    parser: str = "aiohttp"
    depth: int = 1
    operations: int = 0
    """Followed in an open loop, each once in `period_s`; 0 = a closed loop."""
    period_s: float = 1.0
    periods: int = 6
    ending_share: float = 0.1
    """Of the operations, how many end within the window; the others outlast it."""
    listed_in: int = 0
    """Found by listing once in a period, in so many subscriptions; 0 = each asked about by itself."""
    certificates: Certificates | None = None


def order_from(given: dict[str, Any]) -> Order:
    """Read an order as it came over the command line."""
    return msgspec.convert(given, Order)


def run(order: Order, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run on the loop that is ordered. Raises Skipped where it is not installed."""
    with asyncio.Runner(loop_factory=_factory(order.loop)) as runner:
        return runner.run(main())


def _factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if loop == "asyncio":
        return asyncio.SelectorEventLoop
    try:
        import uvloop
    except ImportError:
        raise Skipped("uvloop is not installed") from None
    return uvloop.new_event_loop
