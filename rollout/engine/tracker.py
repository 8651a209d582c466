"""The tracker: asks about every operation and deployment in flight from one schedule, with a few questions at once.

One operation costs one slotted record: no task, timer, future or connection. A wheel keeps the records by the time of
their next question; one timer is aimed at its next filled slot. A due record joins its scope's line and gets a permit
of the pacer there. Operations are asked about many at a time where the platform has a bulk port; all else is asked by
workers, one question each. The caller hears each answer through a plain call.

Work is done in bounded portions: however many records are due or answers have come, the loop gets its turn in between.

Of the workers, one scope may keep busy at most as many as are idle besides. So a scope whose answers hang never takes
the last worker from the others; what goes back may take any idle one. The bulk port has a share for the others too.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rollout.core.names import Now, Target
from rollout.core.outcome import Handle, Progress
from rollout.core.snapshot import Look
from rollout.engine.bulk import Bulk
from rollout.engine.clock import Clock
from rollout.engine.due import Due
from rollout.engine.hearing import Hearing
from rollout.engine.line import Tracked
from rollout.engine.lines import Lines
from rollout.engine.pacer import Lane, Pacer
from rollout.engine.sweeps import Sweeps
from rollout.engine.timetable import Learning, Timetable
from rollout.engine.wheel import Wheel
from rollout.engine.workers import WORKERS, Workers
from rollout.errors import InvariantBroken
from rollout.platforms.platform import ListsRunning, Platform, PollsMany

__all__ = ["WORKERS", "Tell", "TellLook", "Tracked", "Tracker"]

TRACKED_MAX: Final = 2_000_000
"""Records at once; each takes some hundred bytes."""
PORTION: Final = 1_024
"""Records or answers seen to before the loop gets its turn."""

Tell = Callable[[Progress, Now], bool]
TellLook = Callable[[Look], bool]


class Tracker:
    """Every handle and deployment the process watches. `run` does the asking; until it runs, records only wait.

    `draw` gives chance from [0, 1) for the jitter of back-offs.
    """

    def __init__(
        self,
        platform: Platform,
        pacer: Pacer,
        clock: Clock,
        *,
        draw: Callable[[], float],
        workers: int = WORKERS,
        timetable: Timetable | None = None,
        listing_s: float | None = None,
    ) -> None:
        """List a scope with many operations once in each `listing_s`; None = never."""
        self._platform = platform
        self._pacer = pacer
        self._clock = clock
        self.timetable = timetable or Learning()
        self._runs = False
        self._wheel: Wheel[Tracked] = Wheel()
        self._wake = asyncio.Event()
        self._lines = Lines(pacer, workers, self._wake.set, self._put_off)
        self._due = Due(self.timetable, pacer, draw)
        self._worker_count = workers
        self._sweeps: Sweeps | None = None
        if listing_s is not None and isinstance(platform, ListsRunning):
            self._sweeps = Sweeps(platform, pacer, clock, self.timetable, listing_s, ask=self._ask_now)
        self._hearing = Hearing(
            pacer,
            self._due,
            self.timetable,
            self._sweeps,
            again=self._schedule,
            again_all=self._schedule_all,
            done=self._done,
        )
        self._workers = Workers(platform, pacer, clock, self._lines, hear=self._hearing.hear, again=self._schedule)
        self._timer: asyncio.TimerHandle | None = None
        self._aimed_t: float | None = None

    def poll(
        self,
        handle: Handle,
        tell: Tell,
        *,
        due_t: float,
        going_back: bool = False,
        since_t: float | None = None,
        kind: str = "",
        share: str = "",
    ) -> Tracked:
        """Ask about an operation, in lane GOING_BACK or FORWARD, until `tell` returns True.

        `tell` hears every answer, in a turn of the loop soon after the one that read it. An answer is wanted soon after
        engine second `due_t` in any case. `since_t` is when the operation began, None = now; how long it may take is
        learned from others of its `kind`. Where questions have to wait, each `share` gets its turn. First questions
        are spread by the ids of their handles.
        """
        lane = Lane.GOING_BACK if going_back else Lane.FORWARD
        now_t = self._clock.now().t
        born_t = now_t if since_t is None else min(since_t, now_t)
        first_t = self._due.first_t(handle, kind, now_t, now_t - born_t, self._lines.held)
        record = Tracked(handle, handle.scope, lane, tell, born_t, due_t, share, kind, born_t, first_t, born_t)
        if self._sweeps is not None:
            self._sweeps.add(handle, record)
        return self._track(record)

    def look(
        self,
        target: Target,
        scope: str,
        tell: TellLook,
        *,
        due_t: float,
        lane: Lane = Lane.FORWARD,
        share: str = "",
    ) -> Tracked:
        """Look at a deployment, at once and again until `tell` returns True; otherwise as `poll`."""
        now_t = self._clock.now().t
        return self._track(Tracked(target, scope, lane, tell, now_t, due_t, share, "", now_t, now_t, now_t))

    async def run(self) -> None:
        """Ask until cancelled; a later run goes on with what is left. One run at a time.

        What the platform or a `tell` raises is our own mistake: it ends the run, in an ExceptionGroup.
        """
        if self._runs:
            raise InvariantBroken("the tracker runs already: one run serves the whole process")
        self._runs = True
        self._lines.stir_all()
        try:
            async with contextlib.AsyncExitStack() as stack:
                if isinstance(self._platform, PollsMany):
                    poll_many = await stack.enter_async_context(self._platform.polling())
                    self._lines.bulk = Bulk(poll_many, self._platform.questions_max, self._wake.set)
                group = await stack.enter_async_context(asyncio.TaskGroup())
                for number in range(self._worker_count):
                    group.create_task(self._workers.work(), name=f"tracker worker {number}")
                if self._sweeps is not None:
                    group.create_task(self._sweeps.run(), name="tracker listings")
                while True:
                    self._wake.clear()
                    if self._turn():
                        await asyncio.sleep(0)
                    else:
                        await self._wake.wait()
        finally:
            self._stop()

    def _stop(self) -> None:
        self._runs = False
        now_t = self._clock.now().t
        for record in self._lines.stop():
            self._schedule(record, now_t)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def polls(self) -> int:
        """Operations asked about so far."""
        return self._workers.polls + self._lines.sent

    @property
    def looks(self) -> int:
        """Deployments looked at so far."""
        return self._workers.looks

    @property
    def pages(self) -> int:
        """Pages of listings read so far."""
        return 0 if self._sweeps is None else self._sweeps.pages

    @property
    def held(self) -> int:
        """How many operations and deployments are being followed."""
        return self._lines.held

    def late_s(self) -> dict[str, float]:
        """Give for each scope how long the question has been due that waits longest for its turn; 0 = none waits."""
        now_t = self._clock.now().t
        since = {line.scope: line.oldest_t() for line in self._lines}
        return {scope: 0.0 if t is None else now_t - t for scope, t in since.items()}

    def _track(self, record: Tracked) -> Tracked:
        if self._lines.held >= TRACKED_MAX:
            raise InvariantBroken(f"more than {TRACKED_MAX} operations and deployments are tracked at once")
        self._lines.held += 1
        self._schedule(record, record.next_t)
        return record

    def _schedule(self, record: Tracked, t: float) -> None:
        record.next_t = t
        record.waits = True
        self._wheel.put(t, record)
        if self._aimed_t is None or t < self._aimed_t:
            self._wake.set()

    def _schedule_all(self, records: Sequence[Tracked], times: Iterable[float]) -> None:
        """Schedule within a turn, which aims the timer in its end."""
        dated = list(zip(times, records, strict=True))
        for t, record in dated:
            record.next_t = t
            record.waits = True
        self._wheel.put_all(dated)

    def _turn(self) -> bool:
        """Tell what was answered, move what is due into its line, serve the lines that changed, and aim the timer.

        True = there is more to do at once.
        """
        now = self._clock.now()
        more = self._hear_bulk(now)
        due = 0
        while due < PORTION and (slot := self._wheel.take_slot(now.t)):
            due += len(slot)
            self._lines.join(self._ready(slot, now.t), now.t)
        self._lines.serve_stirred(now.t)
        self._aim()
        return more or (self._aimed_t is not None and self._aimed_t <= now.t)

    def _ready(self, slot: list[Tracked], t: float) -> list[Tracked]:
        """Give the records of a slot that are to be asked about; others are due later, or have moved since."""
        listed, ready = self._sweeps is not None, []
        for record in slot:
            if not record.waits or record.next_t > t:
                continue
            record.waits = False
            if record.tell is None:
                self._done(record)
            elif not (listed and self._put_off(record, t)):
                ready.append(record)
        return ready

    def _put_off(self, record: Tracked, t: float) -> bool:
        """Ask later about what a listing answers meanwhile; False = it cannot wait."""
        later_t = None if self._sweeps is None else self._sweeps.put_off_t(record, t)
        if later_t is None:
            return False
        self._schedule(record, later_t)
        return True

    def _done(self, record: Tracked) -> None:
        self._lines.held -= 1
        record.cancel()
        if self._sweeps is not None and isinstance(record.subject, Handle):
            self._sweeps.forget(record.subject, record)

    def _ask_now(self, record: Tracked) -> None:
        """Ask as soon as possible what would be asked later."""
        if record.waits:
            self._schedule(record, self._clock.now().t)

    def _aim(self) -> None:
        """Aim the one timer at the next slot, unless it is already."""
        next_t = self._wheel.next_t()
        if self._timer is not None:
            if next_t == self._aimed_t:
                return
            self._timer.cancel()
        self._aimed_t = next_t
        self._timer = None if next_t is None else self._clock.call_at(next_t, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._wake.set()

    def _hear_bulk(self, now: Now) -> bool:
        """Tell a portion of the bulk port's answers; True = there are more."""
        bulk = self._lines.bulk
        if bulk is None or not bulk.heard:
            return False
        self._hearing.hear_many(bulk, PORTION, now)
        self._lines.serve_crowded(now.t)
        return bool(bulk.heard)
