"""The event loop on virtual time: asyncio without selector, sockets or threads, so that hours take milliseconds.

Time moves only when nothing can run, and then jumps to the next timer. So the same program takes the same steps on
every machine, a test asserts the exact seconds that passed, and "nothing will ever happen again" is an error with a
name instead of a hang. Time here is the loop's alone: it begins at `start` and knows no calendar.

The real loop runs its runnable handles in batches. This one runs a single handle a turn, and `choose` is the seam
that picks it: in order of arrival here, drawn from a seed in a subclass that searches for races.
"""

import asyncio
import contextvars
import heapq
import math
import threading
import weakref
from asyncio import base_events
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar, TypeVarTuple

from rollout.errors import InvariantBroken
from rollout.simulation import outside

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STEPS_MAX: Final = 5_000_000
"""Handles one run may execute. A whole storm rehearsal stays far below; a livelock reaches it within a minute."""

CLEANUP_STEPS_MAX: Final = 100_000
"""Handles that cancelled tasks may still execute once the main coroutine has ended, however it ended."""

TASKS_NAMED_MAX: Final = 20
"""Pending tasks that a message names before it only counts them."""

TIMERS_SWEPT_FROM: Final = 1_000
"""Timers below this number are not worth a search for cancelled ones among them."""


class VirtualLoopError(InvariantBroken):
    """The program asked virtual time for something it cannot give."""


class Deadlock(VirtualLoopError):
    """Nothing can run and no timer is left, yet the main coroutine has not ended."""


class StepsExhausted(VirtualLoopError):
    """The program took more steps than its budget: most likely it turns in a circle."""


def run(main: Coroutine[Any, Any, T], *, start: float = 0.0, steps_max: int = STEPS_MAX) -> T:
    """Run `main` to its end on a fresh virtual loop whose time begins at `start` seconds, and give its result.

    Cleans up as `asyncio.run` does: leftover tasks are cancelled, async generators closed. An error that nobody looked
    at (a failed task, a callback that raised) is raised here after all, in an ExceptionGroup; beside an error of `main`
    itself it becomes a note on that one.
    """
    _refuse_nesting(main)
    loop = VirtualLoop(start=start, steps_max=steps_max)
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                result = runner.run(main)
            finally:
                loop.begin_cleanup()
    except BaseException as error:
        for unseen in loop.take_unseen():
            if unseen is not error:
                error.add_note(f"nobody looked at this error either: {unseen!r}")
        raise
    if errors := loop.take_unseen():
        raise BaseExceptionGroup("errors that nobody looked at", errors)
    return result


def elapsed() -> float:
    """Virtual seconds since the running loop began; only inside `run`."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise VirtualLoopError(f"elapsed() counts virtual seconds, and {loop!r} runs on real ones; start it with run()")
    return loop.time() - loop.start


class VirtualLoop(base_events.BaseEventLoop):
    """An asyncio loop whose clock jumps. `choose` decides what runs next."""

    # What the base class keeps and its stubs do not tell.
    _ready: deque[asyncio.Handle]
    _stopping: bool
    _thread_id: int | None

    def __init__(self, *, start: float = 0.0, steps_max: int = STEPS_MAX) -> None:
        super().__init__()
        self.start: Final = start
        self.steps = 0
        """Handles executed so far."""
        self.connect: Callable[..., Coroutine[Any, Any, Any]] | None = None
        """What `create_connection` does; None = there is no network."""
        self._steps_max = steps_max
        self._now = start
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timers_made = 0
        self._timers_swept_at = TIMERS_SWEPT_FROM
        # Tasks and executor futures by number: asyncio's own set of tasks has no order, and so no same trace.
        self._watched: weakref.WeakValueDictionary[int, asyncio.Future[Any]] = weakref.WeakValueDictionary()
        self._watched_made = 0
        self._unseen: list[BaseException] = []

    def choose(self, runnable: deque[asyncio.Handle]) -> asyncio.Handle:
        """Take the handle to run next out of `runnable`, which is never empty: the one that came first."""
        return runnable.popleft()

    def time(self) -> float:
        """Give virtual seconds; they stand still while anything can run."""
        return self._now

    def oversleep(self, until: float) -> None:
        """Let it be `until` without a turn in between, as for a process that was stopped; timers are overdue then."""
        self._now = max(self._now, until)

    def _run_once(self) -> None:
        """Take one turn: let time jump if nothing can run, queue what is due, run one handle."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not self._ready and timers and not self._stopping:
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            self._ready.append(heapq.heappop(timers)[2])
        if not self._ready:
            if self._stopping:
                return
            raise Deadlock(self._describe_deadlock())
        if self.steps >= self._steps_max:
            raise StepsExhausted(self._describe_livelock())  # before the choice: a handle taken and not run is lost
        handle = self.choose(self._ready)
        if handle.cancelled():
            return
        self.steps += 1
        handle._run()  # noqa: SLF001 -- the base loop's own way to run a handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back at virtual time `when`, equal times in order of arrival; an infinite `when` never comes."""
        self._refuse_if_closed()
        if math.isnan(when):
            raise ValueError("a timer needs a time, not NaN")
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        if when < math.inf:
            self._timers_made += 1
            heapq.heappush(self._timers, (when, self._timers_made, timer))
            self._sweep_timers()
        return timer

    def _sweep_timers(self) -> None:
        """Forget cancelled timers before they outnumber the live ones: most time-outs are cancelled long before."""
        if len(self._timers) >= self._timers_swept_at:
            self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
            heapq.heapify(self._timers)
            self._timers_swept_at = max(TIMERS_SWEPT_FROM, 2 * len(self._timers))

    def create_task(
        self,
        coro: Any,
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **options: Any,  # `eager_start` and what later versions add
    ) -> asyncio.Task[Any]:
        """Make a task; one without a name is counted by this loop, so that its name is the same in every run."""
        self._watched_made += 1
        name = f"task-{self._watched_made}" if name is None else name
        task: asyncio.Task[Any] = super().create_task(coro, name=name, context=context, **options)
        self._watched[self._watched_made] = task
        return task

    def run_in_executor(self, executor: object, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:  # noqa: ARG002 -- no executor is ever used
        """Call `func` here and now; its result or error arrives one turn later, as from a very quick thread."""
        self._refuse_if_closed()
        future: asyncio.Future[T] = self.create_future()
        self._watched_made += 1
        self._watched[self._watched_made] = future
        try:
            result = contextvars.copy_context().run(func, *args)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it belongs to who awaits the future
            self.call_soon(_settle, future, future.set_exception, error)
        else:
            self.call_soon(_settle, future, future.set_result, result)
        return future

    def set_default_executor(self, executor: object) -> None:
        """Do nothing: executor calls are made inline, whatever the executor."""

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Call soon, from the loop's own thread only: another thread would bring real time in."""
        if self._thread_id not in {None, threading.get_ident()}:
            raise outside.OutOfReach("call_soon_threadsafe() from another thread: the virtual loop has no threads")
        return self.call_soon(callback, *args, context=context)

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """Connect over the network this loop was given."""
        if self.connect is None:
            outside.refuse("create_connection", outside.NO_NETWORK)
        return await self.connect(*args, **options)

    def _write_to_self(self) -> None:
        """Do nothing: nobody sleeps in a selector, so nobody has to be woken."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep the error for `take_unseen`; a handler that the program has set is called besides."""
        error = context.get("exception")
        self._unseen.append(error if error is not None else VirtualLoopError(str(context.get("message", context))))
        if self.get_exception_handler() is not None:
            super().call_exception_handler(context)

    def take_unseen(self) -> list[BaseException]:
        """Hand out, once, the errors nobody looked at: those reported so far, then those still kept somewhere."""
        for future in self._watched.values():
            error = future.exception() if future._log_traceback else None  # noqa: SLF001 -- asyncio's mark of an error never asked for
            if error is not None:
                self._unseen.append(error)
        unseen, self._unseen = self._unseen, []
        return unseen

    def begin_cleanup(self) -> None:
        """Grant the steps that cancelled tasks need for their last words, even if the budget is spent."""
        self._steps_max = self.steps + CLEANUP_STEPS_MAX

    def close(self) -> None:
        """Close the loop and forget every timer."""
        super().close()
        self._timers.clear()

    def _refuse_if_closed(self) -> None:
        if self.is_closed():
            raise RuntimeError("Event loop is closed")

    def _describe_deadlock(self) -> str:
        return (
            f"deadlock at virtual time {self._now:g} s: nothing can run and no timer is left, "
            f"so these wait for ever: {_name_tasks(self._pending())}"
        )

    def _describe_livelock(self) -> str:
        return (
            f"more than {self._steps_max} steps, at virtual time {self._now:g} s: the program turns in a circle, or "
            f"needs a larger steps_max; pending: {_name_tasks(self._pending())}"
        )

    def _pending(self) -> list[asyncio.Task[Any]]:
        return [task for task in self._watched.values() if isinstance(task, asyncio.Task) and not task.done()]


def _refuse_nesting(main: Coroutine[Any, Any, object]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    main.close()
    raise VirtualLoopError("run() inside a running loop: await the coroutine instead")


def _settle(future: asyncio.Future[T], settle: Callable[[Any], None], outcome: object) -> None:
    if not future.done():  # its waiter may have been cancelled in between
        settle(outcome)


def _name_tasks(tasks: Sequence[asyncio.Task[Any]]) -> str:
    named = ", ".join(f"{task.get_name()} ({_place(task)})" for task in tasks[:TASKS_NAMED_MAX])
    beyond = len(tasks) - TASKS_NAMED_MAX
    return (named or "no task") + (f" and {beyond} more" if beyond > 0 else "")


def _place(task: asyncio.Task[Any]) -> str:
    """Say where a task waits: the innermost of the coroutines that await one another."""
    coroutine: Any = task.get_coro()
    while getattr(inner := getattr(coroutine, "cr_await", None), "cr_frame", None) is not None:
        coroutine = inner
    frame = getattr(coroutine, "cr_frame", None)
    where = f" line {frame.f_lineno}" if frame is not None else ""
    return f"{getattr(coroutine, '__qualname__', coroutine)}{where}"


for _name, _refuse in outside.refusals():
    setattr(VirtualLoop, _name, _refuse)
