"""S11: calls in flight and repeats stay inside their budgets, and a Retry-After is obeyed."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from rollout.core.names import ServiceName, StreamName
from rollout.core.operation import Operation, RollBack, describe
from rollout.core.outcome import Accepted, Lost, Outcome, Refused, RefusedKind, Unreachable

LOSSES_MAX: Final = 4
"""A call whose answer was lost is repeated three times; after so many losses it is not sent again."""
RETRY_AFTER_S_MAX: Final = 300.0
VAIN_SHARE: Final = 0.1
"""Repeats of the way forward that come to nothing, for each first try (reliability.md §7)."""
VAIN_STOCK: Final = 12.0
"""Those that each life may make besides: ten saved up, and the tenth each that their own calls earn."""
VAIN_EVERY_S: Final = 60.0
"""And one more in so many seconds."""

READS_MAX: Final = 4
"""Questions in flight about one service: a look, a poll, and what a round of checks looks at."""
HEARD_S: Final = 1.0
"""A question that has its permit when a Retry-After is heard leaves within this."""

ROUNDING_S: Final = 0.001

Call = tuple[StreamName, str]
"""An attempt, and what it asks for."""


@dataclass(slots=True)
class Budgets:
    """Counts the calls of one subscription. Each answer gives the sentence of what is wrong, or None."""

    _in_flight: dict[StreamName, tuple[str, str]] = field(default_factory=dict)
    _not_before: dict[StreamName, float] = field(default_factory=dict)
    _losses: Counter[tuple[Call, bool]] = field(default_factory=Counter)
    """Of each call, forward and back apart: a revert walks the same domains again."""
    _failing: set[Call] = field(default_factory=set)
    _reading: Counter[ServiceName] = field(default_factory=Counter)
    _reads_closed: tuple[float, float] = (0.0, 0.0)
    """Since when, and until when, a Retry-After keeps questions from being asked."""
    _first: int = 0
    _vain: int = 0
    _lives: int = 1

    def sent(self, key: str, stream: StreamName, operation: Operation, at: float, *, back: bool) -> str | None:
        """Judge call `key` at the moment its first byte leaves."""
        what = describe(operation)
        other, doing = self._in_flight.get(stream, (key, ""))
        if other != key:
            return f"the {what} of {stream} was sent while its {doing} was in flight"
        if at < self._not_before.get(stream, 0.0):
            return f"the {what} of {stream} was sent before the Retry-After of the last answer was over"
        if self._losses[(stream, what), back] >= LOSSES_MAX:
            return f"the {what} of {stream} was repeated after {LOSSES_MAX} losses"
        self._in_flight[stream] = (key, what)
        self._first += (stream, what) not in self._failing
        return None

    def answered(
        self, stream: StreamName, operation: Operation, outcome: Outcome, at: float, *, back: bool
    ) -> str | None:
        """Hear what the platform said to a call, as the engine hears it."""
        call = (stream, describe(operation))
        sent = self._in_flight.pop(stream, None) is not None
        if isinstance(outcome, Accepted):
            self._failing.discard(call)
            return None
        self._vain += sent and not back and not isinstance(operation, RollBack) and call in self._failing
        self._failing.add(call)
        if isinstance(outcome, Refused) and outcome.kind is RefusedKind.THROTTLED and outcome.retry_after_s:
            self._not_before[stream] = at + min(outcome.retry_after_s, RETRY_AFTER_S_MAX)
        self._losses[call, back] += isinstance(outcome, Lost)
        most = VAIN_SHARE * self._first + VAIN_STOCK * self._lives + at / VAIN_EVERY_S
        if self._vain > most:
            return f"{self._vain} repeats came to nothing, after {self._first} first tries in {at:.0f} s"
        return None

    def asked(self, service: ServiceName, at: float) -> str | None:
        """Judge a question at the moment it is asked."""
        heard_at, until = self._reads_closed
        if heard_at + HEARD_S < at < until - ROUNDING_S:
            return f"a question about {service} was asked {until - at:.0f} s before the Retry-After was over"
        self._reading[service] += 1
        if self._reading[service] > READS_MAX:
            return f"{self._reading[service]} questions about {service} are in flight at once"
        return None

    def told(self, service: ServiceName, at: float, answer: object) -> None:
        """Hear the answer to a question."""
        self._reading[service] -= 1
        if isinstance(answer, Unreachable) and answer.throttled and answer.retry_after_s:
            until = at + min(answer.retry_after_s, RETRY_AFTER_S_MAX)
            self._reads_closed = max(self._reads_closed, (at, until), key=lambda closed: closed[1])

    def died(self) -> None:
        """Forget what only the dead process had heard."""
        self._in_flight.clear()
        self._not_before.clear()
        self._reading.clear()
        self._reads_closed = (0.0, 0.0)
        self._lives += 1
