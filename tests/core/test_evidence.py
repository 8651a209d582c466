"""Limits take a look made after them: without evidence they wait, say so, and go on by themselves."""

from typing import Any

import pytest

from rollout.core import change_event, event, sight_event
from rollout.core.action import Watch
from rollout.core.deadline import NEVER, deadline
from rollout.core.event import Finding, Verdict
from rollout.core.interpret import interpret_look
from rollout.core.outcome import Running, Succeeded, Unreachable
from rollout.core.snapshot import Look

DOWN = Unreachable("connection refused")


def test_no_answer_before_the_limit_means_nothing(story: Any) -> None:
    told = story().go("settling")
    assert told.look(DOWN, after_s=599.0) is None
    assert told.state.blind is None


@pytest.mark.parametrize("place", ["preflight", "beginning", "ready", "settling", "reconciling", "rolling_back"])
def test_a_limit_that_passes_unseen_waits_and_says_so_once(story: Any, place: str) -> None:
    told = story().go(place).at(4000.0)
    assert told.look(DOWN) == sight_event.Blinded("connection refused")
    assert "has passed, but there is no evidence: connection refused" in told.why
    assert isinstance(told.action, Watch)
    assert told.look(DOWN, after_s=9000.0) is None
    assert told.state.failure in {None, "a domain is sick"}


def test_a_poll_without_an_answer_waits_too_and_ends_nothing(story: Any) -> None:
    told = story().go("walking accepted")
    assert told.poll(DOWN) is None
    assert told.poll(DOWN, after_s=700.0) == sight_event.Blinded("connection refused")
    assert told.poll(DOWN) is None
    told.poll(Succeeded())
    assert told.phase == "Settling"
    assert told.state.blind is None


def test_a_first_look_after_a_long_outage_is_given_its_second(story: Any) -> None:
    told = story().go("settling").at(700.0)
    told.look(DOWN)
    done = told.looks.mid(1, told.ours)
    assert told.look(done) == sight_event.Sighted()
    assert told.state.blind is None
    assert told.look(done) is None
    assert told.look(done).finding is Finding.SETTLED


@pytest.mark.parametrize(
    ("place", "what"),
    [("settling", "settling after the walk of domain 0"), ("beginning accepted", "beginning the upgrade")],
)
def test_evidence_that_returns_and_shows_no_progress_ends_the_step(story: Any, place: str, what: str) -> None:
    told = story().go(place).at(700.0)
    told.look(DOWN)
    sick = told.looks.sick(told.looks.mid(0, told.ours, during=True), 0)
    assert told.look(sick) == sight_event.Sighted()
    assert told.look(sick) is None
    fact = told.look(sick)
    assert fact.finding is Finding.OVERDUE
    assert fact.detail.startswith(f"{what} took longer than")
    assert "; not ready: Web_IN_0 (BusyRole), Web_IN_3 (BusyRole)" in fact.detail
    assert isinstance(told.action.fact, event.TurnedBack)


def test_a_running_operation_past_its_limit_is_overdue_at_the_next_poll(story: Any) -> None:
    told = story().go("walking accepted")
    assert isinstance(told.poll(Running(), after_s=599.0), change_event.Slow)
    assert told.poll(Running()).detail == "the walk of domain 0 took longer than walk.domain_timeout"


def test_an_outage_during_preflight_leaves_no_blindness_behind(story: Any) -> None:
    told = story().go("preflight").at(400.0)
    told.look(DOWN)
    assert isinstance(told.look(told.looks.running()), event.Preflighted)
    assert told.state.blind is None


def test_a_word_does_not_give_sight(story: Any) -> None:
    told = story().go("settling").at(700.0)
    told.look(DOWN)
    assert told.tell(told.held()).state.blind == "connection refused"


def test_a_limit_shows_what_the_deployment_showed(story: Any) -> None:
    told = story().go("settling").at(700.0)
    for seen, said in ((told.looks.mid(0, told.ours), "RunningTransitioning"), (None, "locked")):
        shown = seen or told.looks.mid(0, told.ours, locked=True)
        fact = interpret_look(told.state, Look(shown, told.now), Look(shown, told.now))
        assert isinstance(fact, event.Observed)
        assert said in fact.detail


@pytest.mark.parametrize("place", ["queued", "held", "taken_over", "needs_operator", "ended"])
def test_nothing_is_late_where_only_a_person_or_the_fleet_moves_on(story: Any, place: str) -> None:
    told = story(timeout_s=1.0).go(place).at(1e5)
    assert deadline(told.state, told.t) is NEVER
    assert told.look(told.looks.running()) is None
    assert told.look(told.looks.running()) is None


@pytest.mark.parametrize(
    ("place", "name", "t"),
    [
        ("preflight", "operation_timeout.begin", 300.0),
        ("beginning accepted", "operation_timeout.begin", 300.0),
        ("ready", "walk.domain_timeout", 600.0),
        ("walking accepted", "walk.domain_timeout", 600.0),
        ("settling", "walk.domain_timeout", 600.0),
        ("checking", "walk.domain_timeout", 600.0),
        ("baking", "walk.domain_timeout", 700.0),
        ("reconciling", "walk.domain_timeout", 600.0),
        ("rolling_back", "rollback.timeout", 3600.0),
    ],
)
def test_every_limit_has_the_name_people_know_from_the_policy(story: Any, place: str, name: str, t: float) -> None:
    limit = deadline(story().go(place).state, 0.0)
    assert (limit.name, limit.t) == (name, t)


@pytest.mark.parametrize(("place", "t"), [("beginning asked", 300.0), ("rolling_back asked", 3600.0)])
def test_a_lost_call_keeps_the_limit_of_its_step(story: Any, place: str, t: float) -> None:
    told = story().go(place)
    assert deadline(told.tell(told.lost).state, 0.0).t == t


def test_a_look_where_none_was_asked_for_means_nothing(story: Any) -> None:
    told = story().go("checking").at(9000.0)
    assert told.look(told.looks.running()) is None
    assert told.look(told.looks.running()) is None


def test_a_long_darkness_stops_the_clocks_before_any_limit_passes(story: Any) -> None:
    told = story().go("settling")
    limit_t = deadline(told.state, told.t).t
    told.look(DOWN, after_s=300.0, dark_s=290.0)
    assert told.state.blind == "connection refused"

    told.look(told.looks.mid(1, told.ours), after_s=5000.0)

    assert told.state.blind is None
    assert deadline(told.state, told.t).t == limit_t + 290.0 + 5000.0


def test_a_domain_that_settled_in_the_dark_still_gets_its_whole_gate(story: Any) -> None:
    told = story().go("settling")
    told.look(DOWN, after_s=300.0, dark_s=290.0)
    done = told.looks.mid(1, told.ours)
    told.look(done, after_s=5000.0)
    told.look(done)
    told.look(done)

    assert told.phase == "Checking"
    told.probe(Verdict.PASS)
    assert deadline(told.state, told.t).t > told.t + told.state.plan.health.stable_s
    assert isinstance(told.probe(Verdict.PASS, after_s=told.state.plan.health.stable_s), event.GatePassed)


def test_an_answer_after_a_long_wait_for_a_turn_ends_nothing_yet(story: Any) -> None:
    told = story().go("walking accepted")
    assert told.poll(Running(), after_s=4000.0, dark_s=3900.0).detail == "nobody had a turn to look for 3900 s"
    assert told.poll(Running()) == sight_event.Sighted()
    assert told.poll(Running()) is None
    assert told.poll(Running(), after_s=700.0).finding is Finding.OVERDUE


def test_sight_is_told_only_where_it_was_lost(story: Any) -> None:
    assert "Sighted cannot happen" in story().go("settling").refuses(sight_event.Sighted())
