"""The seeded loop: which of several runnable tasks goes on first is drawn from a seed, so that races are searched for.

Only steps of tasks are taken out of turn. Plain callbacks (timers, futures, time-outs) keep their order of arrival, as
on every real loop: programs may rely on that, and libraries do.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from rollout.simulation.loop import STEPS_MAX, VirtualLoop
from rollout.simulation.trace import Trace

CANDIDATES_MAX: Final = 16
"""A choice is made among the first so many runnable handles."""

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15


class Draws:
    """A quick sequence of 64-bit numbers from a seed (SplitMix64), the same everywhere and for ever."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, limit: int) -> int:
        """Draw from 0 to `limit` - 1; the bias is far below what a search could notice."""
        self._state = (self._state + _GOLDEN) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return (mixed ^ (mixed >> 31)) % limit


class NumberedTask(asyncio.Task[Any]):
    """A task that hashes by its number: task groups cancel a set of tasks, and addresses differ in every process."""

    def __init__(self, number: int, coro: Any, **options: Any) -> None:
        self._number = number  # before the base class, which puts the task into a set
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


class SeededLoop(VirtualLoop):
    """A virtual loop that draws its choices, folds each of them into a trace, and can die at a step."""

    def __init__(self, seed: int, trace: Trace, *, start: float = 0.0, steps_max: int = STEPS_MAX) -> None:
        super().__init__(start=start, steps_max=steps_max)
        self._draws = Draws(seed)
        self._trace = trace
        self._dies_at: int | None = None
        self._die: Callable[[], None] = self.stop
        self._tasks = 0
        self.set_task_factory(self._make_task)

    def die_at(self, step: int, die: Callable[[], None]) -> None:
        """Call `die` in place of the step with this number; nothing runs after it."""
        self._dies_at, self._die = step, die

    def _make_task(self, _: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> NumberedTask:
        self._tasks += 1
        return NumberedTask(self._tasks, coro, loop=self, **options)

    def choose(self, runnable: deque[asyncio.Handle]) -> asyncio.Handle:
        """Take any task's step, or the plain callback that came first."""
        if self._dies_at is not None and self.steps >= self._dies_at:
            self._dies_at = None
            self._die()
            return asyncio.Handle(_nothing, (), self)
        if (count := len(runnable)) == 1:
            self._trace.step(1, 0, self._now)
            return runnable.popleft()
        index = self._index(runnable)
        self._trace.step(count, index, self._now)
        if index == 0:
            return runnable.popleft()
        handle = runnable[index]
        del runnable[index]
        return handle

    def _index(self, runnable: deque[asyncio.Handle]) -> int:
        candidates = []
        plain_seen = False
        for index, handle in zip(range(CANDIDATES_MAX), runnable, strict=False):
            # A task's step is told from a plain callback by whom its callable belongs to.
            if isinstance(getattr(handle._callback, "__self__", None), NumberedTask):  # type: ignore[attr-defined] # noqa: SLF001 - the base loop's own, which its stubs do not tell
                candidates.append(index)
            elif not plain_seen:
                plain_seen = True
                candidates.append(index)
        return candidates[self._draws.below(len(candidates))] if len(candidates) > 1 else candidates[0]


def _nothing() -> None:
    """Stand in for the step that a dead process does not take."""
