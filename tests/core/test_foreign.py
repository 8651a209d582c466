"""What other people's operations mean: somebody scales, reboots or upgrades in the middle of our change."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import change_event, event
from rollout.core.action import Submit, Wait
from rollout.core.change_plan import ForeignPlan, Reaction
from rollout.core.ending import Outcome
from rollout.core.event import Finding

HOLDS = ForeignPlan(Reaction.HOLD, Reaction.HOLD, Reaction.HOLD)


def scaled(looks: Any, **changed: Any) -> Any:
    seen = looks.running(**changed)
    return replace(seen, instances=(*seen.instances, replace(seen.instances[0], name="Web_IN_9")))


@pytest.mark.parametrize("place", ["beginning", "copied:capturing", "configure:beginning"])
def test_a_scaling_before_our_begin_is_taken_along(story: Any, place: str) -> None:
    told = story.of(place)
    off = {"activity": "suspended"} if place.startswith("start") else {}
    unsettled = scaled(told.looks, activity="changing")
    assert told.look(unsettled) is None
    seen = scaled(told.looks)
    fact = told.look(seen)
    assert isinstance(fact, change_event.Rescaled)
    assert fact.detail == "somebody scaled it from 6 of Web to 7 of Web"
    assert told.state.before.instance_counts == {"Web": 7}
    assert off is not None


def test_the_counts_that_are_sent_are_those_of_the_deployment_as_it_stands(story: Any) -> None:
    told = story.of("beginning")
    told.look(scaled(told.looks))
    assert told.action.operation.instance_counts == {"Web": 7}


def test_a_scaling_is_left_to_them_where_the_policy_says_hold(story: Any) -> None:
    told = story(foreign=HOLDS).go("beginning")
    fact = told.look(scaled(told.looks))
    assert isinstance(fact, event.TakenOver)
    assert fact.detail.startswith("somebody scaled it from 6 of Web to 7 of Web before our change began")
    assert told.action == Wait(None)


def test_a_reboot_between_walks_is_tolerated_or_held(story: Any) -> None:
    told = story().go("checking").tell(event.GatePassed(0, ()))
    down = told.looks.sick(told.looks.mid(1, told.ours), 2, "RestartingRole")
    assert told.look(down).finding is Finding.CLEAR
    strict = story(foreign=HOLDS).go("checking").tell(event.GatePassed(0, ()))
    fact = strict.look(down)
    assert isinstance(fact, event.TakenOver)
    named = "Web_IN_2 (RestartingRole), Web_IN_5 (RestartingRole)"
    assert fact.detail.startswith(f"instances are down that we have not touched: {named}")


def test_where_reboots_are_held_a_quiet_deployment_is_walked(story: Any) -> None:
    told = story(foreign=HOLDS).go("ready")
    assert told.look(told.looks.mid(0, told.ours)).finding is Finding.CLEAR


def test_an_upgrade_of_theirs_is_held_for_a_person_or_left_to_them(story: Any) -> None:
    told = story.of("ready")
    told.look(told.looks.mid(0, "web-9"))
    assert told.action == Wait(None)
    assert "taken over by somebody else's change" in told.why
    leaves = story(foreign=ForeignPlan(upgrade=Reaction.TOLERATE)).go("ready")
    leaves.look(leaves.looks.mid(0, "web-9"))
    ended = leaves.obey().state.ended
    assert ended.outcome is Outcome.EXCLUDED
    assert ended.reason.startswith("left to whoever took it over: another change has taken the place of ours")


@pytest.mark.parametrize(("who", "left"), [("policy", True), ("ann", False)])
def test_what_a_person_wants_back_is_not_left_to_whoever_took_it_over(story: Any, who: str, left: bool) -> None:
    told = story(foreign=ForeignPlan(upgrade=Reaction.TOLERATE)).go("ready").tell(event.TurnedBack("sick", who))
    told.look(told.looks.mid(0, "web-9"))
    assert (told.action == Wait(None)) is not left


def test_a_scaling_is_no_matter_once_ours_has_begun(story: Any) -> None:
    told = story(foreign=HOLDS).go("ready")
    seen = scaled(told.looks)
    assert told.look(replace(told.looks.mid(0, told.ours), instances=seen.instances)).finding is Finding.CLEAR
    assert isinstance(told.action, Submit)
