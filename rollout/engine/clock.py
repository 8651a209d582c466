"""The engine's clock: engine seconds that go on where the journal ended, and wall time for people."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, Self

from rollout.core.names import Now

NAP_S_MIN: Final = 1e-6
"""The shortest timer set. A shorter one can vanish in the rounding of a large loop time, and would be set for ever."""


class Clock(Protocol):
    """The only source of time in the engine."""

    def now(self) -> Now:
        """Give the present moment; `t` never goes back."""
        ...

    async def sleep_until(self, t: float) -> None:
        """Return once engine second `t` has come, never before it; gives others a turn even if it is past."""
        ...

    def call_at(self, t: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Call back once, near engine second `t`. Rounding may make it a hair early: the callee looks at the clock."""
        ...


class EngineClock:
    """Counts engine seconds from `start_t`, the journal's largest, on a monotonic clock; wall time is only reported.

    The timers are the running loop's, so `monotonic` has to run at that loop's pace.
    """

    def __init__(self, start_t: float, monotonic: Callable[[], float], wall: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._start_t = start_t
        self._began = monotonic()
        self._last_t = start_t

    @classmethod
    def on_running_loop(cls, start_t: float, wall: Callable[[], float]) -> Self:
        """Make a clock that follows the running loop, real or virtual."""
        return cls(start_t, asyncio.get_running_loop().time, wall)

    def now(self) -> Now:
        """Give the present moment, even if the monotonic clock should fail its name."""
        self._last_t = max(self._last_t, self._start_t + (self._monotonic() - self._began))
        return Now(t=self._last_t, wall=self._wall())

    async def sleep_until(self, t: float) -> None:
        """Return once engine second `t` has come; loops may wake a little early, so the clock has the last word."""
        await asyncio.sleep(0)
        while (left_s := t - self.now().t) > 0:  # noqa: ASYNC110 -- time itself is awaited, nobody can announce it
            await asyncio.sleep(max(left_s, NAP_S_MIN))

    def call_at(self, t: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Call back once, near engine second `t`."""
        return asyncio.get_running_loop().call_later(max(t - self.now().t, NAP_S_MIN), callback)
