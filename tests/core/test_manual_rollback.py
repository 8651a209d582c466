"""A Rollback with Mode=Manual: the engine walks the domains back, by the platform's own pointer."""

from typing import Any

import pytest

from rollout.core import event
from rollout.core.action import LookAtDeployment, Record, Submit, Wait
from rollout.core.deadline import deadline
from rollout.core.decide import LOST_REPEATS_MAX
from rollout.core.ending import Outcome
from rollout.core.event import Finding
from rollout.core.operation import RollBack, RollbackMode, Walk
from rollout.core.outcome import Failed, RefusedKind

OLD = "web-2.4.0"


def test_a_rollback_is_turned_walked_back_and_seen_twice(story: Any) -> None:
    told = story.of("manual:rolling_back")
    looks = told.looks
    told.look(looks.mid(2, told.ours))
    assert told.action == Submit(RollBack(RollbackMode.MANUAL), going_back=True)
    told.tell(told.intended(told.action.operation), told.accepted, told.succeeded)
    for seen in (looks.mid(0, OLD, locked=True), looks.mid(0, OLD, during=True), looks.mid(0, OLD, manual=False)):
        assert told.look(seen) is None
    assert told.look(looks.mid(0, OLD)).finding is Finding.TURNED
    for domain in range(2):
        assert told.action.sources == (LookAtDeployment(),)
        assert told.look(looks.mid(domain, OLD)).finding is Finding.CLEAR
        assert told.action == Submit(Walk(domain), going_back=True)
        told.tell(told.intended(Walk(domain)), told.accepted, told.succeeded)
        if domain == 0:
            assert told.look(looks.mid(0, OLD)) is None
            assert told.look(looks.mid(1, OLD)) is None
            assert told.look(looks.mid(1, OLD)).finding is Finding.SETTLED
    assert told.look(looks.running()) is None
    assert told.look(looks.running()).finding is Finding.RESTORED
    assert told.obey().state.ended.outcome is Outcome.ROLLED_BACK
    assert told.state.walked == ()


def test_the_platforms_pointer_says_which_domain_is_next(story: Any) -> None:
    told = story.of("manual:ready_back")
    assert told.look(told.looks.mid(1, OLD, locked=True)) is None
    assert told.look(told.looks.mid(1, OLD, during=True)) is None
    told.look(told.looks.mid(2, OLD))
    assert told.action == Submit(Walk(2), going_back=True)


def test_after_the_last_domain_only_the_end_is_waited_for(story: Any) -> None:
    told = story.of("manual:ready_back")
    for domain in range(3):
        told.tell(told.intended(Walk(domain)), told.accepted, told.succeeded, told.observed(Finding.SETTLED))
    assert "waits until the old release runs everywhere again" in told.why
    assert told.action.sources == (LookAtDeployment(),)


def test_a_rollback_that_walks_by_itself_although_asked_not_to_is_only_watched(story: Any) -> None:
    told = story.of("manual:rolling_back settling")
    assert told.look(told.looks.running()) is None
    assert told.look(told.looks.running()).finding is Finding.RESTORED


def test_an_automatic_rollback_is_never_walked(story: Any) -> None:
    told = story.of("rolling_back settling")
    assert told.look(told.looks.mid(0, OLD)) is None


ROWS: dict[str, tuple[Any, Any]] = {
    "still to be walked": (lambda looks: looks.mid(0, OLD), "Ready"),
    "being walked": (lambda looks: looks.mid(0, OLD, during=True), "Settling"),
    "past it": (lambda looks: looks.mid(1, OLD), "Settling"),
    "locked": (lambda looks: looks.mid(0, OLD, locked=True), "Reconciling"),
    "complete": (lambda looks: looks.running(), "Settling"),
    "gone": (lambda looks: looks.running("web-9"), "ForeignChange"),
    "walked by the platform": (lambda looks: looks.mid(0, OLD, manual=False), "ForeignChange"),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_lost_walk_back_is_known_by_the_pointer(story: Any, row: str) -> None:
    told = story.of("manual:walking_back")
    told.tell(told.lost).later(40.0)
    seen, phase = ROWS[row]
    told.look(seen(told.looks))
    leg = getattr(told.state.phase, "leg", None)
    assert phase in {told.phase, type(leg).__name__}


@pytest.mark.parametrize("answer", ["rejected", "failed"])
def test_a_walk_back_that_does_not_work_is_repeated_a_few_times(story: Any, answer: str) -> None:
    told = story.of("manual:ready_back")
    for _ in range(LOST_REPEATS_MAX + 1):
        told.look(told.looks.mid(0, OLD))
        told.tell(told.intended(Walk(0)))
        if answer == "rejected":
            told.tell(told.refused(RefusedKind.REJECTED))
            told.look(told.looks.mid(0, OLD))
        else:
            told.tell(told.accepted)
            told.poll(Failed("InternalError", "it broke"))
    assert told.action == Record(event.Escalated("the walk of domain 0 back was lost 4 times"))


@pytest.mark.parametrize("place", ["ready_back", "settling_back"])
def test_what_takes_the_place_of_the_rollback_is_somebody_elses(story: Any, place: str) -> None:
    for draw in ("running", "mid"):
        told = story.of(f"manual:{place}")
        seen = told.looks.running("web-9") if draw == "running" else told.looks.mid(0, OLD, manual=False)
        assert isinstance(told.look(seen), event.TakenOver)


def test_while_a_domain_is_walked_back_a_look_says_nothing(story: Any) -> None:
    told = story.of("manual:walking_back accepted")
    assert told.look(told.looks.mid(0, OLD)) is None


@pytest.mark.parametrize("place", ["ready_back", "walking_back accepted", "settling_back"])
def test_each_domain_has_the_time_of_a_domain(story: Any, place: str) -> None:
    assert deadline(story.of(f"manual:{place}").state, 0.0).name == "walk.domain_timeout"


def test_retry_takes_up_the_walk_back_where_it_stood(story: Any) -> None:
    told = story.of("manual:settling_back").tell(event.Escalated("odd")).at(900.0)
    told.granted("retry")
    assert type(told.state.phase.leg).__name__ == "Settling"
    assert deadline(told.state, told.t).t == 1500.0


def test_a_stop_keeps_it_from_being_walked_back(story: Any) -> None:
    told = story.of("manual:ready_back")
    told.granted("stop")
    assert told.action == Wait(None)
