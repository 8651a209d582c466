"""People's words: what they withhold, what they leave alone, and the time they take out of the clocks."""

from typing import Any

import pytest

from rollout.core import event
from rollout.core.action import Record, Submit, Wait, Watch
from rollout.core.deadline import deadline
from rollout.core.drafts import still_wanted
from rollout.core.event import HoldReason, Verdict
from rollout.core.outcome import Running

PAUSE, HALT = HoldReason.PAUSE, HoldReason.HALT
STOP = event.Stopped("ann", "wait for bob")
RESUME = event.Resumed("ann", "go on")


def clear(told: Any) -> Any:
    """Look, so that only a word can withhold the next call."""
    told.look({"Beginning": told.looks.running}.get(told.phase, lambda: told.looks.mid(0, told.ours))())
    return told


@pytest.mark.parametrize(("place", "what"), [("beginning", "beginning"), ("ready", "domain 0")])
def test_a_hold_withholds_the_next_forward_call_and_lifting_it_lets_it_go(story: Any, place: str, what: str) -> None:
    told = clear(story().go(place))
    assert isinstance(told.action, Submit)
    assert told.tell(told.held()).action == Wait(None)
    assert told.why.startswith(f"web-01 held before {what} (pause by ann: lunch), for ")
    assert isinstance(told.tell(event.Released(PAUSE, "ann")).action, Submit)


@pytest.mark.parametrize("place", ["walking accepted", "settling", "checking", "baking", "beginning accepted"])
def test_what_is_under_way_goes_on_under_a_hold(story: Any, place: str) -> None:
    told = story().go(place)
    before = told.action
    assert isinstance(before, Watch)
    assert told.tell(told.held()).action == before


def test_a_hold_never_stops_going_back(story: Any) -> None:
    told = clear(story().go("rolling_back").tell(story().held()))
    assert isinstance(told.action, Submit)
    failed = story().go("checking").tell(story().held(), event.GateFailed(0, "sick", ()))
    assert failed.action == Record(event.TurnedBack("sick"))


def test_several_holds_are_all_named_and_all_have_to_be_lifted(story: Any) -> None:
    told = clear(story().go("ready"))
    told.tell(told.held(), event.Held(HALT, "policy", "2 of 3 failed"))
    assert "(pause by ann: lunch; halt by policy: 2 of 3 failed)" in told.why
    told.tell(event.Released(PAUSE, "ann"))
    assert told.action == Wait(None)
    told.tell(event.Released(HALT, "ann"))
    assert isinstance(told.action, Submit)


@pytest.mark.parametrize("place", ["beginning", "ready", "rolling_back"])
def test_a_stop_withholds_every_call_in_either_direction(story: Any, place: str) -> None:
    told = clear(story().go(place)).tell(STOP)
    assert told.action == Wait(None)
    assert "by ann: wait for bob; waits for a person" in told.why
    assert isinstance(told.tell(RESUME).action, Submit)


@pytest.mark.parametrize("place", ["beginning", "ready", "rolling_back"])
def test_a_stopped_service_does_not_look_for_a_call_it_may_not_make(story: Any, place: str) -> None:
    told = clear(story().go(place)).tell(STOP)
    said = told.why.partition(", for ")[0]
    told.later(3600.0)
    assert told.action == Wait(None)
    assert told.why.startswith(said)


@pytest.mark.parametrize("place", ["walking accepted", "rolling_back accepted", "rolling_back settling", "settling"])
def test_what_is_in_flight_is_still_watched_under_a_stop(story: Any, place: str) -> None:
    assert isinstance(story().go(place).tell(STOP).action, Watch)


def test_a_stop_beats_going_back_and_a_hold_does_not_lift_it(story: Any) -> None:
    told = clear(story().go("rolling_back")).tell(STOP, story().held(), event.Released(PAUSE, "ann"))
    assert told.action == Wait(None)


@pytest.mark.parametrize(
    ("word", "wanted"),
    [(STOP, False), (event.Held(PAUSE, "ann", "x"), False), (event.TurnedBack("x"), False), (RESUME, True)],
)
def test_a_call_on_its_way_to_the_wire_asks_whether_it_is_still_wanted(story: Any, word: Any, wanted: bool) -> None:
    told = story().go("walking asked").tell(word)
    assert still_wanted(told.state, 2) is wanted


def test_going_back_is_wanted_under_a_hold_but_not_under_a_stop(story: Any) -> None:
    told = story().go("rolling_back asked").tell(story().held())
    assert still_wanted(told.state, 2)
    assert not still_wanted(told.tell(STOP).state, 2)


def test_only_the_very_call_that_has_no_answer_yet_is_wanted(story: Any) -> None:
    told = story().go("walking asked")
    assert not still_wanted(told.state, 1)
    assert not still_wanted(told.tell(told.accepted).state, 2)
    assert not still_wanted(story().go("settling").state, 2)


# --- the time words take ---


def test_progress_time_leaves_out_the_time_under_holds(story: Any) -> None:
    told = story(timeout_s=1000.0).go("ready").at(100.0)
    assert deadline(told.state, 100.0).t == 600.0
    told.tell(told.held()).at(5100.0)
    told.tell(event.Released(PAUSE, "ann"))
    assert told.state.paused_s == 5000.0
    checking = story(timeout_s=1000.0).go("checking").at(100.0).tell(story().held())
    assert deadline(checking.state, 400.0).t == 600.0
    assert deadline(checking.state, 400.0).name == "walk.domain_timeout"


def test_overlapping_holds_count_once_from_the_first_to_the_last(story: Any) -> None:
    told = story().go("ready").at(10.0).tell(story().held())
    told.at(20.0).tell(event.Held(HALT, "policy", "x")).at(30.0).tell(event.Released(PAUSE, "ann"))
    assert told.state.paused_s == 0.0
    told.at(40.0).tell(STOP).at(45.0).tell(event.Released(HALT, "ann")).at(50.0).tell(RESUME)
    assert told.state.paused_s == 40.0
    assert told.state.withheld_since_t is None


def test_a_hold_said_twice_keeps_its_beginning_and_takes_the_new_words(story: Any) -> None:
    told = story().go("ready").at(10.0).tell(story().held()).at(50.0).tell(story().held("bob", "dinner"))
    assert [(hold.who, hold.since_t) for hold in told.state.holds] == [("bob", 10.0)]
    assert told.at(60.0).tell(event.Released(PAUSE, "bob")).state.paused_s == 50.0


def test_lifting_what_was_not_there_changes_nothing(story: Any) -> None:
    told = story().go("ready")
    before = told.state
    told.at(50.0).tell(event.Released(PAUSE, "ann"), RESUME)
    assert (told.state.phase, told.state.paused_s, told.state.holds) == (before.phase, 0.0, ())


@pytest.mark.parametrize("word", ["hold", "stop"])
@pytest.mark.parametrize("place", ["beginning", "ready"])
def test_a_long_word_before_a_call_does_not_make_the_call_overdue(story: Any, place: str, word: str) -> None:
    told = story().go(place).at(50.0)
    told.tell(told.held() if word == "hold" else STOP).at(7200.0)
    told.tell(event.Released(PAUSE, "ann") if word == "hold" else RESUME)
    clear(told)
    assert isinstance(told.action, Submit)
    told.tell(told.intended(told.action.operation), told.accepted)
    assert told.poll(Running()) is None
    assert told.state.failure is None
    limit_s = 300.0 if place == "beginning" else 600.0
    assert deadline(told.state, told.t).t == 7201.0 + limit_s  # since the call was taken


def test_a_hold_that_began_before_the_step_excuses_only_the_step_itself(story: Any) -> None:
    told = story().go("checking").at(10.0).tell(story().held()).at(100.0).tell(event.GatePassed(0, ()))
    told.at(1100.0).tell(event.Released(PAUSE, "ann"))
    assert told.state.phase.step.began_t == 1100.0
    assert told.state.paused_s == 1090.0


def test_a_hold_does_not_excuse_what_is_in_flight(story: Any) -> None:
    told = story().go("walking accepted").at(10.0).tell(story().held()).at(500.0).tell(event.Released(PAUSE, "ann"))
    assert told.state.phase.step.began_t == 0.0


def test_a_long_stop_before_a_rollback_does_not_use_up_its_time(story: Any) -> None:
    told = clear(story(rollback_timeout_s=100.0).go("rolling_back")).at(50.0).tell(STOP, STOP).at(5000.0).tell(RESUME)
    assert told.state.phase.step.began_t == 4951.0  # it was clear at second 1, and was never asked for
    seen = story(rollback_timeout_s=100.0).go("rolling_back settling").at(50.0).tell(STOP).at(500.0).tell(RESUME)
    assert seen.state.phase.step.began_t == 0.0


def test_the_service_timeout_is_judged_before_the_next_walk_and_goes_back(story: Any) -> None:
    told = story(timeout_s=1000.0).go("checking").at(990.0)
    told.tell(event.GatePassed(0, ())).later(10.0)
    told.look(told.looks.mid(1, told.ours))
    assert "getting to walk domain 1 took longer than timeout" in told.state.failure
    assert isinstance(told.action.fact, event.TurnedBack)


def test_a_gate_that_outlasts_the_service_timeout_fails_by_that_name(story: Any) -> None:
    told = story(timeout_s=100.0).go("checking").at(90.0)
    told.probe(Verdict.PASS)
    assert told.probe(Verdict.PASS).reason == "not healthy for long enough within timeout"
