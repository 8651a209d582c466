"""Staging is upgraded or created, waits for the others, and becomes production."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import change_event, event
from rollout.core.action import LookAtDeployment, ProbeHealth, Record, Submit, Wait
from rollout.core.change_plan import Barrier
from rollout.core.deadline import deadline
from rollout.core.ending import Outcome
from rollout.core.event import Finding
from rollout.core.operation import Create, StartUpgrade, SwapSlots
from rollout.core.outcome import RefusedKind, Running
from rollout.core.snapshot import Absent
from rollout.core.way_back import way_back

EMPTY = Absent("404")


def test_staging_is_upgraded_domain_by_domain_before_the_swap(story: Any) -> None:
    told = story.of("staged:surveyed")
    told.look(told.looks.running())
    assert told.phase == "Beginning"
    assert isinstance(told.action.operation, StartUpgrade)
    told = story.of("staged:walked")
    fact = change_event.Staged("all 3 domains of staging run the new release")
    assert told.action == Record(fact)
    assert told.obey().phase == "Swapping"


def test_the_swap_waits_until_the_others_are_ready(story: Any) -> None:
    told = story.of("staged:staged")
    assert told.action == Wait(None)
    assert told.why == "web-01 waits until the others of its wave are upgraded, before the swap, for 0s."
    told.later(5000.0).tell(change_event.BarrierOpened("all others are ready"))
    assert told.action.sources == (LookAtDeployment(),)
    assert deadline(told.state, told.t).t == told.t + 400.0
    assert told.state.paused_s == 5000.0


def test_time_at_the_barrier_is_left_out_once_where_a_word_withheld_it_as_well(story: Any) -> None:
    told = story.of("staged:staged")
    told.later(100.0).tell(told.held())
    told.later(900.0).tell(change_event.BarrierOpened("all others are ready"))
    told.granted("resume")
    assert told.state.paused_s == 900.0


def test_a_barrier_that_opened_early_keeps_nobody(story: Any) -> None:
    told = story.of("staged:ready").tell(change_event.BarrierOpened("nobody else is there"))
    assert told.phase == "Ready"
    told = story.of("staged:walked").tell(change_event.BarrierOpened("nobody else is there")).obey()
    assert told.action.sources == (LookAtDeployment(),)


def test_without_a_barrier_nobody_is_waited_for(story: Any) -> None:
    change = replace(story.of("staged:queued").plan.change, barrier=Barrier.NONE)
    told = story(kind="staged", change=change, bake_s=0.0).go("staged")
    assert told.action.sources == (LookAtDeployment(),)


def test_what_is_in_flight_is_followed_whether_or_not_the_barrier_is_open(story: Any) -> None:
    change = replace(story.of("staged:queued").plan.change, barrier=Barrier.ROLLOUT)
    told = story(kind="staged", change=change, bake_s=0.0).go("staged")
    told.tell(told.intended(SwapSlots("dep-0", "dep-1")), told.accepted)
    assert "waits for the swap" in told.why


@pytest.mark.parametrize("place", ["staged", "swapping"])
def test_going_back_before_the_swap_leaves_staging_and_never_touches_production(story: Any, place: str) -> None:
    told = story.of(f"staged:{place}")
    told.granted("rollback")
    assert told.phase == "RollingBack"
    assert told.look(told.whole).finding is Finding.NO_WAY_BACK
    ended = told.obey().state.ended
    assert ended.outcome is Outcome.ROLLED_BACK
    assert ended.reason == "because; production was never touched, and staging keeps what it has"


def test_going_back_in_the_middle_of_staging_is_a_rollback(story: Any) -> None:
    told = story.of("staged:checking").tell(event.TurnedBack("sick"))
    assert told.look(told.looks.mid(1, told.ours)).finding is Finding.CLEAR
    assert isinstance(told.action, Submit)


def test_a_rollback_of_staging_that_is_refused_is_no_end(story: Any) -> None:
    told = story.of("staged:rolling_back asked")
    told.tell(told.refused(RefusedKind.REJECTED))
    told.look(told.looks.mid(1, told.ours))
    assert told.obey().phase == "HeldForPerson"


def test_after_the_swap_going_back_is_a_swap_back_alone(story: Any) -> None:
    told = story.of("staged:swapping_back")
    told.look(told.looks.running(deployment="dep-1"))
    assert told.action == Submit(SwapSlots("dep-1", "dep-0"), going_back=True)


# --- an empty staging ---


def test_a_deployment_is_created_where_staging_is_empty(story: Any) -> None:
    told = story.of("vacant:surveyed")
    assert told.look(EMPTY) == change_event.Vacant("staging is empty: 404")
    create = told.action.operation
    assert isinstance(create, Create)
    token = create.label.removeprefix("web-2.4.1 ")
    assert create.name == token[4:-1].ljust(32, "0")
    told.tell(told.intended(create), told.accepted, told.succeeded)
    assert told.state.mark.token == token
    assert told.look(EMPTY) is None
    assert told.look(told.looks.running(told.ours, deployment=create.name, domain_count=0)) is None
    ours = told.looks.running(told.ours, deployment=create.name)
    assert told.look(told.looks.sick(ours, 0)) is None
    assert told.look(ours) is None
    assert isinstance(told.look(ours), change_event.Deployed)
    assert told.state.target.deployment == create.name
    assert told.action.sources == (ProbeHealth((0, 1, 2), 5.0, told.t + 10.0, ("instances",)),)
    told.tell(event.GatePassed(2, ()))
    assert told.obey().phase == "Swapping"


def test_an_empty_staging_is_looked_at_again_before_it_is_filled(story: Any) -> None:
    told = story.of("vacant:applying").later(31.0)
    assert told.action.sources == (LookAtDeployment(),)
    assert told.look(EMPTY).detail == "staging is empty: 404"
    assert isinstance(told.action, Submit)


@pytest.mark.parametrize("place", ["applying", "applying settling"])
def test_somebody_elses_deployment_in_staging_is_left_to_them(story: Any, place: str) -> None:
    told = story.of(f"vacant:{place}")
    fact = told.look(told.looks.running("web-9"))
    assert isinstance(fact, event.TakenOver)
    assert fact.detail.startswith("somebody created another deployment in staging")


def test_while_the_creation_is_under_way_a_look_says_nothing(story: Any) -> None:
    told = story.of("vacant:applying accepted")
    assert told.look(told.looks.running(told.ours)) is None


ROWS: dict[str, tuple[Any, Any]] = {
    "ours": (lambda told: told.looks.running(told.ours), Finding.APPLIED),
    "ours, locked": (lambda told: told.looks.running(told.ours, locked=True), None),
    "empty": (lambda _: EMPTY, Finding.NOT_APPLIED),
    "another": (lambda told: told.looks.running("web-9"), Finding.NOT_APPLIED),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_lost_creation_is_known_by_its_label(story: Any, row: str) -> None:
    told = story.of("vacant:applying asked")
    told.tell(told.lost).later(40.0)
    seen, means = ROWS[row]
    fact = told.look(seen(told))
    assert (fact and fact.finding) is means
    if means is Finding.NOT_APPLIED:
        assert not told.state.begun
    if means is Finding.APPLIED:
        assert told.state.phase.settling


def test_a_creation_has_the_limit_of_a_begin(story: Any) -> None:
    told = story.of("vacant:applying accepted")
    assert deadline(told.state, 0.0).name == "operation_timeout.begin"
    told.poll(Running(), after_s=300.0)
    assert told.state.failure == "the creation of the deployment took longer than operation_timeout.begin"
    asked = story.of("vacant:applying asked")
    asked.tell(asked.lost)
    assert deadline(asked.state, 0.0).name == "operation_timeout.begin"


@pytest.mark.parametrize("place", ["applying settling", "swapping"])
def test_a_created_deployment_is_left_in_staging(story: Any, place: str) -> None:
    told = story.of(f"vacant:{place}")
    told.granted("rollback")
    assert told.obey().state.ended.outcome is Outcome.ROLLED_BACK


def test_a_creation_under_way_is_seen_through_before_it_is_left(story: Any) -> None:
    told = story.of("vacant:applying accepted")
    told.granted("rollback")
    assert told.phase == "Applying"
    told.tell(told.succeeded)
    assert told.obey().state.ended.outcome is Outcome.ROLLED_BACK


def test_the_way_back_is_said(story: Any) -> None:
    assert way_back(story.of("staged:staged").state) == "rollback of staging → swap back"
    assert way_back(story.of("staged:swap_baking").state) == "swap back"
