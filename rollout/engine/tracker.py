"""The tracker: asks about every operation and deployment in flight from one schedule, with a few workers.

One operation costs one slotted record: no task, timer, future or connection. A wheel keeps the records by the time of
their next question; one timer is aimed at its next filled slot. A due record joins its scope's line, gets a permit of
the pacer there, and is asked by a worker. The caller hears each answer through a plain call.

Of the workers, one scope may keep busy at most as many as are idle besides. So a scope whose answers hang never takes
the last worker from the others; what goes back may take any idle one.
"""

import asyncio
import zlib
from collections.abc import Callable
from typing import Final

from rollout.core.names import Now, Target
from rollout.core.outcome import Handle, Progress, Unreachable
from rollout.core.snapshot import Look, Observation
from rollout.engine.bucket import retry_after
from rollout.engine.clock import Clock
from rollout.engine.eyes import tell_pacer
from rollout.engine.line import Line, Tracked
from rollout.engine.pacer import Kind, Lane, Pacer, jitter
from rollout.engine.wheel import TICK_S, Wheel
from rollout.errors import InvariantBroken
from rollout.platforms.platform import Platform

__all__ = ["INTERVAL_S_MAX", "INTERVAL_S_MIN", "WORKERS", "Tell", "TellLook", "Tracked", "Tracker", "interval"]

WORKERS: Final = 64
"""Questions in flight at once."""
TRACKED_MAX: Final = 1_000_000
"""Records at once; each takes some hundred bytes."""
INTERVAL_OF_AGE: Final = 0.2
INTERVAL_S_MIN: Final = 0.25
INTERVAL_S_MAX: Final = 30.0

Tell = Callable[[Progress, Now], bool]
TellLook = Callable[[Look], bool]


def interval(age_s: float) -> float:
    """Give the seconds between two questions while durations are not known: a fifth of the age, whatever the scale."""
    return min(max(INTERVAL_OF_AGE * age_s, INTERVAL_S_MIN), INTERVAL_S_MAX)


class Tracker:
    """Every handle and deployment the process watches. `run` does the asking; until it runs, records only wait.

    `draw` gives chance from [0, 1) for the jitter of back-offs.
    """

    def __init__(
        self, platform: Platform, pacer: Pacer, clock: Clock, *, draw: Callable[[], float], workers: int = WORKERS
    ) -> None:
        self._platform = platform
        self._pacer = pacer
        self._clock = clock
        self._draw = draw
        self._workers = workers
        self._idle = workers
        self._held = 0
        self.polls = 0
        """Operations asked about so far."""
        self.looks = 0
        """Deployments looked at so far."""
        self._runs = False
        self._wheel: Wheel[Tracked] = Wheel()
        self._lines: dict[str, Line] = {}
        self._stirred: dict[Line, None] = {}
        """Lines whose wish for a permit was granted since the last turn."""
        self._crowded: dict[Line, None] = {}
        """Lines that wait for a worker, in the order in which they began to."""
        self._asking: asyncio.Queue[Tracked] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._aimed_t: float | None = None

    def poll(self, handle: Handle, tell: Tell, *, due_t: float, going_back: bool = False) -> Tracked:
        """Ask about an operation, in lane GOING_BACK or FORWARD, until `tell` returns True.

        `tell` hears every answer in the very turn of the loop that read it. An answer is wanted soon after engine
        second `due_t` in any case. First questions are spread by the ids of their handles.
        """
        lane = Lane.GOING_BACK if going_back else Lane.FORWARD
        now_t = self._clock.now().t
        record = Tracked(handle, handle.scope, lane, tell, born_t=now_t, due_t=due_t)
        return self._track(record, now_t + INTERVAL_S_MIN * _spread(handle.id))

    def look(self, target: Target, scope: str, tell: TellLook, *, due_t: float, lane: Lane = Lane.FORWARD) -> Tracked:
        """Look at a deployment, at once and again until `tell` returns True; otherwise as `poll`."""
        now_t = self._clock.now().t
        return self._track(Tracked(target, scope, lane, tell, born_t=now_t, due_t=due_t), now_t)

    async def run(self) -> None:
        """Ask until cancelled; a later run goes on with what is left. One run at a time.

        What the platform or a `tell` raises is our own mistake: it ends the run, in an ExceptionGroup.
        """
        if self._runs:
            raise InvariantBroken("the tracker runs already: one run serves the whole process")
        self._runs = True
        # A run before this one may have left records in lines that nothing else would stir again.
        self._stirred = dict.fromkeys(self._lines.values())
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._workers):
                    group.create_task(self._work(), name=f"tracker worker {number}")
                while True:
                    self._wake.clear()
                    self._turn()
                    await self._wake.wait()
        finally:
            self._runs = False
            for line in self._lines.values():
                self._withdraw(line)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def late_s(self) -> dict[str, float]:
        """Give for each scope how long the question has been due that waits longest for its turn; 0 = none waits."""
        now_t = self._clock.now().t
        since = {scope: line.oldest_t() for scope, line in self._lines.items()}
        return {scope: 0.0 if t is None else now_t - t for scope, t in since.items()}

    def _track(self, record: Tracked, first_t: float) -> Tracked:
        if self._held >= TRACKED_MAX:
            raise InvariantBroken(f"more than {TRACKED_MAX} operations and deployments are tracked at once")
        self._held += 1
        self._schedule(record, first_t)
        return record

    def _schedule(self, record: Tracked, t: float) -> None:
        self._wheel.put(t, record)
        if self._aimed_t is None or t < self._aimed_t:
            self._wake.set()

    def _turn(self) -> None:
        """Move what is due into its line, serve the lines that changed, and aim the timer at what comes next."""
        now_t = self._clock.now().t
        lines, self._stirred = self._stirred, {}
        for record in self._wheel.take_due(now_t):
            line = self._lines.get(record.scope)
            if line is None:
                line = self._lines[record.scope] = Line(record.scope)
            line.add(record, record.lane_at(now_t), now_t)
            lines[line] = None
        for line in lines:
            self._serve(line)
        if self._timer is not None:
            self._timer.cancel()
        self._aimed_t = self._wheel.next_t()
        self._timer = None if self._aimed_t is None else self._clock.call_at(self._aimed_t, self._wake.set)

    def _serve(self, line: Line) -> None:
        """Hand out the line's records, the most important first, while there are workers and permits for them."""
        self._crowded.pop(line, None)
        while True:
            self._held -= line.drop_cancelled()
            first = line.first()
            if first is None:
                self._withdraw(line)
                return
            lane, record = first
            if self._idle <= 0 or (line.busy >= self._idle and lane is not Lane.GOING_BACK):
                self._withdraw(line)
                self._crowded[line] = None
                return
            if line.permits:
                line.permits -= 1
            elif not self._pacer.try_permit(line.scope, Kind.READ, lane):
                self._wish(line, lane, record.joined_t)
                return
            self._idle -= 1
            line.busy += 1
            self._asking.put_nowait(line.pop())

    def _wish(self, line: Line, lane: Lane, since_t: float) -> None:
        """Have one wish with the pacer, as important and as old as the line's first record."""
        if line.wish is not None and line.wish.lane is lane:
            return

        def granted() -> None:
            line.wish = None
            line.permits += 1
            self._stirred[line] = None
            self._wake.set()

        if line.wish is not None:
            line.wish.cancel()
        line.wish = self._pacer.ask(line.scope, Kind.READ, lane, granted, since_t=since_t, crowd=line.count)

    def _withdraw(self, line: Line) -> None:
        """Keep neither a wish nor an unused permit for a line that cannot ask."""
        if line.wish is not None:
            line.wish.cancel()
            line.wish = None
        while line.permits:
            line.permits -= 1
            self._pacer.give_back(line.scope, Kind.READ)

    async def _work(self) -> None:
        while True:
            record = await self._asking.get()
            try:
                await self._ask(record)
            except asyncio.CancelledError:
                self._schedule(record, self._clock.now().t)
                raise
            finally:
                self._idle += 1
                self._lines[record.scope].busy -= 1
            for line in tuple(self._crowded):
                self._serve(line)

    async def _ask(self, record: Tracked) -> None:
        """Put one question if its answer is still wanted, tell it, and schedule the next one if that was not enough."""
        if not record.wanted:
            self._held -= 1
            self._pacer.give_back(record.scope, Kind.READ)
            return
        if self._pacer.is_closed(record.scope, Kind.READ):
            # A Retry-After came after the permit and before the question.
            self._pacer.give_back(record.scope, Kind.READ)
            self._schedule(record, self._clock.now().t)
            return
        record.asked_t = self._clock.now().t
        if isinstance(record.subject, Handle):
            self.polls += 1
        else:
            self.looks += 1
        answer, words = await self._answer(record.subject)
        tell_pacer(self._pacer, record.scope, record.asked_t, answer)
        if isinstance(answer, Unreachable):
            record.errors += 1
        else:
            record.errors = 0
            if record.repeats:
                self._pacer.repay(record.scope, Kind.READ)
        record.repeats = False
        if record.tell is None or record.tell(*words) or not record.wanted:
            self._held -= 1
            record.cancel()
        else:
            self._schedule(record, self._next_t(record, answer))

    async def _answer(self, subject: Handle | Target) -> tuple[Progress | Observation, tuple[object, ...]]:
        """Give the platform's answer, and the words in which `tell` hears it."""
        try:
            if isinstance(subject, Handle):
                progress = await self._platform.poll(subject)
                return progress, (progress, self._clock.now())
            seen = await self._platform.observe(subject)
            return seen, (Look(seen, self._clock.now()),)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # A task group takes this for an ordinary end: the worker would be gone, and its record never asked again.
            raise InvariantBroken(f"the platform cancelled a question about {subject}") from error

    def _next_t(self, record: Tracked, answer: Progress | Observation) -> float:
        """Give the time of the record's next question, now that `answer` was not enough."""
        now_t = self._clock.now().t
        not_before_t = now_t
        regular_t = now_t + interval(now_t - record.born_t)
        if isinstance(answer, Unreachable):
            not_before_t += retry_after(answer.retry_after_s)
            regular_t = max(not_before_t, self._repeat_t(record, now_t, regular_t))
        if record.due_t is not None and record.asked_t > record.due_t:
            record.due_t = None
        if record.due_t is None or regular_t <= record.due_t:
            return regular_t
        return min(regular_t, max(not_before_t, record.due_t + TICK_S))

    def _repeat_t(self, record: Tracked, now_t: float, timetable_t: float) -> float:
        """Give the time at which to ask again after an error: backed off, and sooner than the timetable if affordable.

        A question by the timetable is no repeat, so without budget nobody waits longer than that; what goes back waits
        no longer than its backing off.
        """
        soon_t = now_t + jitter(record.errors - 1, self._draw())
        if soon_t >= timetable_t:
            return soon_t
        record.repeats = self._pacer.may_repeat(record.scope, Kind.READ, record.lane)
        return soon_t if record.repeats else timetable_t


def _spread(text: str) -> float:
    """Give a number from [0, 1) that is the same in every process."""
    return zlib.crc32(text.encode()) / 2**32
