"""Half of a limit gone: said once in each phase, and never once the limit has passed."""

from typing import Any

import pytest

from rollout.core import change_event, event
from rollout.core.event import Finding, Verdict
from rollout.core.outcome import Running, Unreachable
from rollout.core.slow import slow, slow_t

PLACES = {
    "preflight": (150.0, "operation_timeout.begin"),
    "walking accepted": (300.0, "walk.domain_timeout"),
    "rolling_back settling": (1800.0, "rollback.timeout"),
    "swap:swapping accepted": (200.0, "operation_timeout.swap"),
    "start:applying settling": (250.0, "operation_timeout.status"),
    "auto:settling": (1050.0, "walk.domain_timeout for each domain"),
    "copied:capturing accepted": (150.0, "operation_timeout.begin"),
    "given:ready_back": (300.0, "walk.domain_timeout"),
    "checking": (300.0, "walk.domain_timeout"),
}


@pytest.mark.parametrize("place", PLACES)
def test_half_of_each_limit_is_said_by_name_with_what_is_left(story: Any, place: str) -> None:
    half_s, name = PLACES[place]
    told = story.of(place)
    assert slow_t(told.state, told.now) == half_s
    told.later(half_s - 1.0)
    assert slow(told.state, told.now) is None
    told.later(1.0)
    said = slow(told.state, told.now)
    assert said == change_event.Slow(told.phase, name, half_s)
    assert slow(told.tell(said).state, told.now) is None
    assert slow_t(told.state, told.now) == float("inf")


def test_past_the_limit_there_is_more_to_say(story: Any) -> None:
    told = story.of("walking accepted").later(600.0)
    assert slow(told.state, told.now) is None
    assert told.poll(Running()).finding is Finding.OVERDUE


@pytest.mark.parametrize("place", ["queued", "held", "taken_over", "needs_operator", "ended"])
def test_what_waits_for_a_person_is_never_slow(story: Any, place: str) -> None:
    told = story.of(place).later(1e6)
    assert slow_t(told.state, told.now) == float("inf")
    assert slow(told.state, told.now) is None


def test_each_kind_of_answer_can_show_it(story: Any) -> None:
    polled = story.of("walking accepted")
    assert isinstance(polled.poll(Running(), after_s=300.0), change_event.Slow)
    assert polled.poll(Running()) is None
    looked = story.of("settling")
    assert isinstance(looked.look(looked.looks.mid(0, looked.ours), after_s=300.0), change_event.Slow)
    probed = story.of("checking").at(20.0)
    probed.probe(Verdict.PASS)
    assert probed.probe(Verdict.PASS) is None
    probed.tell(event.Probed(0, Verdict.FAIL, ()))
    assert isinstance(probed.probe(Verdict.FAIL, after_s=310.0), change_event.Slow | event.GateFailed)


def test_a_gate_that_flips_is_slow_before_it_fails(story: Any) -> None:
    told = story(retry_s=10_000.0, stable_s=10_000.0).go("checking").at(20.0)
    told.probe(Verdict.FAIL)
    assert isinstance(told.probe(Verdict.FAIL, after_s=300.0), change_event.Slow)


def test_nobody_is_called_slow_by_an_answer_that_shows_nothing(story: Any) -> None:
    told = story.of("walking accepted")
    assert told.poll(Unreachable("down"), after_s=300.0) is None


def test_the_next_phase_counts_anew(story: Any) -> None:
    told = story.of("walking accepted")
    told.poll(Running(), after_s=300.0)
    told.tell(told.succeeded)
    assert not told.state.slow
    assert slow_t(told.state, told.now) == 300.0
