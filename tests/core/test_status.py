"""A deployment is started or suspended over a fleet: one call, what shows it, and the other one to take it back."""

from typing import Any

import pytest

from rollout.core import event
from rollout.core.action import LookAtDeployment, ProbeHealth, Record, Submit
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Finding
from rollout.core.operation import SetStatus
from rollout.core.outcome import RefusedKind, Running
from rollout.core.snapshot import Activity
from rollout.core.way_back import way_back

KINDS = ["start", "suspend"]


def shows(told: Any, *, running: bool, **changed: Any) -> Any:
    return told.looks.running(**changed) if running else told.looks.suspended(**changed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_is_set_once_and_seen_twice(story: Any, kind: str) -> None:
    wanted = kind == "start"
    told = story.of(f"{kind}:applying")
    assert told.action == Submit(SetStatus(wanted), going_back=False)
    told.tell(told.intended(SetStatus(wanted)), told.accepted)
    assert f"web-01 waits for the {'start' if wanted else 'suspension'}, which is under way" in told.why
    told.tell(told.succeeded)
    for seen in (
        shows(told, running=not wanted),
        shows(told, running=wanted, locked=True),
        shows(told, running=wanted),
    ):
        assert told.look(seen) is None
    assert told.look(shows(told, running=wanted)).finding is Finding.SETTLED
    if wanted:
        assert told.action.sources == (ProbeHealth((0, 1, 2), 5.0, told.t + 10.0, ("instances",)),)
        told.tell(event.GatePassed(2, ()))
    said = f"the {'start' if wanted else 'suspension'} is done"
    assert told.action == Record(event.Closed(Outcome.SUCCEEDED, "policy", said))


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_that_is_there_already_changes_nothing(story: Any, kind: str) -> None:
    told = story.of(f"{kind}:preflight")
    told.look(shows(told, running=kind == "start"))
    assert told.obey().state.ended.outcome is Outcome.UNCHANGED
    assert f"it is {'running' if kind == 'start' else 'suspended'}" in told.why


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_refused_before_it_was_made_is_looked_for_anew(story: Any, kind: str) -> None:
    told = story.of(f"{kind}:applying asked")
    told.tell(told.refused()).later(7.0)
    assert told.action.sources == (LookAtDeployment(),)
    assert told.look(shows(told, running=kind != "start")).finding is Finding.CLEAR
    assert isinstance(told.action, Submit)


ROWS: dict[str, tuple[Any, bool | None]] = {
    "running": (lambda looks: looks.running(), True),
    "starting": (lambda looks: looks.running(activity=Activity.CHANGING), True),
    "suspended": (lambda looks: looks.suspended(), False),
    "suspended in an update": (lambda looks: looks.mid(0, "x", activity=Activity.SUSPENDED_CHANGING), False),
    "locked": (lambda looks: looks.running(locked=True), None),
    "something else": (lambda looks: looks.running(activity=Activity.OTHER), None),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", ROWS)
def test_a_lost_status_is_read_off_the_deployment(story: Any, kind: str, row: str) -> None:
    told = story.of(f"{kind}:applying asked")
    told.tell(told.lost).later(40.0)
    seen, runs = ROWS[row]
    fact = told.look(seen(told.looks))
    if runs is None:
        assert fact is None
        return
    applied = runs == (kind == "start")
    assert fact.finding is (Finding.APPLIED if applied else Finding.NOT_APPLIED)
    assert told.state.begun is applied
    assert told.state.phase.settling is applied


@pytest.mark.parametrize("kind", KINDS)
def test_going_back_sets_the_other_status(story: Any, kind: str) -> None:
    told = story.of(f"{kind}:reverting")
    was = kind == "suspend"
    assert told.look(shows(told, running=not was, locked=True)) is None
    assert told.look(shows(told, running=not was)).finding is Finding.CLEAR
    assert told.action == Submit(SetStatus(was), going_back=True)
    told.tell(told.intended(SetStatus(was)), told.accepted, told.succeeded)
    assert told.look(shows(told, running=not was)) is None
    assert told.look(shows(told, running=was)) is None
    assert told.look(shows(told, running=was)).detail.endswith(" again")
    assert told.obey().state.ended.outcome is Outcome.ROLLED_BACK


@pytest.mark.parametrize("finding", [Finding.APPLIED, Finding.NOT_APPLIED])
def test_a_lost_call_on_the_way_back_is_found_out(story: Any, finding: Finding) -> None:
    told = story.of("suspend:reverting asked")
    told.tell(told.lost).later(40.0)
    told.look(shows(told, running=finding is Finding.APPLIED))
    assert told.phase == "Reverting"
    assert told.state.phase.leg.settling is (finding is Finding.APPLIED)


def test_a_way_back_that_is_refused_is_held(story: Any) -> None:
    told = story.of("suspend:reverting asked")
    told.tell(told.refused(RefusedKind.REJECTED))
    told.look(told.looks.suspended())
    assert told.obey().phase == "HeldForPerson"
    told.granted("retry")
    assert told.phase == "Reverting"


def test_a_suspension_back_never_stops_somebody_elses_update(story: Any) -> None:
    fact = story.of("start:reverting").look(story().looks.mid(0, "web-9"))
    assert isinstance(fact, event.TakenOver)
    assert fact.detail.startswith("somebody began a change before our suspension, which would stop it")


def test_what_is_back_already_is_only_seen(story: Any) -> None:
    told = story.of("suspend:reverting")
    assert told.look(told.looks.running()) is None
    assert told.look(told.looks.running()).finding is Finding.RESTORED


@pytest.mark.parametrize("answer", ["accepted", "asked"])
def test_a_word_to_go_back_waits_for_the_status_under_way(story: Any, answer: str) -> None:
    told = story.of(f"suspend:applying {answer}")
    told.granted("rollback")
    assert told.phase == "Applying"
    if answer == "asked":
        told.tell(told.accepted)
    assert told.poll(Running()) is None
    told.tell(told.succeeded)
    assert told.phase == "Reverting"


def test_before_the_call_there_is_nothing_to_take_back(story: Any) -> None:
    told = story.of("suspend:applying")
    told.granted("rollback")
    assert told.obey().state.ended.outcome is Outcome.FAILED


def test_a_status_has_a_limit_of_its_own(story: Any) -> None:
    told = story.of("suspend:applying settling").later(500.0)
    told.look(told.looks.running())
    fact = told.look(told.looks.running())
    assert fact.detail == "the suspension took longer than operation_timeout.status; the deployment shows Running"
    assert told.obey().phase == "Reverting"


@pytest.mark.parametrize(("kind", "said"), [("start", "suspension"), ("suspend", "start")])
def test_the_way_back_of_a_status_is_the_other_one(story: Any, kind: str, said: str) -> None:
    assert way_back(story.of(f"{kind}:applying").state) == said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("claim", [Claim.SUCCEEDED, Claim.ROLLED_BACK, Claim.FAILED, Claim.LEFT])
@pytest.mark.parametrize("runs", [True, False])
def test_a_claim_is_held_against_the_status(story: Any, kind: str, claim: Claim, runs: bool) -> None:
    told = story.of(f"{kind}:applying settling").tell(event.HeldOnFailure("odd"))
    told.granted("resolve", resolve_as=claim)
    new = runs == (kind == "start")
    assert told.look(shows(told, running=runs)).agrees is (claim is Claim.LEFT or new == (claim is Claim.SUCCEEDED))
