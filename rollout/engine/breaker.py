"""Whether an endpoint still answers: a breaker that opens when half of the calls fail, and tries again with one."""

from collections import deque
from typing import Final

from rollout.engine.bucket import Lane

WINDOW_S: Final = 30.0
"""Answers count for so long."""
ANSWERS_MIN: Final = 20
"""Fewer answers within the window prove nothing."""
FAILED_SHARE: Final = 0.5
OPEN_S: Final = 10.0
"""After it opened, and after each trial call that failed, nothing is asked for so long."""
TRIAL_S_MAX: Final = 60.0
"""A trial call that is not heard of for so long is given up; a request times out earlier."""


class Breaker:
    """The breaker of one scope and kind of call. Arithmetic; times are engine seconds.

    Closed, everything passes. Open, nothing passes until `OPEN_S` seconds are over, then one trial call: its answer
    closes the breaker, its failure keeps it open. A refusal or a throttled call is an answer, for the endpoint lives.

    Going back is never kept waiting. It passes an open breaker at once, and what becomes of it counts like a trial.
    """

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()
        """[second, answers, failures] of each second with an answer in the window, oldest first."""
        self._opened_t: float | None = None
        self._trial_from_t = 0.0
        self._trial_t: float | None = None
        """When the trial call in flight was let through; None = there is none."""

    @property
    def is_open(self) -> bool:
        """Whether ordinary calls wait, a trial call in flight included."""
        return self._opened_t is not None

    def ready_t(self, t: float, lane: Lane) -> float:
        """Give the first engine second at which a call of `lane` may pass, if nothing else happens until then."""
        if self._opened_t is None or lane is Lane.GOING_BACK:
            return t
        if self._trial_t is not None:
            return max(t, self._trial_t + TRIAL_S_MAX)
        return max(t, self._trial_from_t)

    def passed(self, t: float) -> None:
        """Hear that a call is let through: in an open breaker it is the trial."""
        if self._opened_t is not None:
            self._trial_t = t

    def unused(self) -> None:
        """Hear that a call that was let through is not made."""
        self._trial_t = None

    def answered(self, t: float, asked_t: float, *, ok: bool, times: int = 1) -> None:
        """Hear what became of calls, the last at `asked_t`. Older ones say nothing about an endpoint given up since."""
        if self._opened_t is None:
            self._count(t, times, ok=ok)
        elif asked_t >= self._opened_t:
            self._trial_t = None
            self._trial_from_t = t + OPEN_S
            if ok:
                self._opened_t = None
                self._seconds.clear()

    def _count(self, t: float, times: int, *, ok: bool) -> None:
        second = int(t)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0])
            while self._seconds[0][0] <= t - WINDOW_S:
                self._seconds.popleft()
        self._seconds[-1][1] += times
        if ok:
            return
        self._seconds[-1][2] += times
        answers = sum(each[1] for each in self._seconds)
        failures = sum(each[2] for each in self._seconds)
        if answers >= ANSWERS_MIN and failures >= FAILED_SHARE * answers:
            self._opened_t = t
            self._trial_from_t = t + OPEN_S
            self._trial_t = None
