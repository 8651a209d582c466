"""How much each caller may ask in a second: one bucket for looking, one for what changes something."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

CALLERS_MAX: Final = 2_000


class Buckets:
    """Buckets by caller; who was not heard for longest is forgotten first, with a full bucket by then."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take one; gives 0, or after how many seconds to come again."""
        now = self._clock()
        level, at = self._levels.pop(caller, (self._burst, now))
        level = min(level + (now - at) * self._rate, self._burst)
        wait_s = 0.0 if level >= 1.0 else (1.0 - level) / self._rate
        self._levels[caller] = (level - 1.0 if wait_s == 0.0 else level, now)
        while len(self._levels) > CALLERS_MAX:
            self._levels.popitem(last=False)
        return wait_s
