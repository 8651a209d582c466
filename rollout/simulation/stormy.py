"""A wire on which calls are refused, lost, answered into the void, or arrive long after their sender gave up."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from rollout.core.operation import Operation
from rollout.simulation.choice import Draws
from rollout.simulation.weather import CONNECT, READ, REQUEST, Weather

T = TypeVar("T")

LATE_S: Final = (31.0, 108.0)
"""When a late request arrives, counted from its sending; below 3.6 request timeouts of 30 s."""
SLOW_S: Final = (1.0, 28.0)
"""How long a slow connection takes; shorter than anybody waits."""
CROSSING_S: Final = (0.02, 0.2)
BLACKOUT_S: Final = (60.0, 2400.0)
BLACKOUT_WITHIN_S: Final = 4 * 3600.0
_PARTS: Final = 1 << 20
FOR_EVER_S: Final = 86_400.0
"""Longer than any caller waits."""


class StormyWire:
    """One wire for all lives of a world. What has left arrives at its time, whether or not its sender still lives."""

    def __init__(
        self,
        weather: Weather,
        time: Callable[[], float],
        later: Callable[[float, Callable[[], object]], None],
    ) -> None:
        """`time` gives seconds of the world; `later` lets something arrive at the service."""
        self._weather = weather
        self._time = time
        self._later = later
        self._draws = Draws(weather.seed)
        self._dark = (0.0, 0.0)
        if weather.happens("blackout"):
            begins = weather.amount(0, BLACKOUT_WITHIN_S, "blackout begins")
            self._dark = (begins, begins + weather.amount(*BLACKOUT_S, "blackout lasts"))

    async def reach(self, service: str, operation: Operation | None) -> None:
        """Get a connection, or be told at once or much later that there is none."""
        if not self._calm and self._dark[0] <= self._time() < self._dark[1]:
            self._weather.hits["blackout"] += 1
            await asyncio.sleep(FOR_EVER_S)
        if operation is None:
            return
        await self._cross()
        fate = self._fate(CONNECT, service, operation)
        if fate == "refused":
            raise ConnectionRefusedError
        if fate == "connect_hangs":
            await asyncio.sleep(FOR_EVER_S)
        if fate == "connect_slow":
            await asyncio.sleep(self._weather.amount(*SLOW_S, "slow", self._weather.hits["connect_slow"]))

    async def exchange(self, service: str, operation: Operation | None, deliver: Callable[[], T]) -> T:
        """Bring the request there and the answer back, each as the weather has it."""
        if operation is None:
            return await self._ask(service, deliver)
        fate = self._fate(REQUEST, service, operation)
        if fate == "reset_before":
            raise ConnectionResetError
        if fate == "vanishes":
            await asyncio.sleep(FOR_EVER_S)
        there_s = self._late_s() if fate == "late" else self._crossing_s()
        answer = await self._arrival(there_s, deliver)
        if fate == "reset_after":
            raise ConnectionResetError
        await (asyncio.sleep(FOR_EVER_S) if fate == "silent_after" else self._cross())
        return answer

    async def _ask(self, service: str, deliver: Callable[[], T]) -> T:
        fate = self._fate(READ, service, None)
        if fate == "read_reset":
            raise ConnectionResetError
        if fate == "read_hangs":
            await asyncio.sleep(FOR_EVER_S)
        await self._cross()
        answer = deliver()
        await self._cross()
        return answer

    async def _arrival(self, there_s: float, deliver: Callable[[], T]) -> T:
        """Let the request arrive by itself; who sent it may have given up or died by then."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[T] = loop.create_future()

        def arrive() -> None:
            answer = deliver()
            if not (answered.done() or loop.is_closed()):
                answered.set_result(answer)

        self._later(there_s, arrive)
        return await answered

    def _fate(self, rates: Mapping[str, float], service: str, operation: Operation | None) -> str | None:
        if self._calm:
            return None
        return self._weather.strike(rates, "wire", next(iter(rates)), service, type(operation).__name__)

    @property
    def _calm(self) -> bool:
        return self._time() >= self._weather.calm_at

    def _late_s(self) -> float:
        return self._weather.amount(*LATE_S, "late", self._weather.hits["late"])

    def _crossing_s(self) -> float:
        low_s, high_s = CROSSING_S
        return low_s + (high_s - low_s) * self._draws.below(_PARTS) / _PARTS

    async def _cross(self) -> None:
        await asyncio.sleep(self._crossing_s())
