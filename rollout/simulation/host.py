"""A process beside the engine's: the emulated service's own loop, which lives on when the engine dies.

It has no turns of its own. Whatever reaches it (bytes, a timer) is a step inside some callback of the world, and then
it runs until it waits again. Its tasks, timers and context belong to it alone, and no death of a client touches them.
"""

import asyncio
import contextvars
import heapq
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from rollout.simulation.loop import VirtualLoop
from rollout.simulation.process import bury

T = TypeVar("T")

At = Callable[[float, Callable[[], object]], object]
"""Lets something happen at a second of the world, whoever lives by then."""


class Host:
    """One such process. `time` and `at` are the world's."""

    def __init__(self, time: Callable[[], float], at: At) -> None:
        self.loop = HostLoop()
        self._time = time
        self._at = at
        self._context = contextvars.Context()
        self._alarm: float | None = None

    def begin(self, main: Coroutine[Any, Any, T]) -> T:
        """Run what the process begins with; nothing else may run meanwhile."""
        return self._context.run(self.loop.run_until_complete, main)

    def enter(self, step: Callable[[], object]) -> None:
        """Let something reach the process, and let it run until it waits again.

        Only from a plain callback: a task of another loop may not be interrupted by one of this.
        """
        self.loop.call_soon(step, context=self._context)
        self._run()

    def close(self) -> None:
        """End the process as a machine that is switched off ends."""
        bury(self.loop)

    def _run(self) -> None:
        self.loop.run_at(self._time())
        next_t = self.loop.next_timer()
        if next_t is not None and (self._alarm is None or next_t < self._alarm):
            self._alarm = next_t
            self._at(next_t, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        if not self.loop.is_closed():
            self._run()


class HostLoop(VirtualLoop):
    """A virtual loop that is run from inside another loop's callback."""

    def run_at(self, now: float) -> None:
        """Let it be `now`, and run everything that can run."""
        self._now = max(self._now, now)
        outer = asyncio._get_running_loop()  # noqa: SLF001 - asyncio's own seam for whoever writes a loop
        asyncio._set_running_loop(self)  # noqa: SLF001 - as above
        try:
            while self._ready or self._is_due():
                self._run_once()
        finally:
            asyncio._set_running_loop(outer)  # noqa: SLF001 - as above

    def next_timer(self) -> float | None:
        """Give when the next timer is due; None = there is none."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _is_due(self) -> bool:
        next_t = self.next_timer()
        return next_t is not None and next_t <= self._now
