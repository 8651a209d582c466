"""The way back: what is looked at first, what is asked for, what counts as back, and what is held instead."""

from typing import Any

import pytest

from rollout.core import event
from rollout.core.action import LookAtDeployment, PollOperation, Record, Submit, Wait, Watch
from rollout.core.change_plan import RollbackPlan
from rollout.core.decide import FRESH_S, LOST_REPEATS_MAX
from rollout.core.ending import Outcome
from rollout.core.event import Finding
from rollout.core.operation import RollBack, Walk
from rollout.core.outcome import Failed, RefusedKind, Running, Succeeded, Unknown

OLD = "web-2.4.0"


def test_a_rollback_is_looked_before_asked_for_watched_seen_twice_and_then_over(story: Any) -> None:
    told = story().go("rolling_back")
    looks = told.looks
    assert told.action == Watch((LookAtDeployment(),), due_t=3600.0)
    assert told.look(looks.mid(1, told.ours, during=True)).finding is Finding.CLEAR
    assert told.action == Submit(RollBack(), going_back=True)
    told.tell(told.intended(RollBack()), told.accepted)
    assert isinstance(told.action.sources[0], PollOperation)
    assert told.poll(Running()) is None
    told.poll(Succeeded())
    assert told.action.sources == (LookAtDeployment(),)
    shows = (looks.mid(0, OLD), looks.running(OLD, locked=True), looks.running(told.ours), looks.running(OLD))
    assert [told.look(seen) for seen in shows] == [None] * 4
    assert told.look(looks.running(OLD)).finding is Finding.RESTORED
    assert told.action == Record(event.Closed(Outcome.ROLLED_BACK, "policy", "a domain is sick"))
    assert told.obey().why == "web-01 ended as rolled_back: a domain is sick."


@pytest.mark.parametrize("place", ["queued", "preflight", "beginning"])
def test_going_back_before_anything_was_begun_ends_as_failed_and_calls_nobody(story: Any, place: str) -> None:
    told = story().go(place).tell(event.TurnedBack("ann changed her mind"))
    assert told.action == Record(event.Closed(Outcome.FAILED, "policy", "ann changed her mind"))
    assert "nothing was changed" in told.why


@pytest.mark.parametrize(
    "place", ["beginning accepted", "ready", "walking accepted", "settling", "checking", "baking", "held"]
)
def test_a_word_to_go_back_turns_every_place_where_something_was_begun(story: Any, place: str) -> None:
    told = story().go(place).tell(event.TurnedBack("ann wants it back"))
    assert told.phase == "RollingBack"
    assert isinstance(told.action, Watch)


def test_a_word_to_go_back_moves_one_who_needs_an_operator_but_nothing_turns_him_by_itself(story: Any) -> None:
    told = story().go("needs_operator").tell(event.TurnedBack("ann wants it back"))
    assert told.phase == "RollingBack"
    told.tell(event.Escalated("odd again"))
    assert told.phase == "NeedsOperator"
    told.tell(told.held())
    assert told.phase == "NeedsOperator"


@pytest.mark.parametrize("place", ["beginning asked", "walking asked"])
def test_going_back_waits_for_the_answer_to_the_call_in_flight(story: Any, place: str) -> None:
    told = story().go(place).tell(event.TurnedBack("ann wants it back"))
    assert told.phase in {"Beginning", "Walking"}
    told.tell(told.accepted)
    assert told.phase == "RollingBack"
    lost = story().go(place).tell(event.TurnedBack("ann wants it back"))
    lost.tell(lost.lost)
    assert lost.phase == "Reconciling"
    assert lost.later(40).look(lost.looks.mid(0, lost.ours, during=True)).finding is Finding.APPLIED
    assert lost.phase == "RollingBack"


def test_a_begin_shown_not_to_have_happened_leaves_nothing_to_take_back(story: Any) -> None:
    told = story().go("beginning asked").tell(event.TurnedBack("ann wants it back"))
    told.tell(told.lost).later(40).look(told.looks.running())
    assert told.action.fact.outcome is Outcome.FAILED


def test_after_the_last_walk_there_is_no_way_back_and_the_service_is_held_with_the_reason(story: Any) -> None:
    told = story(2).go("baking").tell(event.Baked(1, ())).walk(1)
    told.tell(event.GateFailed(1, "unhealthy for 60 s", ())).obey()
    assert told.look(told.looks.running(told.ours, locked=True)) is None
    assert told.look(told.looks.running(told.ours)).finding is Finding.NO_WAY_BACK
    told.obey()
    reason = "unhealthy for 60 s; it cannot go back: the update is complete, so its Rollback is gone"
    assert told.state.phase.reason == reason
    assert told.action == Wait(None)
    assert told.why == f"web-01 held: {reason}; waits for a person, for 0s."


@pytest.mark.parametrize("answer", ["rejected", "failed"])
def test_a_rollback_the_platform_refuses_is_held_with_its_words(story: Any, answer: str) -> None:
    told = story().go("rolling_back asked")
    if answer == "rejected":
        told.tell(told.refused(RefusedKind.REJECTED))
    else:
        told.tell(told.accepted, told.failed)
    assert told.look(told.looks.mid(1, told.ours)).finding is Finding.NOT_APPLIED
    assert told.obey().phase == "HeldForPerson"
    said = (
        "the platform refused the rollback: "
        if answer == "rejected"
        else "the rollback failed: InternalError: it broke"
    )
    assert f"it cannot go back: {said}" in told.why


@pytest.mark.parametrize("answer", ["rejected", "lost"])
def test_a_rollback_overtaken_by_the_last_walk_is_held_and_needs_no_guessing(story: Any, answer: str) -> None:
    told = story().go("rolling_back asked")
    told.tell(told.refused(RefusedKind.REJECTED) if answer == "rejected" else told.lost()).later(40)
    complete = told.looks.running(told.ours)
    assert told.look(complete).finding is Finding.NO_WAY_BACK
    assert told.obey().phase == "HeldForPerson"


@pytest.mark.parametrize("kind", [RefusedKind.NOT_SENT, RefusedKind.THROTTLED, RefusedKind.BUSY])
def test_a_rollback_not_taken_is_asked_for_again_after_a_fresh_look(story: Any, kind: RefusedKind) -> None:
    told = story().go("rolling_back asked")
    told.tell(told.refused(kind, retry_in_s=50.0))
    assert told.action == Wait(50.0)
    assert told.at(50.0).action.sources == (LookAtDeployment(),)
    told.look(told.looks.mid(1, told.ours))
    assert isinstance(told.later(FRESH_S).action, Submit)
    assert told.later(1.0).action.sources == (LookAtDeployment(),)


def test_a_rollback_that_is_always_busy_needs_an_operator_in_time(story: Any) -> None:
    told = story(rollback_timeout_s=200.0).go("rolling_back asked")
    while told.phase == "RollingBack":
        assert told.t < 250
        told.tell(told.refused(retry_in_s=20.0)).later(20.0)
        told.look(told.looks.mid(1, told.ours))
        if isinstance(told.action, Submit):
            told.tell(told.intended(RollBack()))
    assert told.phase == "NeedsOperator"
    assert "going back took longer than rollback.timeout; the last call said: said no" in told.why


def test_a_rollback_lost_four_times_needs_an_operator(story: Any) -> None:
    told = story().go("rolling_back")
    for _ in range(LOST_REPEATS_MAX + 1):
        told.look(told.looks.mid(1, told.ours))
        told.tell(told.intended(RollBack()), told.lost).later(40)
        told.look(told.looks.mid(1, told.ours))
    assert told.action == Record(event.Escalated("the rollback was lost 4 times"))


def test_somebody_elses_change_is_never_rolled_back(story: Any) -> None:
    told = story().go("rolling_back")
    for seen in (told.looks.mid(0, "web-9"), told.looks.running("web-9")):
        assert isinstance(story().go("rolling_back").look(seen), event.TakenOver)


def test_a_change_that_is_on_its_way_back_already_is_only_watched(story: Any) -> None:
    told = story().go("ready")
    told.look(told.looks.mid(0, told.ours))
    told.tell(event.TurnedBack("sick"))
    assert told.look(told.looks.mid(0, OLD)) is None
    assert told.look(told.looks.running(OLD)) is None
    assert told.look(told.looks.running(OLD)).finding is Finding.RESTORED


def test_a_late_label_does_not_keep_our_own_change_from_being_rolled_back(story: Any) -> None:
    told = story().go("rolling_back")
    assert told.look(told.looks.mid(1, OLD)).finding is Finding.CLEAR


def test_a_lock_before_the_rollback_is_waited_for(story: Any) -> None:
    told = story().go("rolling_back")
    assert told.look(told.looks.mid(1, told.ours, locked=True)) is None


def test_a_deployment_that_is_gone_is_not_gone_back(story: Any) -> None:
    from rollout.core.snapshot import Absent

    assert isinstance(story().go("rolling_back").look(Absent("404")), event.TakenOver)


@pytest.mark.parametrize("touched", [0, 3, 4, 10])
def test_going_back_may_take_an_hour_or_twenty_minutes_for_each_touched_domain(touched: int) -> None:
    assert RollbackPlan().bound_s(touched) == max(3600.0, 1200.0 * touched)
    assert RollbackPlan(timeout_s=120.0).bound_s(touched) == 120.0


def test_a_rollback_whose_operation_is_forgotten_is_judged_by_the_deployment(story: Any) -> None:
    told = story().go("rolling_back accepted")
    assert isinstance(told.poll(Unknown("404"), after_s=61.0), event.Untracked)
    told.look(told.looks.running(OLD))
    assert told.look(told.looks.running(OLD)).finding is Finding.RESTORED


def test_a_rollback_never_seen_done_needs_an_operator_after_its_limit(story: Any) -> None:
    told = story(rollback_timeout_s=100.0).go("rolling_back settling")
    sick = told.looks.sick(told.looks.running(OLD), 0)
    assert told.look(sick) is None
    assert "needs an operator (rollback.timeout) in" in told.why
    fact = told.look(sick, after_s=100.0)
    assert isinstance(fact, event.Escalated)
    assert "not ready: Web_IN_0 (BusyRole), Web_IN_3 (BusyRole)" in fact.reason


def test_a_rollback_that_fails_after_it_took_hold_is_seen_through(story: Any) -> None:
    told = story().go("ready")
    told.look(told.looks.mid(0, told.ours))
    told.tell(event.TurnedBack("sick"))
    told.tell(told.intended(RollBack()), told.accepted)
    told.poll(Failed("InternalError", "it broke"))
    assert told.look(told.looks.mid(0, OLD)).finding is Finding.APPLIED
    assert told.phase == "RollingBack"


def test_walked_domains_stay_walked_on_the_way_back(story: Any) -> None:
    told = story().go("checking").tell(event.GatePassed(0, ())).tell(event.TurnedBack("sick"))
    assert told.state.walked == (0,)
    assert told.refuses(told.intended(Walk(1)))
