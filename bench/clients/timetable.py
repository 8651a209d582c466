"""The open loop's book: when each poll was due, how late its reply was processed, and what was missed.

The timetable is fixed beforehand and never slips: an operation is due at its first instant, then each P seconds.
"""

from typing import Final

from bench.child import Reading
from bench.clients.histogram import Histogram

LATE_SHARE_MAX: Final = 0.1
"""Of the period: N is held while the 99th percentile of lateness stays below."""
MADE_SHARE_MIN: Final = 0.97
"""Of the polls due for operations still in flight, so many have to be made."""


class Book:
    """Writes down lateness and detection within a window of engine seconds [begin_s, end_s)."""

    def __init__(self, period_s: float, begin_s: float, end_s: float) -> None:
        self.period_s = period_s
        self.begin_s = begin_s
        self.end_s = end_s
        self.late = Histogram(2 * period_s)
        self.detected = Histogram(4 * period_s)
        """From an operation's end to whoever waits for it being told."""
        self.due = 0
        """Polls that fell due within the window, made or not."""
        self.bad = 0
        """Polls, whenever made, that decided nothing."""

    def made(self, due_s: float, now_s: float) -> None:
        """Write down that the reply to a poll due at `due_s` has been processed."""
        if self.begin_s <= due_s < self.end_s:
            self.late.add(now_s - due_s)

    def ended(self, ended_s: float, now_s: float) -> None:
        """Write down that an operation which ended at `ended_s` has been told of."""
        if self.begin_s <= ended_s < self.end_s:
            self.detected.add(now_s - ended_s)

    def expect(self, first_s: float, until_s: float) -> None:
        """Count the polls of one operation that fall due in the window, the one that finds its end included."""
        self.due += due_within(first_s, self.period_s, self.begin_s, min(self.end_s, until_s + self.period_s))

    def reading(self) -> Reading:
        """Sum it up, in seconds."""
        late, detected = self.late, self.detected
        made = late.total / self.due if self.due else 0.0
        return {
            "late_p50_s": late.percentile(0.5),
            "late_p99_s": late.percentile(0.99),
            "late_max_s": late.max_s,
            "detection_p50_s": detected.percentile(0.5),
            "detection_p99_s": detected.percentile(0.99),
            "detected": detected.total,
            "made": late.total,
            "due": self.due,
            "bad": self.bad,
            "made_share": made,
            "held": float(held(late.percentile(0.99), made, self.period_s)),
        }


def due_within(first_s: float, period_s: float, begin_s: float, end_s: float) -> int:
    """Count the instants first, first + P, ... that lie in [begin, end)."""
    if end_s <= begin_s or end_s <= first_s:
        return 0
    return _before(end_s, first_s, period_s) - _before(begin_s, first_s, period_s)


def next_due(first_s: float, period_s: float, now_s: float) -> float:
    """Give the first instant of the timetable after `now_s`."""
    return first_s + (int((now_s - first_s) / period_s) + 1) * period_s if now_s >= first_s else first_s


def held(late_p99_s: float, made_share: float, period_s: float) -> bool:
    """Tell whether so many operations were tracked in time."""
    return late_p99_s < LATE_SHARE_MAX * period_s and made_share >= MADE_SHARE_MIN


def _before(instant_s: float, first_s: float, period_s: float) -> int:
    """Count the instants of a timetable before another instant."""
    if instant_s <= first_s:
        return 0
    whole = int((instant_s - first_s) / period_s)
    return whole + (first_s + whole * period_s < instant_s)
