"""The bench's arithmetic: percentiles, medians with their spread, and nothing else."""

import math
import statistics
from collections.abc import Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """What repetitions of one measurement came to."""

    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Give the distance between the lowest and the highest as a share of the median."""
        return (self.high - self.low) / abs(self.median) if self.median else 0.0


def figure(values: Sequence[float]) -> Figure:
    """Sum repetitions up; there is at least one."""
    return Figure(statistics.median(values), min(values), max(values))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the nearest-rank percentile of values in ascending order; NaN where there are none.

    It is a value that was measured: the smallest that at least `share` of all do not exceed.
    """
    if not ordered:
        return math.nan
    rank = math.ceil(share * len(ordered))
    return ordered[min(max(rank, 1), len(ordered)) - 1]
