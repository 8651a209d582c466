"""What the engine could know: when it last had a usable answer about a service, and how often it looked."""

from collections import Counter
from dataclasses import dataclass, field
from math import inf
from typing import Final

from rollout.core.names import ServiceName
from rollout.simulation.book import Page

STARVED_S: Final = 900.0
"""Longer than any call waits before it is repeated, and than any policy of ours lets a check rest."""
STARVED_ROUNDS: Final = 12
"""So often, on average, all others were asked about meanwhile: where the pace is low, everybody waits longer."""
EVIDENCE_S: Final = 60.0
"""A limit ends something only with an answer this fresh; the platform's slowest one takes half of it."""


@dataclass(slots=True)
class Evidence:
    """Of each service. Seconds are those of the world."""

    looks: Counter[ServiceName] = field(default_factory=Counter)
    """Looks since the last entry."""
    _answered_at: dict[str, float] = field(default_factory=dict)
    _answers: int = 0
    _answers_then: dict[str, int] = field(default_factory=dict)
    """How many there had been by the last one about a service."""
    _froze_at: float = -inf
    _frozen_s: float = 0.0

    def answered(self, service: ServiceName, at: float, *, look: bool) -> None:
        """Hear that the engine got a usable answer: to a look, or to anything else."""
        self._answered_at[service] = at
        self._answers += 1
        self._answers_then[service] = self._answers
        self.looks[service] += look

    def froze(self, at: float, lasts_s: float) -> None:
        """Hear that the engine's process stands still from now on, for so long."""
        self._froze_at, self._frozen_s = at, lasts_s

    def starved(self, service: ServiceName, at: float, moved_at: float) -> str | None:
        """Say how long nobody asked about a service that moved last at `moved_at`, while others were asked about."""
        since = max(moved_at, self._answered_at.get(service, -inf))
        others = self._answers - self._answers_then.get(service, 0)
        if at - since <= STARVED_S or others < STARVED_ROUNDS * len(self._answered_at):
            return None
        return f"nobody asked about it for {at - since:.0f} s, and {others} questions about others were answered"

    def moved(self, service: ServiceName) -> None:
        """Hear that an entry about a service was recorded."""
        self.looks[service] = 0
        self._answers_then[service] = self._answers

    def too_old(self, service: ServiceName, page: Page) -> float | None:
        """Give how old the evidence of a judgement is, if that is too old."""
        answered_at = self._answered_at.get(service, -inf)
        age_s = page.tried_at - answered_at
        if answered_at <= self._froze_at < page.tried_at:
            age_s -= self._frozen_s  # what was judged before the process stood still may be written after it
        return age_s if age_s > EVIDENCE_S else None
