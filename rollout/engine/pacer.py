"""The pacer: who may ask or call next in each scope, by importance, at the rate the platform takes."""

import asyncio
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

import msgspec

from rollout.engine.bucket import Lane, Pace
from rollout.engine.clock import Clock
from rollout.engine.queue import Crowd, Queue, Wish

__all__ = ["READS", "WRITES", "Kind", "Lane", "Pace", "Pacer", "Standing", "Wish", "jitter"]

READS: Final = Pace(start=7.5, floor=0.5, ceiling=20.0, rise=0.02)
"""7.5 a second were seen to pass for minutes, 70 within one second; neither is a promise of the service."""
SAID_MAX: Final = 5
"""Scopes that `said` tells of."""
WRITES: Final = Pace(start=0.5, floor=0.05, ceiling=2.0, rise=0.002)
"""32 within one minute were seen to pass."""


class Kind(StrEnum):
    """Reads and writes are throttled apart, so they are paced apart."""

    READ = "read"
    WRITE = "write"


class Standing(msgspec.Struct, frozen=True):
    """How one scope and kind stands at the moment."""

    scope: str
    kind: Kind
    rate: float
    """Permits per second, as last learned."""
    waiting: dict[Lane, int]
    throttles: int
    """Throttled answers so far."""
    throttled_s: float | None
    """Seconds since the last one; None = never."""
    repeats: int
    """Calls so far that repeated one which had failed."""
    breaker_open: bool
    """The endpoint does not answer; only trial calls and what goes back pass."""

    def __str__(self) -> str:
        """Say it to a person, as in `3.8 reads/s (throttled 12 s ago); 14 wait`."""
        said = f"{self.rate:.2g} {self.kind}s/s"
        if self.breaker_open:
            said += " (it does not answer, so one call at a time is tried)"
        elif self.throttled_s is not None:
            said += f" (throttled {self.throttled_s:.0f} s ago)"
        crowd = sum(self.waiting.values())
        return f"{said}; {crowd} {'waits' if crowd == 1 else 'wait'}" if crowd else said


class Pacer:
    """One bucket, breaker, budget and line for each scope and kind; nothing one scope does can delay another.

    In a line the more important lane goes first, and within a lane who has waited longest.
    """

    def __init__(self, clock: Clock, reads: Pace = READS, writes: Pace = WRITES) -> None:
        self._clock = clock
        self._paces = {Kind.READ: reads, Kind.WRITE: writes}
        self._queues: dict[tuple[str, Kind], Queue] = {}

    async def permit(
        self, scope: str, kind: Kind, lane: Lane, *, repeat: bool = False, since_t: float | None = None
    ) -> None:
        """Wait for one permit. Whoever is cancelled while waiting leaves nothing behind, an unused permit included.

        A `repeat` of a call that failed needs budget as well. `since_t` keeps the place of who left the line before.
        """
        if self.try_permit(scope, kind, lane, repeat=repeat):
            return
        granted = asyncio.get_running_loop().create_future()

        def grant() -> None:
            if granted.cancelled():
                self.give_back(scope, kind)
            else:
                granted.set_result(None)

        wish = self.ask(scope, kind, lane, grant, repeat=repeat, since_t=since_t)
        try:
            await granted
        except asyncio.CancelledError:
            wish.cancel()
            if not granted.cancelled():
                self.give_back(scope, kind)
            raise

    def try_permit(self, scope: str, kind: Kind, lane: Lane, *, repeat: bool = False) -> bool:
        """Take a permit if there is one now and nobody as important waits."""
        return self._queue(scope, kind).try_take(lane, repeat=repeat)

    def try_permits(self, scope: str, kind: Kind, lane: Lane, count: int) -> int:
        """Take at most `count` permits, as many as there are now unless somebody as important waits; give how many."""
        return self._queue(scope, kind).try_take_many(lane, count)

    def ask(
        self,
        scope: str,
        kind: Kind,
        lane: Lane,
        granted: Callable[[], None],
        *,
        repeat: bool = False,
        since_t: float | None = None,
        crowd: Crowd | None = None,
    ) -> Wish:
        """Call `granted` once, with the permit taken, in a later turn of the loop: waiting without a task or future.

        `crowd` tells how many of each lane wait behind this one wish, for who counts them.
        """
        return self._queue(scope, kind).wait(lane, granted, repeat=repeat, since_t=since_t, crowd=crowd)

    def give_back(self, scope: str, kind: Kind) -> None:
        """Return a permit that was not used."""
        self._queue(scope, kind).give_back()

    def throttled(self, scope: str, kind: Kind, retry_after_s: float | None = None) -> None:
        """Learn that the platform answered `too many`: everybody in this scope slows down."""
        self._queue(scope, kind).throttled(retry_after_s)

    def answered(self, scope: str, kind: Kind, asked_t: float, *, ok: bool, times: int = 1) -> None:
        """Learn whether calls, the last at `asked_t`, were answered at all, a refusal and a throttling included."""
        self._queue(scope, kind).answered(asked_t, ok=ok, times=times)

    def may_repeat(self, scope: str, kind: Kind, lane: Lane) -> bool:
        """Take one repeat from the scope's budget, for a call whose permit comes later."""
        return self._queue(scope, kind).may_repeat(lane)

    def repay(self, scope: str, kind: Kind) -> None:
        """Learn that a repeat got an answer that was no throttling: it costs the budget nothing."""
        self._queue(scope, kind).repay()

    def now_t(self) -> float:
        """Give the present engine second, in which `asked_t` counts."""
        return self._clock.now().t

    def is_closed(self, scope: str, kind: Kind) -> bool:
        """Tell whether a Retry-After still runs."""
        return self._queue(scope, kind).bucket.is_closed(self._clock.now().t)

    def rate(self, scope: str, kind: Kind) -> float:
        """Give the permits per second learned so far."""
        return self._queue(scope, kind).bucket.rate

    def standings(self, scope: str | None = None) -> Iterator[Standing]:
        """Tell how every scope and kind stands that anybody has asked for, or those of one scope."""
        t = self._clock.now().t
        for (name, kind), queue in sorted(self._queues.items()):
            if scope is None or scope == name:
                throttled_s = None if queue.throttled_t is None else t - queue.throttled_t
                yield Standing(
                    name,
                    kind,
                    queue.bucket.rate,
                    queue.waiting(),
                    queue.throttles,
                    throttled_s,
                    queue.repeats,
                    queue.breaker.is_open,
                )

    def why(self, scope: str) -> str:
        """Say to a person how fast a scope goes, and how many wait: why somebody there may have to wait."""
        return f"{scope} passes {', and '.join(map(str, self.standings(scope))) or 'anything: nobody has asked yet'}"

    def said(self) -> str:
        """Say where calls wait for their turn, for people in another process; empty where nobody does."""
        slow = [scope for scope in self._scopes() if any(any(each.waiting.values()) for each in self.standings(scope))]
        return "; ".join(self.why(scope) for scope in slow[:SAID_MAX])

    def _scopes(self) -> dict[str, None]:
        return dict.fromkeys(scope for scope, _ in self._queues)

    def _queue(self, scope: str, kind: Kind) -> Queue:
        queue = self._queues.get((scope, kind))
        if queue is None:
            queue = self._queues[scope, kind] = Queue(self._clock, self._paces[kind])
        return queue


def jitter(attempt: int, draw: float, *, base_s: float = 0.5, cap_s: float = 30.0) -> float:
    """Give the seconds to back off after `attempt` earlier failures (0 = this is the first); `draw` is from [0, 1).

    Full jitter: anything from 0 to base_s doubled with each failure, so that who failed together returns apart.
    """
    return draw * min(cap_s, base_s * 2.0 ** min(attempt, 63))
