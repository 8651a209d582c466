"""How many questions or calls one scope may take: a token bucket that learns its rate. Arithmetic; times are given."""

import math
from enum import IntEnum
from typing import Final

import msgspec

from rollout.errors import InvariantBroken

STOCK_MIN: Final = 5.0
"""A bucket holds at least so many permits, however slow it is: a fifth of them is one whole permit."""
RESERVED_SHARE: Final = 0.2
"""The part of the stock that only going back may take."""
RETRY_AFTER_S_MAX: Final = 300.0
"""A longer Retry-After is not believed."""
ROUNDING: Final = 1e-9


class Lane(IntEnum):
    """How important a permit is. A more important one is always given first."""

    LISTING = 0
    FORWARD = 1
    NEAR_DEADLINE = 2
    URGENT = 3
    LOOK_BEFORE_WRITE = 4
    GOING_BACK = 5


class Pace(msgspec.Struct, frozen=True):
    """How fast a bucket starts and how it learns. Rates are permits per second."""

    start: float
    floor: float
    ceiling: float
    rise: float
    """Added to the rate each second while nothing throttles."""
    stock_s: float = 1.0
    """An unused bucket saves up the permits of so many seconds, or `STOCK_MIN` if that is more."""
    window_s: float = 10.0
    """After a halving the rate neither falls nor rises for so long: one burst of throttling is one lesson."""

    def __post_init__(self) -> None:
        if not (0 < self.floor <= self.start <= self.ceiling < math.inf and self.rise >= 0):
            raise InvariantBroken(f"a pace needs 0 < floor <= start <= ceiling and no negative rise: {self}")


class Bucket:
    """The permits of one scope.

    Of the stock a fifth is reserved: lanes other than GOING_BACK only take from what lies above it. So while nothing
    goes back they have the whole rate. What goes back finds its permit at once until the fifth is used up, and then
    gets the very next one, `1 / rate` seconds later at most. Only throttling makes it wait longer.

    In any window a bucket gives at most its highest rate times the window's seconds, plus one full stock.
    Times are engine seconds; one before the last is taken as the last.
    """

    def __init__(self, pace: Pace, t: float) -> None:
        self._pace = pace
        self._t = t
        self._closed_until_t = t
        self._rises_from_t = t
        self.rate = pace.start
        """Permits per second, as last learned."""
        self._permits = self._stock()

    def take(self, t: float, lane: Lane, count: int = 1) -> int:
        """Take at most `count` permits, as many as there are for this lane now; give their number."""
        self._advance(t)
        spare = self._permits - self._needed(lane) + ROUNDING
        if self._t < self._closed_until_t or spare < 0:
            return 0
        taken = min(count, int(spare) + 1)
        self._permits = max(0.0, self._permits - taken)
        return taken

    def give_back(self, t: float) -> None:
        """Take an unused permit back."""
        self._advance(t)
        self._permits = min(self._stock(), self._permits + 1)

    def ready_t(self, t: float, lane: Lane) -> float:
        """Give the first engine second at which `take` may succeed, if nothing else happens until then."""
        self._advance(t)
        missing = max(0.0, self._needed(lane) - self._permits)
        return max(self._t, self._closed_until_t) + missing / self.rate

    def is_closed(self, t: float) -> bool:
        """Tell whether a Retry-After still runs."""
        return t < self._closed_until_t

    def throttled(self, t: float, retry_after_s: float | None) -> None:
        """Learn that the platform wants fewer: halve the rate and drop the stock, once per window.

        A Retry-After closes the bucket for all lanes; it counts as 0 to `RETRY_AFTER_S_MAX` seconds.
        """
        self._advance(t)
        if self._t >= self._rises_from_t:
            self.rate = max(self._pace.floor, self.rate / 2)
            self._permits = 0.0
            self._rises_from_t = self._t + self._pace.window_s
        self._closed_until_t = max(self._closed_until_t, self._t + retry_after(retry_after_s))

    def _advance(self, t: float) -> None:
        """Bring the stock to `t`, then the rate: what is earned is counted at the rate known before, never above it."""
        t = max(t, self._t)
        open_s = max(0.0, t - max(self._t, self._closed_until_t))
        self._permits = min(self._stock(), self._permits + self.rate * open_s)
        calm_s = max(0.0, t - max(self._t, self._rises_from_t))
        self.rate = min(self._pace.ceiling, self.rate + self._pace.rise * calm_s)
        self._t = t

    def _stock(self) -> float:
        return max(STOCK_MIN, self.rate * self._pace.stock_s)

    def _needed(self, lane: Lane) -> float:
        return 1.0 if lane is Lane.GOING_BACK else 1.0 + RESERVED_SHARE * self._stock()


def retry_after(asked_s: float | None) -> float:
    """Give the seconds to wait that a Retry-After means: none, a negative one and NaN mean 0."""
    if asked_s is None or math.isnan(asked_s):
        return 0.0
    return min(max(asked_s, 0.0), RETRY_AFTER_S_MAX)
