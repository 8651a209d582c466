"""The breaker opens at half of twenty, tries with one call, and never stands in the way of going back."""

import pytest

from rollout.engine.breaker import ANSWERS_MIN, OPEN_S, TRIAL_S_MAX, WINDOW_S, Breaker
from rollout.engine.bucket import Lane


def told(breaker: Breaker, answers: str, t: float = 0.0) -> Breaker:
    """Tell answers at `t`: `.` was one, `x` was none."""
    for each in answers:
        breaker.answered(t, t, ok=each == ".")
    return breaker


def opened(t: float = 0.0) -> Breaker:
    breaker = told(Breaker(), "x" * ANSWERS_MIN, t)
    assert breaker.is_open
    return breaker


@pytest.mark.parametrize(
    ("answers", "is_open"),
    [("x" * 19, False), ("x" * 20, True), ("." * 10 + "x" * 10, True), ("." * 11 + "x" * 9, False)],
)
def test_it_opens_where_half_of_at_least_twenty_calls_fail(answers: str, *, is_open: bool) -> None:
    assert told(Breaker(), answers).is_open is is_open


def test_answers_older_than_the_window_do_not_count() -> None:
    breaker = told(Breaker(), "x" * 19, 0.0)
    assert not told(breaker, "x", WINDOW_S + 1).is_open
    assert told(breaker, "x" * 19, WINDOW_S + 1).is_open


def test_open_it_lets_one_call_through_when_the_time_is_over_and_only_one() -> None:
    breaker = opened()
    assert breaker.ready_t(1.0, Lane.URGENT) == OPEN_S
    breaker.passed(OPEN_S)
    assert breaker.ready_t(OPEN_S, Lane.URGENT) == OPEN_S + TRIAL_S_MAX


def test_a_trial_that_fails_keeps_it_open() -> None:
    breaker = opened()
    breaker.passed(10.0)
    breaker.answered(12.0, 10.0, ok=False)
    assert breaker.is_open
    assert breaker.ready_t(12.0, Lane.FORWARD) == 12.0 + OPEN_S


def test_a_trial_that_is_answered_closes_it() -> None:
    breaker = opened()
    breaker.passed(10.0)
    breaker.answered(11.0, 10.0, ok=True)
    assert not breaker.is_open
    assert breaker.ready_t(11.0, Lane.LISTING) == 11.0


def test_once_closed_it_takes_twenty_new_answers_to_open() -> None:
    breaker = opened()
    breaker.passed(10.0)
    breaker.answered(10.0, 10.0, ok=True)
    assert not told(breaker, "x" * 19, 10.0).is_open
    assert told(breaker, "x", 10.0).is_open


@pytest.mark.parametrize("ok", [True, False])
def test_what_was_asked_before_it_opened_changes_nothing_any_more(*, ok: bool) -> None:
    breaker = opened(100.0)
    breaker.passed(110.0)
    breaker.answered(111.0, 99.0, ok=ok)
    assert breaker.is_open
    assert breaker.ready_t(111.0, Lane.FORWARD) == 110.0 + TRIAL_S_MAX


def test_a_trial_that_is_not_made_leaves_its_place_to_another() -> None:
    breaker = opened()
    breaker.passed(10.0)
    breaker.unused()
    assert breaker.ready_t(10.0, Lane.FORWARD) == 10.0


def test_a_trial_nobody_hears_of_is_given_up() -> None:
    breaker = opened()
    breaker.passed(10.0)
    assert breaker.ready_t(500.0, Lane.FORWARD) == 500.0


def test_going_back_passes_in_every_state_and_its_answer_counts_like_a_trial() -> None:
    breaker = opened()
    assert breaker.ready_t(0.0, Lane.GOING_BACK) == 0.0
    breaker.passed(0.0)
    assert breaker.ready_t(0.1, Lane.GOING_BACK) == 0.1
    breaker.answered(1.0, 0.0, ok=True)
    assert not breaker.is_open
