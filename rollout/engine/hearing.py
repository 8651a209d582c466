"""What an answer does: the caller is told, the pacer and the timetable learn, and the next question is dated."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from rollout.core.names import Now
from rollout.core.outcome import Failed, Handle, Progress, Running, Succeeded, Unreachable
from rollout.core.snapshot import Observation
from rollout.engine.bulk import Bulk
from rollout.engine.due import RUNNING, Due
from rollout.engine.eyes import as_look, tell_pacer
from rollout.engine.line import Tracked
from rollout.engine.pacer import Kind, Pacer
from rollout.engine.sweeps import Sweeps
from rollout.engine.timetable import Timetable

_SCOPE: Final = attrgetter("scope")
_ASKED: Final = attrgetter("asked_t")


class Hearing:
    """Hears answers.

    `again` dates a record's next question, `again_all` those of several; `done` lets go of a record that heard enough.
    """

    def __init__(
        self,
        pacer: Pacer,
        due: Due,
        timetable: Timetable,
        sweeps: Sweeps | None,
        *,
        again: Callable[[Tracked, float], None],
        again_all: Callable[[Sequence[Tracked], Iterable[float]], None],
        done: Callable[[Tracked], None],
    ) -> None:
        self._pacer = pacer
        self._due = due
        self._timetable = timetable
        self._sweeps = sweeps
        self._again = again
        self._again_all = again_all
        self._done = done

    def hear_many(self, bulk: Bulk, count_max: int, now: Now) -> None:
        """Tell at most so many of the bulk port's answers."""
        running = bulk.take_running(count_max)
        for scope, records in groupby(running, _SCOPE):
            self._hear_running(scope, list(records), now)
        for record, progress in bulk.take_others(count_max - len(running)):
            if isinstance(progress, Unreachable):
                tell_pacer(self._pacer, record.scope, record.asked_t, progress)
            else:
                self._pacer.answered(record.scope, Kind.READ, record.asked_t, ok=True)
            self.hear(record, progress, now)

    def _hear_running(self, scope: str, records: list[Tracked], now: Now) -> None:
        """Tell that operations of one scope are in progress: `hear` would come to the same, in thrice the time."""
        self._pacer.answered(scope, Kind.READ, max(map(_ASKED, records)), ok=True, times=len(records))
        again, plain = [], self._sweeps is None
        for record in records:
            tell = record.tell
            if not plain or record.errors or tell is None:
                self.hear(record, RUNNING, now)
                continue
            record.known_t = record.asked_t
            if tell(RUNNING, now) or record.tell is None:
                self._done(record)
            else:
                again.append(record)
        self._again_all(again, self._due.next_running_ts(again, now.t))

    def hear(self, record: Tracked, answer: Progress | Observation, now: Now) -> None:
        """Tell an answer, and schedule the next question if it was not enough."""
        if isinstance(answer, Unreachable):
            record.errors += 1
        else:
            record.errors = 0
            if record.repeats:
                self._pacer.repay(record.scope, Kind.READ)
        record.repeats = False
        if self._sweeps is not None:
            self._sweeps.heard(record, answer)
        words = (answer, now) if isinstance(record.subject, Handle) else (as_look(answer, now),)
        if isinstance(answer, Running):
            record.known_t = record.asked_t
        elif isinstance(answer, Succeeded | Failed):
            self._timetable.learn(record.kind, record.known_t - record.born_t, now.t - record.born_t)
        if record.tell is None or record.tell(*words) or record.tell is None:
            self._done(record)
        else:
            self._again(record, self._due.next_t(record, answer, now.t))
