"""Counts values in equal steps, so that six million of them take no memory from what is measured."""

import math
from array import array
from typing import Final

STEP_S: Final = 1e-4
"""A tenth of a millisecond: finer than any claim made of it."""


class Histogram:
    """Seconds from 0 to `top_s`; what lies below or above is counted at the edge, and the largest is remembered."""

    def __init__(self, top_s: float) -> None:
        self._counts = array("Q", bytes(8 * (int(top_s / STEP_S) + 2)))
        self._last = len(self._counts) - 1
        self.total = 0
        self.max_s = math.nan

    def add(self, value_s: float) -> None:
        """Count one value."""
        self.total += 1
        self._counts[min(max(int(value_s / STEP_S), 0), self._last)] += 1
        if not value_s <= self.max_s:
            self.max_s = value_s

    def percentile(self, share: float) -> float:
        """Give the upper edge of the step that holds the nearest-rank percentile; NaN where nothing was counted."""
        rank = max(1, math.ceil(share * self.total))
        seen = 0
        for step, count in enumerate(self._counts):
            seen += count
            if count and seen >= rank:
                return min((step + 1) * STEP_S, self.max_s)
        return math.nan

    def below(self, value_s: float) -> int:
        """Count what lies in steps that end at `value_s` or before."""
        return sum(self._counts[: min(round(value_s / STEP_S), self._last)])
