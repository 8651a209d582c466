"""The wall-clock bound of a rollout: past it nothing begins, and a person may let it go on."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import event, fleet_event
from rollout.core.command import Ask, Command, Verb
from rollout.core.ending import Outcome
from rollout.core.fleet import consider_fleet, decide_fleet
from rollout.core.fleet_action import CloseRollout, Halt, OpenWave
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState, Summary
from rollout.core.names import Digest, Now, RolloutId, ServiceName, rollout_stream
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.reply import reply
from rollout.core.result import ExitCode, is_over, result
from rollout.core.terms import Amendment
from rollout.core.wave_plan import ApprovalPlan, BakePlan, Moment, WaveFailure

OWN = RolloutId("web-1")
A, B = ServiceName("web-01"), ServiceName("web-02")
OPENED = Now(5.0, 1_795_773_600.0)
"""2026-11-27 10:00 UTC."""
DUE = OPENED.wall + 3600.0
BEFORE, AT = Now(9.0, DUE - 1), Now(9.0, DUE)


def wave(name: str, *services: ServiceName, **changes: Any) -> WavePlan:
    return replace(WavePlan(name, services, 3, 3, strict=False), **changes)


def told(*facts: Any, now: Now = OPENED, waves: tuple[WavePlan, ...] = (wave("a", A), wave("b", B))) -> RolloutState:
    plan = RolloutPlan(OWN, Digest("a"), Digest("b"), waves, deadline_s=3600.0)
    first = event.Entry(rollout_stream(OWN), 1, OPENED, "engine", fleet_event.RolloutOpened(plan))
    return more(evolve_fleet(None, first), *facts, now=now)


def more(state: RolloutState, *facts: Any, now: Now) -> RolloutState:
    for fact in facts:
        state = evolve_fleet(state, event.Entry(rollout_stream(OWN), state.version + 1, now, "engine", fact))
    return state


def seen(
    outcome: Outcome | None = None, *, admitted: bool = True, service: ServiceName = A
) -> dict[ServiceName, Summary]:
    rest = Summary(B if service == A else A, admitted=False, outcome=None, failed=False, for_person=False)
    return {service: Summary(service, admitted, outcome, failed=False, for_person=False), rest.service: rest}


UNDER_WAY = (fleet_event.WaveOpened("a"), fleet_event.ServiceAdmitted(A))


def test_a_rollout_halts_when_its_deadline_has_passed_and_not_a_second_before() -> None:
    state = told(*UNDER_WAY)
    waiting = consider_fleet(state, seen(), BEFORE)
    assert (waiting.action, waiting.until_wall) == (None, DUE)
    said = "the deadline 2026-11-27 11:00:00Z has passed, and 2 of 2 have not ended"
    assert decide_fleet(state, seen(), AT) == Halt("a", said, (A,), overdue=True)


def test_it_halts_before_its_first_wave_even_while_an_approval_is_waited_for() -> None:
    asked = wave("a", A, approval=ApprovalPlan("leads", Moment.START, 60.0))
    none = seen(admitted=False)
    state = told(fleet_event.ApprovalAsked("a", "leads", DUE + 60, "d"), waves=(asked, wave("b", B)))
    assert consider_fleet(state, none, BEFORE).until_wall == DUE
    late = decide_fleet(state, none, AT)
    assert isinstance(late, Halt)
    assert (late.wave, late.hold, late.overdue) == ("", (), True)


@pytest.mark.parametrize(
    ("on_failure", "back"),
    [(WaveFailure.HALT, ()), (WaveFailure.ROLLBACK_WAVE, ("a", "b")), (WaveFailure.ROLLBACK_ALL, ("a", "b"))],
)
def test_every_wave_that_is_not_done_does_what_its_failures_do(on_failure: WaveFailure, back: tuple[str, ...]) -> None:
    waves = (wave("a", A, on_failure=on_failure), wave("b", B, on_failure=on_failure, needs=()))
    both = (*UNDER_WAY, fleet_event.WaveOpened("b"), fleet_event.ServiceAdmitted(B))
    late = decide_fleet(told(*both, waves=waves), seen() | {B: replace(seen()[A], service=B)}, AT)
    assert isinstance(late, Halt)
    assert (late.wave, late.hold, late.back) == ("b", (A, B), back)


def test_a_rollout_that_is_only_watched_by_then_is_not_halted() -> None:
    watched = (wave("a", A, bake=BakePlan(600.0, 0.0, 10.0, 20.0, 30.0)),)
    state = told(*UNDER_WAY, fleet_event.ServiceEnded(A, Outcome.SUCCEEDED), waves=watched)
    done = {A: seen(Outcome.SUCCEEDED)[A]}
    assert not isinstance(decide_fleet(state, done, AT), Halt)
    baked = more(state, fleet_event.BakeBegan("a", False, (A,)), fleet_event.BakeEnded("a"), now=AT)  # noqa: FBT003
    assert isinstance(decide_fleet(baked, done, AT), CloseRollout)


def test_a_resume_lets_it_go_on_past_its_deadline_and_for_good() -> None:
    state = told(fleet_event.Halted("", "late", overdue=True))
    none = seen(admitted=False)
    over = result(state, none, {}, strict_exit=False)
    assert (over.code, over.outcome) == (ExitCode.FOR_PERSON, "overdue")
    assert over.reason.endswith("2 not started; no service failed; resume lets it go on past its deadline")
    assert is_over(state, none, AT)
    found, drafts = reply(state, {}, Ask(OWN, None, Command("k", Verb.RESUME, "ann", "a day more")), AT)
    assert found.said[0].text == "goes on past its deadline"
    lifted = more(state, *(fact for _, fact in drafts), now=AT)
    assert decide_fleet(lifted, none, Now(9.0, DUE + 1e6)) == OpenWave("a")


def test_a_halt_of_before_that_is_lifted_after_the_deadline_is_not_halted_again() -> None:
    halted = told(fleet_event.Halted("", "lunch", "ann"))
    late = more(halted, fleet_event.HaltLifted("ann", "go on"), now=AT)
    assert decide_fleet(late, seen(admitted=False), AT) == OpenWave("a")
    early = more(halted, fleet_event.HaltLifted("ann", "go on"), now=BEFORE)
    assert decide_fleet(early, seen(admitted=False), BEFORE) == OpenWave("a")
    assert isinstance(decide_fleet(early, seen(admitted=False), AT), Halt)


@pytest.mark.parametrize(("deadline_s", "due"), [(7200.0, DUE + 3600), (3600.0, DUE), (None, None)])
def test_an_amended_deadline_counts_from_the_opening(deadline_s: float | None, due: float | None) -> None:
    amended = told(fleet_event.Amended(Amendment((), Digest("c"), deadline_s), "ann", "more time"), now=AT)
    assert amended.deadline_wall == due
