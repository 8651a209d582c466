"""The pacer: who may ask or call next in each scope, by importance, at the rate the platform takes."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from rollout.engine.bucket import Bucket, Lane, Pace
from rollout.engine.clock import Clock
from rollout.errors import InvariantBroken

__all__ = ["READS", "WAITING_MAX", "WRITES", "Kind", "Lane", "Pace", "Pacer", "Wish", "jitter"]

READS: Final = Pace(start=7.5, floor=0.5, ceiling=20.0, rise=0.02)
"""7.5 a second were seen to pass for minutes, 70 within one second; neither is a promise of the service."""
WRITES: Final = Pace(start=0.5, floor=0.05, ceiling=2.0, rise=0.002)
"""32 within one minute were seen to pass."""
WAITING_MAX: Final = 20_000
"""Permits waited for in one bucket. A runner waits for one at a time, so this is more services than anybody runs."""


class Kind(StrEnum):
    """Reads and writes are throttled apart, so they are paced apart."""

    READ = "read"
    WRITE = "write"


class Pacer:
    """One bucket and one queue for each scope and kind; nothing one scope does can delay another.

    Within a queue the more important lane goes first, and within a lane who came first.
    """

    def __init__(self, clock: Clock, reads: Pace = READS, writes: Pace = WRITES) -> None:
        self._clock = clock
        self._paces = {Kind.READ: reads, Kind.WRITE: writes}
        self._queues: dict[tuple[str, Kind], _Queue] = {}

    async def permit(self, scope: str, kind: Kind, lane: Lane) -> None:
        """Wait for one permit. Whoever is cancelled while waiting leaves nothing behind, an unused permit included."""
        if self.try_permit(scope, kind, lane):
            return
        granted = asyncio.get_running_loop().create_future()

        def grant() -> None:
            if granted.cancelled():
                self.give_back(scope, kind)
            else:
                granted.set_result(None)

        wish = self.ask(scope, kind, lane, grant)
        try:
            await granted
        except asyncio.CancelledError:
            wish.cancel()
            if not granted.cancelled():
                self.give_back(scope, kind)
            raise

    def try_permit(self, scope: str, kind: Kind, lane: Lane) -> bool:
        """Take a permit if there is one now and nobody as important waits."""
        return self._queue(scope, kind).try_take(lane)

    def ask(self, scope: str, kind: Kind, lane: Lane, granted: Callable[[], None]) -> "Wish":
        """Call `granted` once, with the permit taken, in a later turn of the loop: waiting without a task or future."""
        return self._queue(scope, kind).wait(lane, granted)

    def give_back(self, scope: str, kind: Kind) -> None:
        """Return a permit that was not used."""
        self._queue(scope, kind).give_back()

    def throttled(self, scope: str, kind: Kind, retry_after_s: float | None = None) -> None:
        """Learn that the platform answered `too many`: everybody in this scope slows down."""
        self._queue(scope, kind).throttled(retry_after_s)

    def rate(self, scope: str, kind: Kind) -> float:
        """Give the permits per second learned so far."""
        return self._queue(scope, kind).bucket.rate

    def _queue(self, scope: str, kind: Kind) -> "_Queue":
        queue = self._queues.get((scope, kind))
        if queue is None:
            queue = self._queues[scope, kind] = _Queue(self._clock, self._paces[kind])
        return queue


class Wish:
    """A permit somebody waits for."""

    __slots__ = ("_granted", "_lane", "_queue")

    def __init__(self, queue: "_Queue", lane: Lane, granted: Callable[[], None]) -> None:
        self._queue = queue
        self._lane = lane
        self._granted = granted

    @property
    def lane(self) -> Lane:
        """How important it is."""
        return self._lane

    def cancel(self) -> None:
        """Stop waiting; nothing happens if it was granted or cancelled before."""
        self._queue.forget(self)

    def grant(self) -> None:
        """Tell who waits."""
        self._granted()


class _Queue:
    """Who waits for one bucket, and the one timer aimed at its next permit."""

    def __init__(self, clock: Clock, pace: Pace) -> None:
        self._clock = clock
        self.bucket = Bucket(pace, clock.now().t)
        # An ordered dict gives up its first and any other member in constant time; a plain one does not.
        self._lanes: dict[Lane, OrderedDict[Wish, None]] = {lane: OrderedDict() for lane in sorted(Lane, reverse=True)}
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    def try_take(self, lane: Lane) -> bool:
        for other, wishes in self._lanes.items():
            if other < lane:
                break
            if wishes:
                return False
        return self.bucket.take(self._clock.now().t, lane)

    def wait(self, lane: Lane, granted: Callable[[], None]) -> Wish:
        if self._waiting >= WAITING_MAX:
            raise InvariantBroken(f"more than {WAITING_MAX} permits are waited for in one bucket")
        wish = Wish(self, lane, granted)
        self._lanes[lane][wish] = None
        self._waiting += 1
        self._aim()
        return wish

    def forget(self, wish: Wish) -> None:
        wishes = self._lanes[wish.lane]
        if wish in wishes:
            del wishes[wish]
            self._waiting -= 1
            self._aim()

    def give_back(self) -> None:
        self.bucket.give_back(self._clock.now().t)
        self._aim()

    def throttled(self, retry_after_s: float | None) -> None:
        self.bucket.throttled(self._clock.now().t, retry_after_s)
        self._aim()

    def _first(self) -> Wish | None:
        return next((next(iter(wishes)) for wishes in self._lanes.values() if wishes), None)

    def _grant(self) -> None:
        """Give out what the bucket has, most important first."""
        self._timer = None
        # The first in line needs no more than those behind it, so where it cannot be served nobody can.
        while (wish := self._first()) is not None and self.bucket.take(self._clock.now().t, wish.lane):
            self._lanes[wish.lane].popitem(last=False)
            self._waiting -= 1
            wish.grant()
        self._aim()

    def _aim(self) -> None:
        """Aim the timer at the moment when the first in line may be served; no timer while nobody waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (wish := self._first()) is not None:
            ready_t = self.bucket.ready_t(self._clock.now().t, wish.lane)
            self._timer = self._clock.call_at(ready_t, self._grant)


def jitter(attempt: int, draw: float, *, base_s: float = 0.5, cap_s: float = 30.0) -> float:
    """Give the seconds to back off after `attempt` earlier failures (0 = this is the first); `draw` is from [0, 1).

    Full jitter: anything from 0 to base_s doubled with each failure, so that who failed together returns apart.
    """
    return draw * min(cap_s, base_s * 2.0 ** min(attempt, 63))
