"""Who waits for one bucket: by importance, then by age, with the one timer aimed at the next permit."""

from bisect import bisect_left, insort
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rollout.engine.breaker import Breaker
from rollout.engine.bucket import Bucket, Lane, Pace
from rollout.engine.budget import Budget
from rollout.engine.clock import Clock
from rollout.errors import InvariantBroken

if TYPE_CHECKING:
    from asyncio import TimerHandle

WAITING_MAX: Final = 20_000
"""Permits waited for in one bucket. A runner waits for one at a time, so this is more services than anybody runs."""

Crowd = Callable[[Lane], int]


class Wish:
    """A permit somebody waits for."""

    __slots__ = ("_queue", "age", "crowd", "granted", "lane", "repeat")

    def __init__(
        self,
        queue: "Queue",
        lane: Lane,
        age: tuple[float, int],
        granted: Callable[[], None],
        *,
        repeat: bool,
        crowd: Crowd | None,
    ) -> None:
        self._queue = queue
        self.lane = lane
        """How important it is."""
        self.age = age
        """Since when it counts as waiting, and a number that tells apart who came at the same time."""
        self.granted = granted
        self.repeat = repeat
        """It is for a call made before, so it needs budget too."""
        self.crowd = crowd
        """How many of each lane stand behind this one wish; None = it stands for itself."""

    def cancel(self) -> None:
        """Stop waiting; nothing happens if it was granted or cancelled before."""
        self._queue.forget(self)


class Queue:
    """One scope's reads or writes: the bucket, the breaker and the budget, and who waits for them.

    A repeat without budget waits, and lets pass who needs none. The budget never stops what goes back.
    """

    def __init__(self, clock: Clock, pace: Pace) -> None:
        t = clock.now().t
        self._clock = clock
        self.bucket = Bucket(pace, t)
        self.breaker = Breaker()
        self.budget = Budget(t)
        self.throttles = 0
        """Throttled answers so far."""
        self.repeats = 0
        """Repeats so far."""
        self.throttled_t: float | None = None
        """When the last throttled answer came."""
        self._lanes: dict[Lane, tuple[list[Wish], list[Wish]]] = {lane: ([], []) for lane in sorted(Lane, reverse=True)}
        """Of each lane first tries and repeats, each the oldest first."""
        self._wishes = 0
        self._number = 0
        self._timer: TimerHandle | None = None

    def try_take(self, lane: Lane, *, repeat: bool = False) -> bool:
        """Take a permit if there is one now and nobody as important could have it instead."""
        first = self._first()
        if first is not None and first.lane >= lane:
            return False
        return self._take(lane, repeat=repeat)

    def try_take_many(self, lane: Lane, count: int) -> int:
        """Take at most `count` permits for first tries, as many as `try_take` would give one after the other."""
        first = self._first() if self._wishes else None
        t = self._clock.now().t
        if (first is not None and first.lane >= lane) or self.breaker.ready_t(t, lane) > t:
            return 0
        # While the breaker is open, one trial call passes.
        taken = self.bucket.take(t, lane, 1 if self.breaker.is_open else count)
        if taken:
            self.breaker.passed(t)
            self.budget.called(t, taken)
        return taken

    def wait(
        self, lane: Lane, granted: Callable[[], None], *, repeat: bool, since_t: float | None, crowd: Crowd | None
    ) -> Wish:
        """Join the line; `since_t` = since when it counts as waiting there, None = now."""
        if self._wishes >= WAITING_MAX:
            raise InvariantBroken(f"more than {WAITING_MAX} permits are waited for in one bucket")
        self._number += 1
        age = (self._clock.now().t if since_t is None else since_t, self._number)
        wish = Wish(self, lane, age, granted, repeat=repeat, crowd=crowd)
        insort(self._line(wish), wish, key=_age)
        self._wishes += 1
        self._aim()
        return wish

    def forget(self, wish: Wish) -> None:
        """Let somebody leave the line."""
        line = self._line(wish)
        at = bisect_left(line, wish.age, key=_age)
        if at < len(line) and line[at] is wish:
            del line[at]
            self._wishes -= 1
            self._aim()

    def give_back(self) -> None:
        """Take an unused permit back."""
        self.bucket.give_back(self._clock.now().t)
        self.breaker.unused()
        self._aim()

    def throttled(self, retry_after_s: float | None) -> None:
        """Learn that the platform answered `too many`."""
        self.throttles += 1
        self.throttled_t = self._clock.now().t
        self.bucket.throttled(self.throttled_t, retry_after_s)
        self._aim()

    def answered(self, asked_t: float, *, ok: bool, times: int = 1) -> None:
        """Learn what became of calls, the last made at `asked_t`."""
        was_open = self.breaker.is_open
        self.breaker.answered(self._clock.now().t, asked_t, ok=ok, times=times)
        if was_open or self.breaker.is_open:
            self._aim()

    def repay(self) -> None:
        """Learn that a repeat was answered."""
        self.budget.repay(self._clock.now().t)
        self._aim()

    def may_repeat(self, lane: Lane) -> bool:
        """Take one repeat from the budget, if there is one or it is to go back."""
        t = self._clock.now().t
        if not self.budget.affords(t) and lane is not Lane.GOING_BACK:
            return False
        self.budget.spend(t)
        self.repeats += 1
        return True

    def waiting(self) -> dict[Lane, int]:
        """Count who waits, by lane."""
        counts = dict.fromkeys(self._lanes, 0)
        for fresh, repeats in self._lanes.values():
            for wish in (*fresh, *repeats):
                if wish.crowd is None:
                    counts[wish.lane] += 1
                else:
                    for lane in counts:
                        counts[lane] += wish.crowd(lane)
        return counts

    def _line(self, wish: Wish) -> list[Wish]:
        return self._lanes[wish.lane][wish.repeat]

    def _first(self) -> Wish | None:
        """Give who is next: the oldest of the most important lane in which anybody has what a repeat needs."""
        affords: bool | None = None
        for lane, (fresh, repeats) in self._lanes.items():
            if repeats and affords is None:
                affords = self.budget.affords(self._clock.now().t)
            could = fresh[:1] + (repeats[:1] if affords or lane is Lane.GOING_BACK else [])
            if could:
                return min(could, key=_age)
        return None

    def _take(self, lane: Lane, *, repeat: bool) -> bool:
        t = self._clock.now().t
        if self.breaker.ready_t(t, lane) > t:
            return False
        if repeat and lane is not Lane.GOING_BACK and not self.budget.affords(t):
            return False
        if not self.bucket.take(t, lane):
            return False
        self.breaker.passed(t)
        self.budget.called(t)
        if repeat:
            self.budget.spend(t)
            self.repeats += 1
        return True

    def _grant(self) -> None:
        """Give out what there is, most important first."""
        self._timer = None
        # The first in line needs no more than those behind it, so where it cannot be served nobody can.
        while (wish := self._first()) is not None and self._take(wish.lane, repeat=wish.repeat):
            self._line(wish).pop(0)
            self._wishes -= 1
            wish.granted()
        self._aim()

    def _aim(self) -> None:
        """Aim the timer at the moment when somebody may be served; no timer while nobody waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._wishes:
            return
        t, times = self._clock.now().t, []
        if (wish := self._first()) is not None:
            times.append(max(self.bucket.ready_t(t, wish.lane), self.breaker.ready_t(t, wish.lane)))
        if not self.budget.affords(t) and any(repeats for _, repeats in self._lanes.values()):
            times.append(self.budget.ready_t(t))
        self._timer = self._clock.call_at(min(times), self._grant)


def _age(wish: Wish) -> tuple[float, int]:
    return wish.age
