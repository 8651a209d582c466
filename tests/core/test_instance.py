"""One word to one instance: said once, never repeated, never taken back."""

from typing import Any

import pytest

from rollout.core import event
from rollout.core.action import Record, Submit, Wait
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Finding
from rollout.core.operation import ActOnInstance, InstanceVerb
from rollout.core.outcome import Failed, RefusedKind, Running
from rollout.core.way_back import way_back

REBOOT = ActOnInstance(InstanceVerb.REBOOT, "Web_IN_0")


def test_an_instance_is_rebooted_once_and_the_deployment_seen_well_again(story: Any) -> None:
    told = story.of("instance:applying")
    assert told.action == Submit(REBOOT, going_back=False)
    told.tell(told.intended(REBOOT), told.accepted, told.succeeded)
    assert told.look(told.looks.sick(told.looks.running(), 0)) is None
    assert told.look(told.looks.running()) is None
    assert told.look(told.looks.running()).finding is Finding.SETTLED
    assert told.action == Record(event.Closed(Outcome.SUCCEEDED, "policy", "the reboot of Web_IN_0 is done"))


@pytest.mark.parametrize(("domains", "more"), [(4, False), (5, True)])
def test_an_instance_that_is_not_there_is_refused_by_name(story: Any, domains: int, more: bool) -> None:
    told = story(domains, kind="instance").go("preflight")
    seen = told.looks.running()
    gone = [each for each in seen.instances if each.name != "Web_IN_0"]
    seen = type(seen)(**{field: getattr(seen, field) for field in seen.__struct_fields__} | {"instances": tuple(gone)})
    reason = told.look(seen).reason
    assert reason.startswith("it has no instance Web_IN_0; it has Web_IN_1, Web_IN_2")
    assert reason.endswith(", …") is more


def test_an_instance_that_is_there_fits(story: Any) -> None:
    told = story.of("instance:preflight")
    assert isinstance(told.look(told.looks.running()), event.Preflighted)


def test_a_suspended_deployment_has_no_instance_to_speak_to(story: Any) -> None:
    told = story.of("instance:preflight")
    assert told.look(told.looks.suspended()).reason == "it is suspended: start it first"


def test_nobody_can_see_whether_a_lost_word_was_heard(story: Any) -> None:
    told = story.of("instance:applying asked")
    told.tell(told.lost).later(40.0)
    fact = told.look(told.looks.running())
    assert isinstance(fact, event.Escalated)
    assert fact.reason == "nobody can see whether the reboot of Web_IN_0 took effect"
    told.granted("retry")
    told.look(told.looks.running())
    assert told.phase == "NeedsOperator"
    told.granted("resolve", resolve_as=Claim.SUCCEEDED)
    told.look(told.looks.running())
    assert told.obey().state.ended.outcome is Outcome.RESOLVED


def test_a_word_refused_at_once_changed_nothing(story: Any) -> None:
    told = story.of("instance:applying asked")
    told.tell(told.refused(RefusedKind.REJECTED))
    told.look(told.looks.running())
    assert told.obey().state.ended.outcome is Outcome.FAILED
    assert "the platform refused the reboot of Web_IN_0: said no" in told.why


def test_a_word_that_failed_may_have_done_something(story: Any) -> None:
    told = story.of("instance:applying accepted")
    told.poll(Failed("InternalError", "it broke"))
    told.look(told.looks.running())
    assert told.phase == "NeedsOperator"


@pytest.mark.parametrize("on_failure", ["rollback", "hold", "suspend"])
def test_whatever_the_policy_says_it_is_held_for_nothing_can_be_taken_back(story: Any, on_failure: str) -> None:
    told = story(kind="instance", on_failure=on_failure).go("applying accepted").later(500.0)
    told.poll(Running())
    assert told.obey().phase == "HeldForPerson"
    assert told.action == Wait(None)
    assert told.denied("rollback").why == "a word to an instance cannot be taken back"


def test_no_way_back_is_promised(story: Any) -> None:
    assert way_back(story.of("instance:applying").state) == "none: a word to an instance cannot be taken back"
    told = story.of("instance:applying")
    told.granted("rollback")
    assert told.obey().state.ended.outcome is Outcome.FAILED


@pytest.mark.parametrize(("claim", "agrees"), [(Claim.SUCCEEDED, True), (Claim.ROLLED_BACK, True)])
def test_a_claim_counts_where_the_deployment_is_well(story: Any, claim: Claim, agrees: bool) -> None:
    told = story.of("instance:applying settling").tell(event.HeldOnFailure("odd"))
    told.granted("resolve", resolve_as=claim)
    assert told.look(told.looks.running()).agrees is agrees
