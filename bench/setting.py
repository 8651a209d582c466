"""What every subject is run with: the cores, how long to take, where progress is told, and the last options."""

from typing import Final

import msgspec

from bench.cores import Cores
from bench.progress import Steps


class Size(msgspec.Struct, frozen=True):
    """How much is measured. Repetitions and seconds shrink; what is compared stays."""

    name: str
    repetitions: int
    window_s: float
    """Of a closed loop."""
    warm_s: float
    scale: float
    """Of the largest counts: 1 = those that performance goals name."""
    periods: int
    """Of an open loop's window."""
    precision: float
    """Of a search; 1 = doubling alone."""

    def scaled(self, count: int, least: int = 1) -> int:
        """Give a count at this size."""
        return max(least, int(count * self.scale))


FULL: Final = Size("full", repetitions=5, window_s=0.8, warm_s=0.3, scale=1.0, periods=6, precision=0.35)
QUICK: Final = Size("quick", repetitions=3, window_s=0.5, warm_s=0.2, scale=0.2, periods=4, precision=1.0)
SMOKE: Final = Size("smoke", repetitions=1, window_s=0.2, warm_s=0.1, scale=0.0005, periods=2, precision=1.0)


class Setting:
    """One run of the bench."""

    def __init__(self, cores: Cores, size: Size, steps: Steps, *, native: bool = True) -> None:
        self.cores = cores
        self.size = size
        self.steps = steps
        self.native = native
        """Whether the load server may be the one in C."""
