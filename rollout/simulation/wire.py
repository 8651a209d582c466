"""The wire: what lies between an engine and a simulated platform, and how long it takes to cross."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from rollout.core.operation import Operation

T = TypeVar("T")

CROSSING_S_MIN: Final = 0.02
CROSSING_S_MAX: Final = 0.2


class Wire(Protocol):
    """The way of one request to a service and back. `operation` None = a question, which changes nothing.

    Both halves raise ConnectionError where the connection ends.
    """

    async def reach(self, service: str, operation: Operation | None) -> None:
        """Get a connection in hand; nothing of the request has left."""
        ...

    async def exchange(self, service: str, operation: Operation | None, deliver: Callable[[], T]) -> T:
        """Bring the request there, let the platform act on it with `deliver`, and bring the answer back."""
        ...


class SteadyWire:
    """Loses nothing. Each crossing takes a drawn time between two bounds, in seconds of the loop."""

    def __init__(
        self, draw: Callable[[], float], low_s: float = CROSSING_S_MIN, high_s: float = CROSSING_S_MAX
    ) -> None:
        """`draw` gives numbers from [0, 1)."""
        self._draw = draw
        self._low_s = low_s
        self._high_s = high_s

    async def reach(self, service: str, operation: Operation | None) -> None:  # noqa: ARG002 - all services are as near
        """Cross once."""
        await self._cross()

    async def exchange(self, service: str, operation: Operation | None, deliver: Callable[[], T]) -> T:  # noqa: ARG002 - all services are as near
        """Deliver at once, so that nothing lies between the last look and the effect, and cross back."""
        answer = deliver()
        await self._cross()
        return answer

    async def _cross(self) -> None:
        await asyncio.sleep(self._low_s + self._draw() * (self._high_s - self._low_s))
