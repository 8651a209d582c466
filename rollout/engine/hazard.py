"""When to ask about something that ends once: pure mathematics over how long its like took before.

A request costs as much as `price_s` seconds of delay. With h(t) the chance per second to end now, given that it has
not ended by age t, the best interval is the square root of 2 * price_s / h(t). The integral of its inverse is walked up
by one for each question, so that no question jumps over a steep rise.

Durations are taken as log-normal. A median believed twice or half as long costs hardly more than fixed times do. A
spread believed far too small would cost more, so it is fitted as well, and never believed below a bound.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec

SIGMA_MIN: Final = 0.1
"""Of the logarithm: operations that always took the same time are not believed to do so for ever."""
SIGMA_MAX: Final = 3.0
AGE_S_MIN: Final = 0.05
AGE_S_MAX: Final = 200_000.0
AGES: Final = 512
"""Points of a walk's table, equally far apart by their logarithm."""
ROUNDS_MAX: Final = 30
"""Of one fit; each brings it nearer."""
STILL: Final = 1e-3
MASS_MIN: Final = 1e-12
"""Below it rounding eats what a model thinks of an interval."""
FAR: Final = 30.0
"""Standard deviations beyond which a tail is its own asymptote."""


class LogNormal(msgspec.Struct, frozen=True):
    """The logarithm of a duration in seconds is normal."""

    mu: float
    sigma: float

    def hazard(self, age_s: float) -> float:
        """Give the chance per second to end at `age_s`, given that it has not ended before."""
        z = (math.log(age_s) - self.mu) / self.sigma
        return _inverse_mills(z) / (self.sigma * age_s)


def fit(durations: Sequence[tuple[float, float]]) -> LogNormal:
    """Fit to durations of which only bounds are known: not ended at the first, ended by the second, in seconds.

    Expectation and maximisation: each duration stands for all that it may have been, as likely as the model so far
    says. A lower bound of 0 is one.
    """
    bounds = [(math.log(low) if low > 0 else -math.inf, math.log(high)) for low, high in durations]
    middles = [high if math.isinf(low) else (low + high) / 2 for low, high in bounds]
    mu = sum(middles) / len(middles)
    spread = sum((each - mu) ** 2 for each in middles) / len(middles)
    sigma = _believed(math.sqrt(spread))
    for _ in range(ROUNDS_MAX):
        moments = [_moments(low, high, mu, sigma) for low, high in bounds]
        next_mu = sum(mean for mean, _ in moments) / len(moments)
        square = sum(second for _, second in moments) / len(moments)
        next_sigma = _believed(math.sqrt(max(0.0, square - next_mu**2)))
        moved = abs(next_mu - mu) + abs(next_sigma - sigma)
        mu, sigma = next_mu, next_sigma
        if moved < STILL:
            break
    return LogNormal(mu, sigma)


class Walk:
    """The timetable of one kind of thing: from the age of a question to the age of the next."""

    def __init__(self, model: LogNormal, price_s: float, interval_s_min: float, interval_s_max: float) -> None:
        self._min_s = interval_s_min
        self._max_s = interval_s_max
        step = math.log(AGE_S_MAX / AGE_S_MIN) / (AGES - 1)
        self._ages = [AGE_S_MIN * math.exp(step * number) for number in range(AGES)]
        densities = [math.sqrt(model.hazard(age) / (2.0 * price_s)) for age in self._ages]
        self._walked = [0.0]
        for at in range(1, AGES):
            width = self._ages[at] - self._ages[at - 1]
            self._walked.append(self._walked[-1] + width * (densities[at] + densities[at - 1]) / 2.0)

    def interval_s(self, age_s: float) -> float:
        """Give the seconds from a question at `age_s` to the next, between the two bounds."""
        target = self._at(self._ages, self._walked, age_s) + 1.0
        return min(max(self._at(self._walked, self._ages, target) - age_s, self._min_s), self._max_s)

    def _at(self, xs: list[float], ys: list[float], x: float) -> float:
        """Read a table between its points; beyond its ends it stays as it is there, and so do the bounds."""
        above = bisect_right(xs, x)
        if above == 0:
            return ys[0]
        if above == len(xs):
            return math.inf if xs is self._walked else ys[-1]
        share = (x - xs[above - 1]) / (xs[above] - xs[above - 1])
        return ys[above - 1] + share * (ys[above] - ys[above - 1])


def _believed(sigma: float) -> float:
    return min(max(sigma, SIGMA_MIN), SIGMA_MAX)


def _moments(low: float, high: float, mu: float, sigma: float) -> tuple[float, float]:
    """Give mean and mean square of a normal value known to lie between two bounds."""
    a, b = (low - mu) / sigma, (high - mu) / sigma
    mass = _below(b) - _below(a)
    if mass < MASS_MIN:
        # The bound nearer to the mean stands for all between.
        value = high if b < 0 else low
        return value, value**2
    fa, fb = _density(a), _density(b)
    shift = (fa - fb) / mass
    tilt = ((a * fa if fa else 0.0) - (b * fb if fb else 0.0)) / mass
    mean = mu + sigma * shift
    return mean, sigma**2 * (1.0 + tilt - shift**2) + mean**2


def _inverse_mills(z: float) -> float:
    if z > FAR:
        return z
    return _density(z) / (0.5 * math.erfc(z / math.sqrt(2.0)))


def _density(z: float) -> float:
    return math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi) if abs(z) < FAR + 8 else 0.0


def _below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))
