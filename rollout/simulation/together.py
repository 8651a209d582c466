"""`together`: swaps of a wave that go together go back together, once one of them goes back from its swap."""

from collections.abc import Iterator
from typing import Final

from rollout.core import event
from rollout.core.change_plan import SwapPlan
from rollout.core.ending import Outcome
from rollout.core.names import StreamName, parse_service_stream
from rollout.core.phase import ForeignChange
from rollout.core.plan import WavePlan
from rollout.core.service import ServiceRollout
from rollout.simulation.book import Book

HEARD_S: Final = 600.0
"""Nobody is blamed where what was there before is kept for less than this after a turn: a disk can be full so long."""


def left_behind(book: Book) -> str | None:
    """Say who stays swapped in a run that is over, although another of its wave went back; None = nobody does."""
    for fleet in book.rollouts.values():
        for wave in fleet.plan.waves:
            members = list(_swapped(book, wave))
            turns = {each.stream: _turned_t(book, each.stream) for each in members if each.turned_back}
            for other in members:
                if turns and _stays(other, max(turns.values())):
                    return f"{next(iter(turns))} went back from its swap, and {other.stream} stays swapped"
    return None


def _swapped(book: Book, wave: WavePlan) -> Iterator[ServiceRollout]:
    """Give the last attempt at each service of a wave that was seen to be swapped, and goes with the others."""
    latest: dict[str, ServiceRollout] = {}
    for stream, state in book.services.items():
        _, service, attempt = parse_service_stream(stream)
        if service in wave.services and (service not in latest or attempt > latest[service].attempt):
            latest[service] = state
    for state in latest.values():
        if isinstance(state.plan.change, SwapPlan) and state.plan.change.together and state.swapped:
            yield state


def _turned_t(book: Book, stream: StreamName) -> float:
    """Give the engine second at which an attempt turned back, or was opened to."""
    turns = event.TurnedBack | event.Opened
    return max(
        page.entry.now.t for page in book.pages if page.entry.stream == stream and isinstance(page.entry.fact, turns)
    )


def _stays(state: ServiceRollout, turned_t: float) -> bool:
    """Tell whether an attempt could have gone back after that second, and did not.

    A person's stop, somebody else's change, and what is kept no longer are beyond the policy's word.
    """
    if state.turned_back or state.no_way_back is not None or not isinstance(state.plan.change, SwapPlan):
        return False
    if state.ended is None:
        return state.stop is None and not isinstance(state.phase, ForeignChange)
    kept_until_t = state.phase_since_t + state.plan.change.keep_previous_s
    return state.ended.outcome is Outcome.SUCCEEDED and turned_t + HEARD_S <= kept_until_t
