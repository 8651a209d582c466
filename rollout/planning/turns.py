"""When calls would get their turn at the subscription's pace: the pacer's own arithmetic, first come, first served."""

from typing import Final

import msgspec

from rollout.engine.bucket import Bucket, Lane, Pace
from rollout.engine.pacer import READS, WRITES

HAIR_S: Final = 1e-6
"""A permit is asked for so long after it is ready, so that no rounding makes it a moment too early."""

TOGETHER: Final = 4
"""So many permits are waited for at once, which even the smallest stock holds: the last of them is had no later."""


class Paces(msgspec.Struct, frozen=True):
    """How fast one subscription may be asked and called."""

    reads: Pace = READS
    writes: Pace = WRITES


class Turns:
    """One subscription's permits of one kind, given out in order. Seconds count from the rollout's opening."""

    def __init__(self, pace: Pace) -> None:
        self._bucket = Bucket(pace, 0.0)
        self._t = 0.0

    def take(self, t: float, count: int) -> float:
        """Give the second, `t` or a later one, at which the last of so many permits is had."""
        t = max(t, self._t)
        while count > 0:
            count -= self._bucket.take(t, Lane.FORWARD, count)
            if count > 0:
                several = min(count, TOGETHER) - 1
                t = self._bucket.ready_t(t, Lane.FORWARD) + several / self._bucket.rate + HAIR_S
        self._t = t
        return t
