"""When an operation is asked about next: by how long its like took, once that has been learned."""

from collections import deque
from typing import Final, Protocol

from rollout.engine.hazard import Walk, fit

INTERVAL_OF_AGE: Final = 0.2
INTERVAL_S_MIN: Final = 0.25
INTERVAL_S_MAX: Final = 30.0
LEARNED_S_MIN: Final = 0.5
"""No learned interval is shorter; the longest is the same for all."""
PRICE_S: Final = 0.25
"""Seconds of delay that one question is worth."""
DURATIONS_MIN: Final = 12
"""So many make a model."""
DURATIONS_MAX: Final = 64
"""So many of the latest are kept for each kind."""
KINDS_MAX: Final = 64
LEARNS_EVERY_MIN: Final = 10
LEARNS_EVERY_MAX: Final = 250
"""Durations between two fits: the more have been learned from, the less one more has to say."""
LEARNS_SHARE: Final = 0.25
"""Durations between two fits, as a share of all so far."""


class Timetable(Protocol):
    """Gives the next question about an operation, and learns from how it ended."""

    def interval_s(self, kind: str, age_s: float) -> float:
        """Give the seconds from a question at `age_s` to the next one."""
        ...

    def learn(self, kind: str, low_s: float, high_s: float) -> None:
        """Hear of an operation that had not ended at age `low_s` and had at `high_s`."""
        ...


def interval(age_s: float) -> float:
    """Give the seconds between two questions while durations are not known: a fifth of the age, whatever the scale."""
    return min(max(INTERVAL_OF_AGE * age_s, INTERVAL_S_MIN), INTERVAL_S_MAX)


class Learning:
    """Learns each kind of operation by itself; until then, and for what has no kind, intervals grow with age."""

    def __init__(self, price_s: float = PRICE_S) -> None:
        self._price_s = price_s
        self._durations: dict[str, deque[tuple[float, float]]] = {}
        self._seen: dict[str, int] = {}
        self._next_fit: dict[str, int] = {}
        """At how many durations the kind's model is fitted again."""
        self._walks: dict[str, Walk] = {}

    def interval_s(self, kind: str, age_s: float) -> float:
        """Give the seconds to the next question."""
        walk = self._walks.get(kind)
        return interval(age_s) if walk is None else walk.interval_s(age_s)

    def learn(self, kind: str, low_s: float, high_s: float) -> None:
        """Keep one duration; a few of them make a model, and later ones a better one."""
        if not kind or not 0 <= low_s < high_s or (kind not in self._durations and len(self._durations) >= KINDS_MAX):
            return
        kept = self._durations.setdefault(kind, deque(maxlen=DURATIONS_MAX))
        kept.append((low_s, high_s))
        seen = self._seen[kind] = self._seen.get(kind, 0) + 1
        if seen >= self._next_fit.get(kind, DURATIONS_MIN):
            self._walks[kind] = Walk(fit(tuple(kept)), self._price_s, LEARNED_S_MIN, INTERVAL_S_MAX)
            self._next_fit[kind] = seen + int(min(max(LEARNS_SHARE * seen, LEARNS_EVERY_MIN), LEARNS_EVERY_MAX))


class Regular:
    """Asks at the same interval, whatever the age."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s

    def interval_s(self, kind: str, age_s: float) -> float:  # noqa: ARG002 -- always the same
        """Give the same seconds."""
        return self._every_s

    def learn(self, kind: str, low_s: float, high_s: float) -> None:
        """Learn nothing."""
