"""A process that can be killed: one program on a virtual loop of its own, whose handles are thrown away at death.

Death is as by `kill -9` and no cancellation: nothing of the program runs any more, no `except` and no `finally`. It
comes at a *moment*, a place the program passes on its way to the world outside, each of them numbered from 0. So a
program whose steps are the same each time can be killed at every one of its moments in turn.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from rollout.errors import InvariantBroken
from rollout.simulation.loop import STEPS_MAX, VirtualLoop

T = TypeVar("T")

LoopMaker = Callable[[float, int], VirtualLoop]
"""Makes the loop of one incarnation from its first second and its budget of steps."""

AWAITS_MAX: Final = 100
"""How often one corpse may want to await something on its way out, before it is given up on."""


class ReachedFromTheGrave(InvariantBroken):
    """A killed process touched the world."""


class LeftBehind(InvariantBroken):
    """A process ended by itself and left tasks running."""


class Process:
    """One incarnation. `dies_at` is the number of the moment at which it dies; None = it lives to its end."""

    def __init__(
        self,
        *,
        start: float = 0.0,
        dies_at: int | None = None,
        steps_max: int = STEPS_MAX,
        make_loop: LoopMaker | None = None,
    ) -> None:
        self.moments: list[str] = []
        """What each moment passed so far was about."""
        self.killed = False
        self._dies_at = dies_at
        self._leave: Callable[[], None] = _nothing
        self._loop = make_loop(start, steps_max) if make_loop else VirtualLoop(start=start, steps_max=steps_max)

    @property
    def time(self) -> float:
        """Virtual seconds."""
        return self._loop.time()

    @property
    def steps(self) -> int:
        """Handles executed so far."""
        return self._loop.steps

    def oversleep(self, until: float) -> None:
        """Let it be later without a turn."""
        self._loop.oversleep(until)

    def call_at(self, when: float, act: Callable[[], object]) -> None:
        """Let `act` happen at a virtual second, if the process is still there."""
        self._loop.call_at(when, act)

    def joins(self, connect: Callable[..., Coroutine[Any, Any, Any]], leave: Callable[[], None]) -> None:
        """Give its loop a network, left with `leave` when it ends: `connect` is what `loop.create_connection` does."""
        self._loop.connect, self._leave = connect, leave

    def run(self, main: Coroutine[Any, Any, T]) -> T | None:
        """Run to the end and give the result; None = it was killed before.

        Raises LeftBehind for tasks that outlive `main`, and errors that nobody looked at in an ExceptionGroup.
        """
        try:
            result = self._loop.run_until_complete(main)
            self._look_behind()
        except RuntimeError:
            if not self.killed:
                raise
            return None
        finally:
            self._leave()
            bury(self._loop)
        return result

    async def moment(self, about: str, at_death: Callable[[], object] | None = None) -> None:
        """Pass a moment, or die at it and never return; `at_death` is what the world still does then."""
        if not self.passes(about, at_death):
            await self._loop.create_future()

    def passes(self, about: str, at_death: Callable[[], object] | None = None) -> bool:
        """Pass a moment in the middle of a step; False = it dies here, and the rest of the step must do nothing."""
        self.refuse_if_dead()
        self.moments.append(about)
        if len(self.moments) - 1 != self._dies_at:
            return True
        if at_death is not None:
            at_death()
        self.kill()
        return False

    def kill(self) -> None:
        """Die. A task that calls this runs on to its next await; from a timer nothing runs any more."""
        self.killed = True
        self._loop.stop()

    def refuse_if_dead(self) -> None:
        """Guard every way to the world."""
        if self.killed:
            raise ReachedFromTheGrave("a killed process reached for the world")

    def _look_behind(self) -> None:
        if left := asyncio.all_tasks(self._loop):
            names = ", ".join(sorted(task.get_name() for task in left))
            raise LeftBehind(f"the process ended and left {len(left)} tasks behind: {names}")
        if errors := self._loop.take_unseen():
            raise BaseExceptionGroup("errors that nobody looked at", errors)


def bury(loop: VirtualLoop) -> None:
    """Close a dead process's loop and what is left on it, so that the collector finds nothing to run or complain about.

    Closing runs the last blocks of dead tasks, which is harmless: they find a loop that turns no more, and a world
    that refuses them.
    """
    for task in asyncio.all_tasks(loop):
        setattr(task, "_log_destroy_pending", False)  # noqa: B010 - asyncio's own mark, which its stubs do not tell
        _close(task.get_coro())
    loop.close()


def _close(corpse: Any) -> None:
    """Close a coroutine from the inside out: one closed over an inner that still awaits would lose sight of it."""
    for _ in range(AWAITS_MAX):
        chain = [corpse]
        while hasattr(inner := getattr(chain[-1], "cr_await", None), "close"):
            chain.append(inner)
        try:
            for each in reversed(chain):
                each.close()
        except (RuntimeError, asyncio.CancelledError, InvariantBroken, BaseExceptionGroup):
            continue
        return


def _nothing() -> None:
    """Leave no network."""
