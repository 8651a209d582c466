"""What an answer does: the caller is told, the pacer and the timetable learn, and the next question is dated."""

import math
from collections.abc import Callable
from typing import Final

from rollout.core.names import Now
from rollout.core.outcome import Failed, Handle, Progress, Running, Succeeded, Unreachable
from rollout.core.snapshot import Observation
from rollout.engine.bulk import Bulk
from rollout.engine.due import Due
from rollout.engine.eyes import as_look, tell_pacer
from rollout.engine.line import Tracked
from rollout.engine.pacer import Kind, Pacer
from rollout.engine.sweeps import Sweeps
from rollout.engine.timetable import Timetable

_NONE: Final = (-math.inf, 0)


class Hearing:
    """Hears answers. `again` dates a record's next question, `done` lets go of a record that has heard enough."""

    def __init__(
        self,
        pacer: Pacer,
        due: Due,
        timetable: Timetable,
        sweeps: Sweeps | None,
        *,
        again: Callable[[Tracked, float], None],
        done: Callable[[Tracked], None],
    ) -> None:
        self._pacer = pacer
        self._due = due
        self._timetable = timetable
        self._sweeps = sweeps
        self._again = again
        self._done = done

    def hear_many(self, bulk: Bulk, count_max: int, now: Now) -> None:
        """Tell at most so many of the bulk port's answers."""
        good: dict[str, tuple[float, int]] = {}
        popleft, again, next_t = bulk.heard.popleft, self._again, self._due.next_running_t
        plain = self._sweeps is None
        for _ in range(bulk.begin_hearing(count_max)):
            record, progress = popleft()
            scope = record.scope
            if isinstance(progress, Unreachable):
                tell_pacer(self._pacer, scope, record.asked_t, progress)
                self.hear(record, progress, now)
                continue
            asked_t, times = good.get(scope, _NONE)
            good[scope] = max(asked_t, record.asked_t), times + 1
            if plain and isinstance(progress, Running) and not record.errors and (tell := record.tell) is not None:
                # Nearly every answer is this one; `hear` would come to the same, in twice the time.
                record.known_t = record.asked_t
                if tell(progress, now) or record.tell is None:
                    self._done(record)
                else:
                    again(record, next_t(record, now.t))
            else:
                self.hear(record, progress, now)
        for scope, (asked_t, times) in good.items():
            self._pacer.answered(scope, Kind.READ, asked_t, ok=True, times=times)

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
