"""The most of something at one moment: what is down, what is broken, what moves."""

from collections.abc import Iterator
from dataclasses import dataclass

from rollout.core.change_plan import Barrier, SwapPlan
from rollout.core.names import StreamName, parse_service_stream, rollout_stream
from rollout.core.phase import Ended, ForeignChange, HeldForPerson, NeedsOperator, Queued, Reconciling, Swapping
from rollout.core.plan import WavePlan
from rollout.core.service import ServiceRollout
from rollout.core.stages import waits_at
from rollout.core.windows import fits_at
from rollout.simulation.book import Book, Page
from rollout.simulation.sending import halt_over


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


def admitted_against(book: Book, page: Page) -> Iterator[tuple[str, str]]:
    """Give each rule that an admission breaks, with its sentence: a wave's cap or window, its date or a halt."""
    stream = page.entry.stream
    wave, moving = moving_with(book, stream)
    if len(moving) > wave.max_parallel:
        yield "caps", f"{len(moving)} services move in wave {wave.name}, which allows {wave.max_parallel}"
    rollout, _, _ = parse_service_stream(stream)
    due_wall = book.rollouts[rollout_stream(rollout)].deadline_wall
    if due_wall is not None and page.entry.now.wall >= due_wall:
        yield "deadline", f"{stream} began after the deadline of its rollout"
    if (halted := halt_over(book, stream)) is not None:
        yield "halt", f"{stream} began although its rollout is halted: {halted}"
    if wave.windows is not None and fits_at(wave.windows, page.entry.now.wall) != page.entry.now.wall:
        yield "window", f"{stream} began while no window of wave {wave.name} is open"


def moving_with(book: Book, stream: StreamName) -> tuple[WavePlan, list[StreamName]]:
    """Give a service's wave, and the streams of that wave that move: begun, not ended, and not waiting.

    Who waits for a person, or at a barrier, takes no room from others.
    """
    rollout, service, _ = parse_service_stream(stream)
    plan = next(each.plan for each in book.rollouts.values() if each.plan.rollout == rollout)
    wave = next(each for each in plan.waves if service in each.services)
    resting = Queued | HeldForPerson | ForeignChange | NeedsOperator
    moving = [
        name
        for name, state in book.services.items()
        if state.plan.service in wave.services
        and not isinstance(state.phase, resting)
        and state.ended is None
        and waits_at(state) is None
    ]
    return wave, moving


def is_free(state: ServiceRollout) -> bool:
    """Tell whether nothing keeps a service from going on: no word, no person, no barrier, no pause after a refusal."""
    resting = Queued | HeldForPerson | ForeignChange | NeedsOperator | Reconciling | Ended
    if isinstance(state.phase, resting) or state.holds or state.stop is not None:
        return False
    return waits_at(state) is None


def swapped_too_early(book: Book, swapped: ServiceRollout) -> str | None:
    """Say for whom a swap should have waited at its barrier: who is neither upgraded on staging, nor will be."""
    change = swapped.plan.change
    if not isinstance(change, SwapPlan) or change.upgrade is None or change.barrier is Barrier.NONE:
        return None
    rollout, service, _ = parse_service_stream(swapped.stream)
    plan = next(each.plan for each in book.rollouts.values() if each.plan.rollout == rollout)
    waves = [each for each in plan.waves if change.barrier is Barrier.ROLLOUT or service in each.services]
    group = {each for wave in waves for each in wave.services}
    for state in book.services.values():
        there = state.swapped or state.barrier_open or isinstance(state.phase, Swapping | Ended)
        given_up = state.failure is not None or isinstance(state.phase, HeldForPerson | ForeignChange | NeedsOperator)
        if state.plan.service in group and not there and not given_up:
            return f"{swapped.stream} was swapped while {state.stream} was not upgraded yet"
    return None
