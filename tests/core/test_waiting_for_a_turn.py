"""Throttling and waiting for a turn speak of the subscription: no step of a service is overdue for them."""

from typing import Any

import pytest

from rollout.core import event
from rollout.core.action import Submit
from rollout.core.deadline import NEVER, call_limit, deadline
from rollout.core.event import Finding
from rollout.core.operation import RollBack
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


BACK = {"rolling_back": "upgrade", "reverting": "upgrade", "swapping_back": "swap", "suspending": "upgrade"}
"""Each way back before its call, and a kind of change that has it."""


def seen_clear(told: Any) -> Any:
    """Find that nothing speaks against the call back."""
    return told.tell(told.observed(Finding.CLEAR))


def back_limit_s(told: Any) -> float:
    """Give how long the call back has from now on."""
    limit_s: float = deadline(told.state, told.t).t - told.t
    return limit_s


@pytest.mark.parametrize("place", BACK)
def test_a_call_back_that_waits_for_room_is_never_overdue_and_its_time_stands_still(story: Any, place: str) -> None:
    told = story(kind=BACK[place]).go(place)
    whole_s = back_limit_s(seen_clear(told))
    told.later(50_000.0)
    assert call_limit(told.state, told.t) is NEVER
    assert back_limit_s(seen_clear(told)) == pytest.approx(whole_s)
    told.later(50_000.0)
    told.tell(told.intended(told.call(place)))
    assert back_limit_s(told) == pytest.approx(whole_s)
    told.tell(told.accepted).later(whole_s / 2)
    assert back_limit_s(told) == pytest.approx(whole_s / 2, abs=2.0)


@pytest.mark.parametrize("kind", [RefusedKind.BUSY, RefusedKind.NOT_SENT, RefusedKind.THROTTLED])
def test_a_call_back_that_was_tried_has_one_limit_for_all_its_tries_and_the_work(story: Any, kind: RefusedKind) -> None:
    told = story().go("rolling_back").later(9_000.0)
    seen_clear(told)
    ask(told)
    began_t = told.t
    for _ in range(3):
        told.tell(told.refused(kind)).later(500.0)
        assert call_limit(told.state, told.t) == deadline(told.state, told.t)
        seen_clear(told)
        ask(told)
    told.tell(told.accepted)
    assert deadline(told.state, told.t).t == pytest.approx(began_t + 3_600.0, abs=2.0)


def test_a_rollback_that_waited_long_for_room_is_looked_at_once_more_and_then_asked_for(story: Any) -> None:
    told = story().go("rolling_back")
    looks = told.looks
    assert told.look(looks.mid(1, told.ours)).finding is Finding.CLEAR
    assert told.look(looks.mid(1, told.ours), after_s=10_000.0).finding is Finding.CLEAR
    assert told.action == Submit(RollBack(), going_back=True)
    assert "asks for the rollback" in told.why
    ask(told)
    told.tell(told.accepted)
    assert told.poll(Running()) is None
    told.later(3_601.0)
    assert isinstance(told.poll(Running()), event.Escalated)


def test_a_deployment_that_does_not_let_the_rollback_be_asked_for_still_ends_with_a_person(story: Any) -> None:
    told = story().go("rolling_back")
    locked = told.looks.mid(1, told.ours, locked=True)
    assert told.look(locked) is None
    assert isinstance(told.look(locked, after_s=3_700.0), event.Escalated), "the deployment keeps it, not a cap"
