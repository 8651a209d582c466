"""Throttling and waiting for a turn speak of the subscription: no step of a service is overdue for them."""

from typing import Any

import pytest

from rollout.core.action import Submit
from rollout.core.deadline import call_limit, deadline
from rollout.core.event import Finding
from rollout.core.outcome import RefusedKind, Running

PLACES = ["beginning", "ready"]
LIMIT_S = {"beginning": 300.0, "ready": 600.0}


def clear(told: Any, *, after_s: float = 1.0) -> Any:
    """Look at a deployment that nothing speaks against."""
    begun = told.state.token is not None
    return told.look(told.looks.mid(0, told.ours) if begun else told.looks.running(), after_s=after_s)


def ask(told: Any) -> None:
    """Intend the call that is wanted."""
    assert isinstance(told.action, Submit)
    told.tell(told.intended(told.action.operation))


@pytest.mark.parametrize("place", PLACES)
def test_a_call_that_was_only_throttled_is_not_overdue_after_the_step_s_limit(story: Any, place: str) -> None:
    told = story().go(place)
    for _ in range(40):
        clear(told)
        ask(told)
        told.tell(told.refused(RefusedKind.THROTTLED)).later(60.0)
    assert clear(told).finding is Finding.CLEAR
    assert told.state.failure is None


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", [RefusedKind.BUSY, RefusedKind.NOT_SENT])
def test_one_other_refusal_brings_the_step_s_limit_back(story: Any, place: str, kind: RefusedKind) -> None:
    told = story().go(place)
    for each in (RefusedKind.THROTTLED, kind):
        clear(told)
        ask(told)
        told.tell(told.refused(each)).later(400.0)
    assert call_limit(told.state, told.t) == deadline(told.state, told.t)
    assert clear(told).finding is Finding.OVERDUE


@pytest.mark.parametrize("place", PLACES)
def test_a_call_that_still_waits_for_its_turn_is_not_overdue_and_its_time_stands_still(story: Any, place: str) -> None:
    told = story().go(place)
    clear(told)
    assert clear(told, after_s=5_000.0).finding is Finding.CLEAR
    ask(told)
    told.tell(told.accepted)
    assert told.poll(Running()) is None
    assert deadline(told.state, told.t).t == pytest.approx(told.t + LIMIT_S[place], abs=2.0)


@pytest.mark.parametrize("place", PLACES)
def test_the_step_s_time_begins_when_a_throttled_call_is_taken_at_last(story: Any, place: str) -> None:
    told = story().go(place)
    clear(told)
    ask(told)
    told.tell(told.refused(RefusedKind.THROTTLED)).later(2_000.0)
    clear(told)
    ask(told)
    told.tell(told.accepted)
    assert told.poll(Running()) is None
    assert deadline(told.state, told.t).t == pytest.approx(told.t + LIMIT_S[place], abs=2.0)


@pytest.mark.parametrize("place", PLACES)
def test_the_timeout_bounds_the_wait_for_a_turn(story: Any, place: str) -> None:
    told = story(timeout_s=10_000.0).go(place)
    clear(told)
    assert call_limit(told.state, told.t).name == "timeout"
    assert clear(told, after_s=10_001.0).finding is Finding.OVERDUE
