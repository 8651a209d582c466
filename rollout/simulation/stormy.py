"""Ways on which calls are refused, lost, answered into the void, or arrive long after their sender gave up.

One for each lane, and the same weather over both: what strikes is drawn alike, and only means something else in bytes.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from rollout.core.operation import Operation
from rollout.simulation.choice import Draws
from rollout.simulation.network import About, Crossing, Verdict
from rollout.simulation.weather import ANSWER, CONNECT, READ, REQUEST, Weather

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


class Gusts:
    """The weather on the way to a service, whatever travels there."""

    def __init__(self, weather: Weather, time: Callable[[], float]) -> None:
        """`time` gives seconds of the world."""
        self._weather = weather
        self._time = time
        self._draws = Draws(weather.seed)
        self._dark = (0.0, 0.0)
        if weather.happens("blackout"):
            begins = weather.amount(0, BLACKOUT_WITHIN_S, "blackout begins")
            self._dark = (begins, begins + weather.amount(*BLACKOUT_S, "blackout lasts"))

    async def dark(self) -> None:
        """Get nowhere for as long as anybody waits, while nothing can be reached."""
        if not self._calm and self._dark[0] <= self._time() < self._dark[1]:
            self._weather.hits["blackout"] += 1
            await asyncio.sleep(FOR_EVER_S)

    async def connect(self, service: str, what: str) -> None:
        """Get a connection for a call, or be told at once or much later that there is none."""
        await self.cross()
        fate = self.fate(CONNECT, service, what)
        if fate == "refused":
            raise ConnectionRefusedError
        if fate == "connect_hangs":
            await asyncio.sleep(FOR_EVER_S)
        if fate == "connect_slow":
            await asyncio.sleep(self._weather.amount(*SLOW_S, "slow", self._weather.hits["connect_slow"]))

    def fate(self, rates: Mapping[str, float], service: str, what: str) -> str | None:
        """Draw what strikes, if anything."""
        if self._calm:
            return None
        return self._weather.strike(rates, "wire", next(iter(rates)), service, what)

    def late_s(self) -> float:
        """Draw how late a late request is."""
        return self._weather.amount(*LATE_S, "late", self._weather.hits["late"])

    def crossing_s(self) -> float:
        """Draw an ordinary crossing."""
        low_s, high_s = CROSSING_S
        return low_s + (high_s - low_s) * self._draws.below(_PARTS) / _PARTS

    async def cross(self) -> None:
        """Cross once."""
        await asyncio.sleep(self.crossing_s())

    @property
    def _calm(self) -> bool:
        return self._time() >= self._weather.calm_at


class StormyWire:
    """One wire for all lives of a world. What has left arrives at its time, whether or not its sender still lives."""

    def __init__(
        self,
        weather: Weather,
        time: Callable[[], float],
        later: Callable[[float, Callable[[], object]], None],
    ) -> None:
        """`time` gives seconds of the world; `later` lets something arrive at the service."""
        self._gusts = Gusts(weather, time)
        self._later = later

    async def reach(self, service: str, operation: Operation | None) -> None:
        """Get a connection, or be told at once or much later that there is none."""
        await self._gusts.dark()
        if operation is not None:
            await self._gusts.connect(service, type(operation).__name__)

    async def exchange(self, service: str, operation: Operation | None, deliver: Callable[[], T]) -> T:
        """Bring the request there and the answer back, each as the weather has it."""
        gusts = self._gusts
        if operation is None:
            return await self._ask(service, deliver)
        fate = gusts.fate(REQUEST, service, type(operation).__name__)
        if fate == "reset_before":
            raise ConnectionResetError
        if fate == "vanishes":
            await asyncio.sleep(FOR_EVER_S)
        answer = await self._arrival(gusts.late_s() if fate == "late" else gusts.crossing_s(), deliver)
        if fate == "reset_after":
            raise ConnectionResetError
        await (asyncio.sleep(FOR_EVER_S) if fate == "silent_after" else gusts.cross())
        return answer

    async def _ask(self, service: str, deliver: Callable[[], T]) -> T:
        fate = self._gusts.fate(READ, service, "NoneType")
        if fate == "read_reset":
            raise ConnectionResetError
        if fate == "read_hangs":
            await asyncio.sleep(FOR_EVER_S)
        await self._gusts.cross()
        answer = deliver()
        await self._gusts.cross()
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


class StormyNetwork:
    """The same weather over a network of bytes."""

    def __init__(self, weather: Weather, time: Callable[[], float]) -> None:
        """`time` gives seconds of the world."""
        self._gusts = Gusts(weather, time)

    async def reach(self, about: About) -> None:
        """Let a connection be made, or not; only a change is worth a draw of its own."""
        await self._gusts.dark()
        if about.mutates:
            await self._gusts.connect(about.service, about.what)

    def request(self, about: About) -> Crossing:
        """Give a request's fate."""
        fate = self._gusts.fate(REQUEST if about.mutates else READ, about.service, about.what)
        delay_s = self._gusts.late_s() if fate == "late" else self._gusts.crossing_s()
        return Crossing(delay_s, _VERDICTS.get(fate or "", Verdict.DELIVER))

    def answer(self, about: About) -> Crossing:
        """Give an answer's fate."""
        fate = self._gusts.fate(ANSWER, about.service, about.what)
        return Crossing(self._gusts.crossing_s(), _VERDICTS.get(fate or "", Verdict.DELIVER))


_VERDICTS: Final = {
    "vanishes": Verdict.VANISH,
    "read_hangs": Verdict.VANISH,
    "reset_before": Verdict.RESET,
    "read_reset": Verdict.RESET,
    "reset_after": Verdict.DELIVER_THEN_RESET,
    "silent_after": Verdict.DELIVER_INTO_SILENCE,
    "half_answer": Verdict.HALF_THEN_RESET,
}
