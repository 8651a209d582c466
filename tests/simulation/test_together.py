"""Who is blamed for a swap that stays when another of its wave goes back, and who is not."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import event, fleet_event
from rollout.core.change_plan import SwapPlan
from rollout.core.ending import Outcome
from rollout.core.event import Entry
from rollout.core.names import ENGINE, POLICY, Now, StreamName, rollout_stream, service_stream
from rollout.core.phase import Ended, ForeignChange, Ready, Step
from rollout.core.service import Stop
from rollout.simulation.book import Book, Page, Told
from rollout.simulation.stage import Stage
from rollout.simulation.together import HEARD_S, left_behind

KEPT_S = 3600.0
"""`keep_previous` of the policy."""
WELL = Ended(Outcome.SUCCEEDED, POLICY, "all is well")
READY = Ready(2, Step(began_t=0.0))


def turn(stream: StreamName, t: float) -> Page:
    """Give the page that turns an attempt back."""
    return Page(t, Entry(stream, 2, Now(t, t), POLICY, event.TurnedBack("the bake is red")), t)


@pytest.fixture
def book(stage_of: Callable[..., Stage]) -> Book:
    """Two services that go together, opened; the first has been swapped and has turned back at second 5,000."""
    stage, book = stage_of("staged"), Book(Told())
    one, other = stage.compiled.services
    streams = [service_stream(each.rollout, each.service, 1) for each in (one, other)]
    facts: list[tuple[Any, Any]] = [
        (rollout_stream(one.rollout), fleet_event.RolloutOpened(stage.compiled.plan)),
        (streams[0], event.Opened(one, 1)),
        (streams[1], event.Opened(other, 1)),
    ]
    for stream, fact in facts:
        book.fold(Page(0.0, Entry(stream, 1, Now(0.0, 0.0), ENGINE, fact), 0.0))
    book.pages.append(turn(streams[0], 5000.0))
    book.services[streams[0]] = replace(book.services[streams[0]], swapped=True, turned_back=True)
    book.services[streams[1]] = replace(book.services[streams[1]], swapped=True, phase=READY)
    return book


def other(book: Book, **what: Any) -> str | None:
    """Give the verdict with the other service in another state."""
    stream = list(book.services)[1]
    book.services[stream] = replace(book.services[stream], **what)
    return left_behind(book)


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"phase": WELL, "phase_since_t": 5000.0 + HEARD_S - KEPT_S},
        {"phase": WELL, "phase_since_t": 6000.0},
    ],
)
def test_who_could_have_gone_back_and_stays_is_blamed(book: Book, what: dict[str, Any]) -> None:
    said = other(book, **what)
    one, two = book.services
    assert said == f"{one} went back from its swap, and {two} stays swapped"


@pytest.mark.parametrize(
    "what",
    [
        {"swapped": False},
        {"turned_back": True},
        {"stop": Stop("ana", "something smells", 0.0)},
        {"phase": ForeignChange("somebody swapped production", READY)},
        {"no_way_back": "the platform said so"},
        {"phase": Ended(Outcome.RESOLVED, "ana", "I did it"), "phase_since_t": 4900.0},
        {"phase": WELL, "phase_since_t": 5000.0 + HEARD_S - KEPT_S - 1.0},
    ],
)
def test_who_could_not_have_gone_back_is_not(book: Book, what: dict[str, Any]) -> None:
    book.pages.append(turn(list(book.services)[1], 5010.0))
    assert other(book, **what) is None


def test_nobody_is_blamed_before_anybody_has_gone_back(book: Book) -> None:
    stream = next(iter(book.services))
    book.services[stream] = replace(book.services[stream], turned_back=False)
    assert left_behind(book) is None


def test_nobody_is_blamed_where_swaps_do_not_go_together(book: Book) -> None:
    plan = list(book.services.values())[1].plan
    assert isinstance(plan.change, SwapPlan)
    assert other(book, plan=replace(plan, change=replace(plan.change, together=False))) is None
