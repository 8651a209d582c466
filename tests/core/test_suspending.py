"""After a failure the deployment is suspended, where the policy wants the outage rather than the new release."""

from typing import Any

import pytest

from rollout.core import event
from rollout.core.action import LookAtDeployment, Record, Submit
from rollout.core.deadline import deadline
from rollout.core.ending import Outcome
from rollout.core.event import Finding
from rollout.core.operation import SetStatus
from rollout.core.outcome import RefusedKind
from rollout.core.snapshot import Activity

OFF = {"activity": Activity.SUSPENDED_CHANGING, "status": "SuspendedTransitioning"}
"""What a deployment in the middle of an update shows once it is suspended."""


def test_a_red_gate_suspends_the_deployment_and_ends_it_so(story: Any) -> None:
    told = story(on_failure="suspend").go("checking").tell(event.GateFailed(0, "sick", ()))
    assert told.action == Record(event.TurnedBack("sick", suspend=True))
    assert "is suspended, an outage: sick" in told.why
    told.obey()
    assert told.action.sources == (LookAtDeployment(),)
    assert told.look(told.looks.mid(1, told.ours)).finding is Finding.CLEAR
    assert told.action == Submit(SetStatus(running=False), going_back=True)
    told.tell(told.intended(SetStatus(running=False)), told.accepted, told.succeeded)
    assert told.look(told.looks.mid(1, told.ours)) is None
    assert told.look(told.looks.mid(1, told.ours, **OFF)) is None
    assert told.look(told.looks.mid(1, told.ours, **OFF)).detail == "the deployment is suspended"
    assert told.obey().state.ended.outcome is Outcome.SUSPENDED
    assert told.why == "web-01 ended as suspended: sick."


def test_what_failed_before_anything_was_begun_is_no_reason_for_an_outage(story: Any) -> None:
    told = story(on_failure="suspend").go("beginning asked")
    told.tell(told.refused(RefusedKind.REJECTED))
    told.look(told.looks.running())
    assert told.obey().state.ended.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("seen", "finding"),
    [
        (lambda looks: looks.running(locked=True), None),
        (lambda looks: looks.suspended(), None),
        (lambda looks: looks.running("web-9"), Finding.CLEAR),
    ],
)
def test_it_is_looked_at_first_whatever_runs_there(story: Any, seen: Any, finding: Finding | None) -> None:
    told = story.of("suspending")
    fact = told.look(seen(told.looks))
    assert (fact and fact.finding) is finding


def test_what_is_suspended_already_is_only_seen(story: Any) -> None:
    told = story.of("suspending")
    told.look(told.looks.suspended())
    assert told.look(told.looks.suspended()).finding is Finding.RESTORED


@pytest.mark.parametrize("off", [True, False])
def test_a_lost_suspension_is_read_off_the_deployment(story: Any, off: bool) -> None:
    told = story.of("suspending asked")
    told.tell(told.lost).later(40.0)
    told.look(told.looks.suspended() if off else told.looks.mid(1, told.ours))
    assert told.phase == "Suspending"
    assert told.state.phase.settling is off


def test_a_suspension_that_is_refused_is_held_in_the_platforms_words(story: Any) -> None:
    told = story.of("suspending asked")
    told.tell(told.refused(RefusedKind.REJECTED))
    told.look(told.looks.mid(1, told.ours))
    assert told.obey().phase == "HeldForPerson"
    assert "the platform refused the suspension: said no" in told.why
    told.granted("retry")
    assert told.phase == "Suspending"


def test_a_suspension_has_a_limit_and_an_operator_after_it(story: Any) -> None:
    told = story.of("suspending settling")
    assert deadline(told.state, 0.0).name == "operation_timeout.status"
    told.later(500.0)
    told.look(told.looks.running())
    told.look(told.looks.running())
    assert told.phase == "NeedsOperator"


def test_a_stop_keeps_it_from_being_suspended_but_no_pause_does(story: Any) -> None:
    told = story.of("suspending")
    told.say("pause")
    told.look(told.looks.mid(1, told.ours))
    assert isinstance(told.action, Submit)
    told.granted("stop")
    assert told.why.startswith("web-01 stopped before the suspension by bob: because")
    told.later(700.0).granted("resume")
    assert deadline(told.state, told.t).t == 1201.0  # it was clear at second 1, and was never asked for


def test_a_status_and_a_swap_are_suspended_like_an_upgrade(story: Any) -> None:
    for kind, place in (("start", "applying settling"), ("swap", "swap_baking"), ("staged", "ready")):
        told = story.of(f"{kind}:{place}").tell(event.TurnedBack("sick", suspend=True))
        assert told.phase == "Suspending"
