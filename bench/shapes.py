"""How long operations take, and what a timetable makes of it: simulated without a clock, a network or chance.

Durations are the quantiles of a log-normal shape, one in the middle of each equal share, so that nothing is drawn. As
in the tracker, the first question comes after a part of the first interval; the parts are spread evenly as well.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist, fmean
from typing import Final

import msgspec

DURATIONS: Final = 4_000
BOUND_POINTS: Final = 20_000
_GOLDEN: Final = 0.6180339887498949
_SPREAD: Final = 7.0
"""Standard deviations on each side over which the bound is integrated."""

Interval = Callable[[float], float]
"""From the age of a question, in seconds, to the next one."""


class Shape(msgspec.Struct, frozen=True):
    """A log-normal distribution of durations."""

    name: str
    mean_s: float
    sigma: float

    @property
    def mu(self) -> float:
        """Give the mean of the logarithm."""
        return math.log(self.mean_s) - self.sigma**2 / 2

    def durations(self, count: int = DURATIONS) -> list[float]:
        """Give so many durations, in ascending order."""
        normal = NormalDist(self.mu, self.sigma)
        return [math.exp(normal.inv_cdf((number + 0.5) / count)) for number in range(count)]


class Cost(msgspec.Struct, frozen=True):
    """What following one operation costs on average."""

    polls: float
    delay_s: float
    """From its end to the answer that says so."""

    @property
    def product(self) -> float:
        """Give polls times delay: what no timetable can make as small as it likes."""
        return self.polls * self.delay_s


def followed(durations: Sequence[float], interval: Interval) -> Cost:
    """Follow operations by a timetable, each from its own part of the first interval on."""
    polls, delay_s = 0, 0.0
    for number, duration_s in enumerate(durations):
        at_s = interval(0.0) * ((number * _GOLDEN) % 1.0)
        polls += 1
        while at_s < duration_s:
            at_s += interval(at_s)
            polls += 1
        delay_s += at_s - duration_s
    return Cost(polls / len(durations), delay_s / len(durations))


def fixed_with_delay(durations: Sequence[float], delay_s: float) -> Cost:
    """Give what the fixed interval costs whose mean delay this is: twice as long, from any phase."""
    return Cost(fmean(durations) / (2 * delay_s) + 1.0, delay_s)


def best_product(shape: Shape) -> float:
    """Give the bound of Cauchy and Schwarz: polls times delay of the best timetable for a known shape."""
    normal = NormalDist()
    total, step = 0.0, 2 * _SPREAD / BOUND_POINTS
    for point in range(BOUND_POINTS):
        z = -_SPREAD + (point + 0.5) * step
        # In z the density is that of the normal; the square root of dt/dz is what is left of the change of variable.
        left = 0.5 * math.erfc(z / math.sqrt(2.0))
        total += math.sqrt(normal.pdf(z) * left * shape.sigma * math.exp(shape.mu + shape.sigma * z)) * step
    return total**2 / 2
