"""How long calls take: on these services as a journal knows it, else as in recorded live traffic. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from rollout.core.names import ServiceName
from rollout.emulator.durations import Recorded
from rollout.engine.timetable import Learning, Timetable
from rollout.platforms.classic.vocabulary import Verb
from rollout.simulation.history import ENOUGH, History

GOLDEN: Final = 0.6180339887498949
"""Its multiples, without their whole parts, fall everywhere between 0 and 1 about equally often."""
QUESTIONS_MAX: Final = 5_000
"""Of one call: beyond them it is not followed any more, only counted."""


class Case(StrEnum):
    """Which of what may happen is looked at; failures are in none of them."""

    BEST = "best"
    """Every call as fast as it ever was, every approval given at once."""
    EXPECTED = "expected"
    """Calls as they mostly are, every approval given at once."""
    LATEST = "latest"
    """Every call as slow as it ever was, every approval given at the last moment."""


class Source(StrEnum):
    """Where a duration comes from."""

    SERVICE = "service"
    """What our journal saw of this service."""
    FLEET = "fleet"
    """What our journal saw of others of this fleet."""
    RECORDED = "recorded"
    """Recorded live traffic of other services."""


class Seen(msgspec.Struct, frozen=True):
    """One call: how long until the engine knows that it is done, and how often it asks meanwhile."""

    seconds: float
    polls: int


class Timings:
    """What is known of durations, and one forecast's way through it: each call is drawn once, in order."""

    def __init__(self, case: Case, history: History | None = None) -> None:
        self._case = case
        self._history = history or History()
        self._pooled = _pooled(self._history)
        self._drawn: dict[str, int] = {}
        self._timetable: Timetable = Learning()

    def source(self, service: ServiceName, verb: Verb) -> Source:
        """Tell where the durations of a verb on a service come from."""
        if len(self._history.took_s.get((service.lower(), verb.value), ())) >= ENOUGH:
            return Source.SERVICE
        return Source.FLEET if len(self._pooled.took_s.get(("", verb.value), ())) >= ENOUGH else Source.RECORDED

    def draw(self, service: ServiceName, verb: Verb, recorded: Recorded) -> Seen:
        """Draw one call. What a journal tells was timed by looks; what was recorded elsewhere is still to be seen."""
        quantile = self._quantile(verb)
        known_s = self._history.at((service.lower(), verb.value), quantile)
        if known_s is None:
            known_s = self._pooled.at(("", verb.value), quantile)
        if known_s is not None:
            return Seen(known_s, self._followed(verb, known_s).polls)
        return self._followed(verb, recorded.at(quantile))

    def _quantile(self, verb: Verb) -> float:
        match self._case:
            case Case.BEST:
                return 0.0
            case Case.LATEST:
                return 1.0
            case Case.EXPECTED:
                number = self._drawn[verb.value] = self._drawn.get(verb.value, 0) + 1
                return (number * GOLDEN) % 1.0

    def _followed(self, verb: Verb, takes_s: float) -> Seen:
        """Ask as the engine's tracker does until the answer is there, and learn from it as it does."""
        age_s, before_s, polls = 0.0, 0.0, 0
        while age_s < takes_s and polls < QUESTIONS_MAX:
            before_s, polls = age_s, polls + 1
            age_s += self._timetable.interval_s(verb.value, age_s)
        self._timetable.learn(verb.value, before_s, max(age_s, takes_s))
        return Seen(max(age_s, takes_s), max(polls, 1))


def _pooled(history: History) -> History:
    """Take what is known of all services together; its key has no service."""
    found: dict[str, list[float]] = {}
    for (_, verb), values in history.took_s.items():
        found.setdefault(verb, []).extend(values)
    pooled: Mapping[tuple[str, str], tuple[float, ...]] = {
        ("", verb): tuple(sorted(values)) for verb, values in found.items()
    }
    return History(pooled)


def of_services(history: History, services: Iterable[ServiceName]) -> History:
    """Give what a history knows of these services."""
    wanted = {service.lower() for service in services}
    return History({key: values for key, values in history.took_s.items() if key[0] in wanted})
