"""A new change back to what was, once the platform's Rollback is gone."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import change_event, event
from rollout.core.action import LookAtDeployment, PollOperation, Record, Submit, Wait
from rollout.core.change_event import Installed
from rollout.core.change_plan import RollbackPlan
from rollout.core.deadline import deadline
from rollout.core.decide import LOST_REPEATS_MAX
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Finding
from rollout.core.mark import Mark
from rollout.core.names import Digest
from rollout.core.operation import StartConfigure, StartUpgrade, Walk, attempt_token
from rollout.core.operations import revert_of
from rollout.core.outcome import Failed, RefusedKind, Running, Succeeded
from rollout.core.snapshot import Absent
from rollout.core.way_back import past_return, way_back
from rollout.errors import InvariantBroken

OLD = "web-2.4.0"
GIVEN = Digest("c" * 64)


def ours(told: Any) -> str:
    """Give the label of the update that is to be taken back."""
    return f"web-2.4.1 {(told.state.former or told.state.mark).token}"


def test_a_complete_update_is_reverted_domain_by_domain_and_seen_twice(story: Any) -> None:
    told = story.of("given:rolling_back")
    looks, forward = told.looks, told.ours
    told.look(looks.running(forward))
    reason = "a domain is sick; the update is complete, so its Rollback is gone"
    assert told.action == Record(change_event.RevertBegun(reason, OLD))
    assert told.why.startswith("web-01 goes back by a revert to web-2.4.0, for the update is complete")
    told.obey()
    assert told.action.sources == (LookAtDeployment(),)
    assert told.look(looks.running(forward)).finding is Finding.CLEAR
    revert = told.action.operation
    label = f"web-2.4.0 {attempt_token(told.plan.rollout, told.plan.service, 1, 2)}"
    assert told.action == Submit(
        StartUpgrade(GIVEN, told.state.before.configuration, label, {"Web": 6}), going_back=True
    )
    told.tell(told.intended(revert), told.accepted)
    assert told.state.former == Mark(token=forward.rpartition(" ")[2])
    assert [type(each) for each in told.action.sources] == [PollOperation, LookAtDeployment]
    assert told.look(looks.mid(0, label)).finding is Finding.BEGUN
    for domain in range(3):
        assert told.look(looks.mid(domain, label)).finding is Finding.CLEAR
        assert told.action == Submit(Walk(domain), going_back=True)
        told.tell(told.intended(Walk(domain)), told.accepted)
        told.poll(Succeeded())
        shows = looks.running(label) if domain == 2 else looks.mid(domain + 1, label)
        assert told.look(shows) is None
        assert told.look(shows).finding is Finding.SETTLED
    assert told.action.sources == (LookAtDeployment(),)
    assert told.look(looks.running(label)) is None
    assert told.look(looks.running(label)).detail == "the old release runs everywhere, by a new update"
    assert told.obey().state.ended.outcome is Outcome.ROLLED_BACK


def test_without_a_source_a_complete_update_is_held(story: Any) -> None:
    told = story.of("complete")
    assert past_return(told.state) == "it cannot go back: the look said no_way_back"
    assert told.obey().phase == "HeldForPerson"
    assert told.action == Wait(None)


@pytest.mark.parametrize("kind", ["recorded", "given", "copied"])
def test_a_revert_is_made_of_what_is_at_hand(story: Any, kind: str) -> None:
    told = story(kind="upgrade" if kind == "recorded" else kind).go("ready")
    if kind == "recorded":
        known = Installed("2.4.0", Digest("1" * 64), "web-2.4.0.cspkg", Digest("2" * 64))
        told.state = replace(told.state, known=known)
    assert way_back(told.state) == "rollback → revert to web-2.4.0"
    assert isinstance(revert_of(told.state), StartUpgrade)


def test_a_package_is_reverted_to_with_the_configuration_that_the_policy_gives(story: Any) -> None:
    rollback = RollbackPlan(package=GIVEN, configuration=Digest("9" * 64))
    assert revert_of(story(rollback=rollback).go("ready").state).configuration == "9" * 64


def test_what_records_say_counts_only_where_the_label_says_it_too(story: Any) -> None:
    told = story().go("ready")
    known = Installed("[ro:strange]", Digest("1" * 64), "web-2.4.0.cspkg", Digest("2" * 64))
    told.state = replace(told.state, known=known)
    assert way_back(told.state) == "rollback while in progress, none after the last domain"
    with pytest.raises(InvariantBroken, match="has nothing to revert to: UpgradePlan"):
        revert_of(told.state)


# --- before and after the new begin ---


@pytest.mark.parametrize(
    ("seen", "means"),
    [
        (lambda told: told.looks.mid(0, "web-9"), "somebody began another change before our revert"),
        (lambda told: told.looks.running("web-9"), "another release has taken the place of ours"),
        (lambda told: told.looks.running(ours(told), locked=True), None),
        (lambda told: told.looks.running(ours(told)), Finding.CLEAR),
        (lambda told: told.looks.running(), None),
        (lambda _: Absent("404"), "the deployment is gone: 404"),
    ],
)
def test_a_revert_is_begun_only_over_our_own_complete_update(story: Any, seen: Any, means: Any) -> None:
    told = story.of("given:reverting")
    fact = told.look(seen(told))
    if means is None or isinstance(means, Finding):
        assert (fact and fact.finding) is means
    else:
        assert isinstance(fact, event.TakenOver)
        assert fact.detail.startswith(means)


def test_what_is_back_already_is_only_seen(story: Any) -> None:
    told = story.of("given:reverting")
    told.look(told.looks.running())
    assert told.look(told.looks.running()).finding is Finding.RESTORED


def test_a_lost_begin_of_a_revert_is_known_by_its_own_token(story: Any) -> None:
    for applied in (True, False):
        told = story.of("given:reverting asked")
        former = told.state.former
        told.tell(told.lost).later(40.0)
        told.look(told.looks.mid(0, told.ours) if applied else told.looks.running(ours(told)))
        assert told.phase == "Reverting"
        assert type(told.state.phase.leg).__name__ == ("Ready" if applied else "Beginning")
        assert (told.state.mark == former) is not applied
        assert (told.state.former is None) is not applied


@pytest.mark.parametrize("answer", ["rejected", "failed"])
def test_a_revert_the_platform_refuses_is_held_and_tried_again_by_word(story: Any, answer: str) -> None:
    told = story.of("given:reverting asked")
    if answer == "rejected":
        told.tell(told.refused(RefusedKind.REJECTED))
    else:
        told.tell(told.accepted)
        told.poll(Failed("InternalError", "it broke"))
    told.look(told.looks.running(ours(told)))
    assert told.obey().phase == "HeldForPerson"
    assert ("the platform refused the upgrade: " if answer == "rejected" else "the upgrade failed: ") in told.why
    told.granted("retry")
    assert told.phase == "Reverting"
    assert told.look(told.looks.running(ours(told))).finding is Finding.CLEAR


@pytest.mark.parametrize("answer", ["rejected", "failed"])
def test_a_walk_back_that_does_not_work_is_repeated_a_few_times(story: Any, answer: str) -> None:
    told = story.of("given:ready_back")
    for _ in range(LOST_REPEATS_MAX + 1):
        told.look(told.looks.mid(0, told.ours))
        told.tell(told.intended(Walk(0)))
        if answer == "rejected":
            told.tell(told.refused(RefusedKind.REJECTED))
            told.look(told.looks.mid(0, told.ours))
        else:
            told.tell(told.accepted)
            told.poll(Failed("InternalError", "it broke"))
        assert type(told.state.phase.leg).__name__ == "Ready"
    assert told.action == Record(event.Escalated("the walk of domain 0 back was lost 4 times"))


@pytest.mark.parametrize(
    ("seen", "phase"),
    [
        (lambda told: told.looks.mid(0, told.ours), "Ready"),
        (lambda told: told.looks.mid(1, told.ours), "Settling"),
        (lambda told: told.looks.mid(0, told.ours, during=True), "Settling"),
    ],
)
def test_a_lost_walk_back_is_known_by_the_pointer(story: Any, seen: Any, phase: str) -> None:
    told = story.of("given:walking_back")
    told.tell(told.lost).later(40.0)
    told.look(seen(told))
    assert type(told.state.phase.leg).__name__ == phase


def test_a_lost_last_walk_back_need_not_show_everything_well(story: Any) -> None:
    told = story.of("given:ready_back")
    for domain in range(2):
        told.tell(told.intended(Walk(domain)), told.accepted, told.succeeded, told.observed(Finding.SETTLED))
    told.tell(told.intended(Walk(2)), told.lost).later(40.0)
    told.look(told.looks.sick(told.looks.running(told.ours), 0))
    assert type(told.state.phase.leg).__name__ == "Settling"


def test_walked_domains_that_are_down_do_not_keep_a_revert(story: Any) -> None:
    told = story.of("given:ready_back")
    assert told.look(told.looks.sick(told.looks.mid(0, told.ours), 2)).finding is Finding.CLEAR


def test_another_change_in_the_middle_of_a_revert_is_somebody_elses(story: Any) -> None:
    told = story.of("given:ready_back")
    assert isinstance(told.look(told.looks.mid(0, "web-9")), event.TakenOver)
    done = story.of("given:ready_back")
    for domain in range(3):
        done.tell(done.intended(Walk(domain)), done.accepted, done.succeeded, done.observed(Finding.SETTLED))
    assert isinstance(done.look(done.looks.running("web-9")), event.TakenOver)


def test_while_a_walk_back_is_under_way_a_look_says_nothing(story: Any) -> None:
    told = story.of("given:walking_back accepted")
    assert told.why.startswith("web-01 reverts (a domain is sick): domain 0, ")
    assert told.look(told.looks.mid(0, told.ours)) is None


# --- limits, words ---


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("reverting", "operation_timeout.begin"),
        ("reverting accepted", "operation_timeout.begin"),
        ("ready_back", "walk.domain_timeout"),
        ("walking_back accepted", "walk.domain_timeout"),
        ("settling_back", "walk.domain_timeout"),
    ],
)
def test_each_step_of_a_revert_has_its_limit_and_an_operator_after_it(story: Any, place: str, name: str) -> None:
    told = story.of(f"given:{place}")
    assert deadline(told.state, 0.0).name == name
    told.later(700.0)
    if place.endswith("accepted"):
        told.poll(Running())
    else:
        locked = {"locked": True}
        seen = told.looks.mid(0, told.ours, **locked) if "back" in place else told.looks.running(told.ours, **locked)
        told.look(seen)
        told.look(seen)
    assert told.phase == "NeedsOperator"
    assert f"going back took longer than {name}" in told.why
    told.granted("rollback")
    assert told.phase == "Reverting"
    assert deadline(told.state, told.t).t > told.t


def test_a_stop_keeps_a_revert_from_every_new_call(story: Any) -> None:
    for place in ("reverting", "ready_back"):
        told = story.of(f"given:{place}")
        told.granted("stop")
        assert told.action == Wait(None)
        assert "back by bob: because; waits for a person" in told.why
        told.later(5000.0).granted("resume")
        assert deadline(told.state, told.t).t > told.t


def test_a_revert_counts_as_rolled_back_and_never_as_succeeded(story: Any) -> None:
    for claim in (Claim.ROLLED_BACK, Claim.SUCCEEDED):
        told = story.of("given:ready_back").tell(event.Escalated("odd"))
        told.granted("resolve", resolve_as=claim)
        assert told.look(told.looks.running(told.ours)).agrees is (claim is Claim.ROLLED_BACK)


def test_a_configuration_is_reverted_by_its_key(story: Any) -> None:
    told = story.of("configure:reverting asked")
    assert told.state.mark == Mark(key="key-old")
    assert told.state.former == Mark(key="key-new")
    told.tell(told.accepted)
    assert told.look(told.looks.mid(0, OLD, key="key-old")).finding is Finding.BEGUN
    assert isinstance(revert_of(told.state), StartConfigure)


def test_one_role_alone_is_reverted_alone(story: Any) -> None:
    change = replace(story().plan.change, role="Web")
    told = story(kind="given", change=change).go("ready")
    revert = revert_of(told.state)
    assert isinstance(revert, StartUpgrade)
    assert revert.role == "Web"


def test_a_rollback_past_the_last_walk_is_a_revert_where_there_is_something_to_revert_to(story: Any) -> None:
    told = story.of("given:walked")
    assert way_back(told.state) == "revert to web-2.4.0"
    told.granted("rollback")
    told.look(told.whole)
    assert told.obey().phase == "Reverting"


@pytest.mark.parametrize(("given", "asked"), [("given:rolling_back", False), ("rolling_back", True)])
def test_an_update_at_its_last_domain_is_waited_for_only_where_a_revert_can_follow(
    story: Any, given: str, asked: bool
) -> None:
    told = story.of(given)
    assert (told.look(told.looks.mid(2, told.ours, during=True)) is not None) is asked
    assert told.look(told.looks.mid(2, told.ours)).finding is Finding.CLEAR


def test_an_update_that_walks_itself_is_not_taken_back_for_ours_while_its_label_does_not_show(story: Any) -> None:
    told = story.of("rolling_back")
    assert told.look(told.looks.mid(1, told.ours)).finding is Finding.CLEAR
    told = story.of("rolling_back")
    assert told.look(told.looks.mid(1, told.ours, manual=False)) is None
    assert told.look(told.looks.running("stranger")).detail.startswith("another change has taken the place of ours")
