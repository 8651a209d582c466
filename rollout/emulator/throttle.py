"""Throttling: each class of calls passes at its own rate, and in a storm nothing of a limited class passes."""

from dataclasses import dataclass, field
from typing import Final

from rollout.emulator.knobs import READ_VERBS, READS, WRITES, Throttling

_BURST_MIN: Final = 1.0


@dataclass(slots=True)
class Throttle:
    """Token buckets, one for each limited class; a call is of the class of its verb, and of `reads` or `writes`.

    Rates and storms count in seconds of the emulated service. A bucket holds one second's calls, at least one.
    """

    limits: Throttling
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Class -> (calls left, when that was true)."""

    def passes(self, verb: str, now: float) -> bool:
        """Say whether a call may pass now, and count it in every class it belongs to."""
        rates = self.limits.calls_per_s
        limited = [name for name in (verb, READS if verb in READ_VERBS else WRITES) if name in rates]
        if not limited:
            return True
        if self._stormy(now):
            return False
        left = {name: self._left(name, rates[name], now) for name in limited}
        passing = all(calls >= 1 for calls in left.values())
        for name, calls in left.items():
            self._buckets[name] = (calls - passing, now)
        return passing

    def _stormy(self, now: float) -> bool:
        every_s = self.limits.storm_every_s
        return every_s > 0 and now % every_s >= every_s - self.limits.storm_s

    def _left(self, name: str, rate: float, now: float) -> float:
        most = max(_BURST_MIN, rate)
        calls, at = self._buckets.get(name, (most, now))
        return min(most, calls + rate * (now - at))
