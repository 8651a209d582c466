"""The agenda: what will happen and when, applied in the order of its dates."""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush


@dataclass(slots=True)
class Agenda:
    """Dated events. Time moves only through `run_until`, and never back; equal dates keep the order of planning."""

    now: float = 0.0
    """Seconds of the emulated service since its start; inside an event, that event's own date."""
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _planned: int = 0
    _running: bool = False

    def plan(self, after_s: float, act: Callable[[], None]) -> None:
        """Let `act` happen `after_s` seconds from now; an event that may become void checks for itself."""
        self._planned += 1
        heappush(self._events, (self.now + after_s, self._planned, act))

    def run_until(self, when: float) -> None:
        """Apply every event dated up to `when`, each at its own date; events may plan further events.

        An event that asks for the time is answered with its own date.
        """
        if self._running:
            return
        self._running = True
        try:
            while self._events and self._events[0][0] <= when:
                date, _, act = heappop(self._events)
                self.now = date
                act()
            self.now = max(self.now, when)
        finally:
            self._running = False

    def next_date(self) -> float | None:
        """Give the date of the next event, if any is planned."""
        return self._events[0][0] if self._events else None
