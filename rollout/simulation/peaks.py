"""The most of something at one moment: what is down, what is broken, what moves."""

from dataclasses import dataclass

from rollout.core.names import StreamName, parse_service_stream
from rollout.core.phase import ForeignChange, HeldForPerson, NeedsOperator, Queued
from rollout.core.plan import WavePlan
from rollout.simulation.book import Book


@dataclass(slots=True)
class Peaks:
    """The worst that happened at one moment."""

    domains: int = 0
    instances: int = 0
    domains_at: float = 0.0
    broken: int = 0
    """Services that had failed and had not ended."""
    broken_at: float = 0.0

    def count_down(self, domains: int, instances: int, at: float) -> None:
        """Count what is down now, for whatever reason."""
        if domains > self.domains:
            self.domains, self.domains_at = domains, at
        self.instances = max(self.instances, instances)

    def count_broken(self, book: Book, at: float) -> None:
        """Count the services that have failed and not ended."""
        waiting = HeldForPerson | NeedsOperator | ForeignChange
        count = sum(
            state.ended is None and (state.turned_back or isinstance(state.phase, waiting))
            for state in book.services.values()
        )
        if count > self.broken:
            self.broken, self.broken_at = count, at


def moving_with(book: Book, stream: StreamName) -> tuple[WavePlan, list[StreamName]]:
    """Give a service's wave, and the streams of that wave that move: begun, not ended, and not waiting for a person."""
    rollout, service, _ = parse_service_stream(stream)
    plan = next(each.plan for each in book.rollouts.values() if each.plan.rollout == rollout)
    wave = next(each for each in plan.waves if service in each.services)
    resting = Queued | HeldForPerson | ForeignChange | NeedsOperator
    moving = [
        name
        for name, state in book.services.items()
        if state.plan.service in wave.services and not isinstance(state.phase, resting) and state.ended is None
    ]
    return wave, moving
