"""The time of a record's next question: by the timetable, by what went wrong, and by when an answer is wanted."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from rollout.core.outcome import Handle, Progress, Running, Unreachable
from rollout.core.snapshot import Observation
from rollout.engine.bucket import retry_after
from rollout.engine.line import Tracked
from rollout.engine.pacer import Kind, Pacer, jitter
from rollout.engine.timetable import Timetable, interval
from rollout.engine.wheel import TICK_S

RUNNING: Final = Running()
SPREAD_S: Final = 2e-5
"""Seconds over which first questions are spread, for each record there is."""


class Due:
    """What says when. `draw` gives chance from [0, 1) for the jitter of back-offs."""

    def __init__(self, timetable: Timetable, pacer: Pacer, draw: Callable[[], float]) -> None:
        self._timetable = timetable
        self._pacer = pacer
        self._draw = draw

    def first_t(self, handle: Handle, kind: str, now_t: float, age_s: float, others: int) -> float:
        """Give the time of the first question: spread, by the handle, over the first interval or so that others fit."""
        window_s = max(self._timetable.interval_s(kind, age_s), others * SPREAD_S)
        return now_t + window_s * zlib.crc32(handle.id.encode()) / 2**32

    def next_t(self, record: Tracked, answer: Progress | Observation, now_t: float) -> float:
        """Give the time of the record's next question, now that `answer` was not enough."""
        not_before_t = now_t
        regular_t = self._regular_t(record, now_t)
        if isinstance(answer, Unreachable):
            not_before_t += retry_after(answer.retry_after_s)
            regular_t = max(not_before_t, self._repeat_t(record, now_t, regular_t))
        if record.due_t is not None and record.asked_t > record.due_t:
            record.due_t = None
        if record.due_t is None or regular_t <= record.due_t:
            return regular_t
        return min(regular_t, max(not_before_t, record.due_t + TICK_S))

    def next_running_ts(self, records: Iterable[Tracked], now_t: float) -> Iterator[float]:
        """Give the same for operations that are said to be in progress, as nearly all are, for less."""
        interval_s = self._timetable.interval_s
        for record in records:
            since_t, due_t = record.next_t, record.due_t
            every_s = interval_s(record.kind, since_t - record.born_t)
            regular_t = since_t + every_s
            if regular_t - every_s / 2 <= now_t:
                regular_t = now_t + interval_s(record.kind, now_t - record.born_t)
            if due_t is None or (regular_t <= due_t and record.asked_t <= due_t):
                yield regular_t
            else:
                yield self.next_t(record, RUNNING, now_t)

    def _regular_t(self, record: Tracked, now_t: float) -> float:
        """Give the next time by the timetable. It does not slip with each answer unless questions are much too late."""
        every_s = self._interval_s(record, record.next_t)
        if record.next_t + every_s / 2 > now_t:
            return record.next_t + every_s
        return now_t + self._interval_s(record, now_t)

    def _interval_s(self, record: Tracked, t: float) -> float:
        if isinstance(record.subject, Handle):
            return self._timetable.interval_s(record.kind, t - record.born_t)
        return interval(t - record.born_t)

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
