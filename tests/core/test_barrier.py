"""The barrier before the first swap, rule by rule: who is waited for, is let through, and goes back with the others."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import event, fleet_event
from rollout.core.admission import Scene
from rollout.core.around import ALONE
from rollout.core.barrier import opened, together
from rollout.core.change_plan import Barrier
from rollout.core.ending import Outcome
from rollout.core.fleet import consider_fleet
from rollout.core.fleet_action import OpenBarrier, OpenWave, TakeBack
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState, Summary
from rollout.core.names import Digest, Now, RolloutId, ServiceName, rollout_stream
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.result import is_over

A, B, C = (ServiceName(f"web-{number:02}") for number in range(1, 4))
ROLLOUT = RolloutId("web-1")
NOW = Now(0.0, 0.0)


def state_of(*waves: WavePlan, begun: tuple[str, ...] = ("one",), needs: Any = None) -> RolloutState:
    plan = RolloutPlan(ROLLOUT, Digest("a"), Digest("b"), waves, needs=needs or {})
    state: RolloutState | None = None
    facts: list[event.Fact] = [fleet_event.RolloutOpened(plan), *map(fleet_event.WaveOpened, begun)]
    for fact in facts:
        version = 1 if state is None else state.version + 1
        state = evolve_fleet(state, event.Entry(rollout_stream(ROLLOUT), version, NOW, "t", fact))
    assert state is not None
    return state


def wave(*services: ServiceName, name: str = "one", parallel: int = 2) -> WavePlan:
    return WavePlan(name, services, parallel, 2, strict=False)


def flying(service: ServiceName, **more: Any) -> Summary:
    return replace(Summary(service, admitted=True, outcome=None, failed=False, for_person=False), **more)


def waiting(service: ServiceName, barrier: Barrier = Barrier.WAVE, **more: Any) -> Summary:
    return flying(service, barrier=barrier, **more)


def queued(service: ServiceName) -> Summary:
    return Summary(service, admitted=False, outcome=None, failed=False, for_person=False)


def scene(state: RolloutState, *members: Summary) -> Scene:
    return Scene(state, {each.service: each for each in members}, NOW, ALONE)


@pytest.mark.parametrize("other", [queued(B), flying(B)])
def test_nobody_is_let_through_while_one_of_the_wave_has_still_to_come(other: Summary) -> None:
    assert opened(scene(state_of(wave(A, B)), waiting(A), other)) is None


@pytest.mark.parametrize(
    "other", [waiting(B), flying(B, failed=True), flying(B, let_through=True), flying(B, outcome=Outcome.ROLLED_BACK)]
)
def test_who_has_come_will_not_come_or_went_before_is_not_waited_for(other: Summary) -> None:
    through = opened(scene(state_of(wave(A, B)), waiting(A), other))
    assert through is not None
    assert through.services[0] == A
    assert "wave one" in through.detail


def test_as_many_are_let_through_as_the_wave_has_room_for() -> None:
    state = state_of(wave(A, B, C, parallel=2))
    assert opened(scene(state, waiting(A), waiting(B), waiting(C))) == OpenBarrier(
        (A, B), "everybody of wave one is upgraded, or will not be"
    )
    assert opened(scene(state, flying(A, let_through=True), flying(B, let_through=True), waiting(C))) is None


def test_one_that_a_person_keeps_is_not_let_through() -> None:
    assert opened(scene(state_of(wave(A)), waiting(A, for_person=True))) is None


def test_a_barrier_of_the_rollout_waits_for_every_wave_and_keeps_none_from_opening() -> None:
    state = state_of(wave(A), wave(B, name="two"))
    now = scene(state, waiting(A, Barrier.ROLLOUT), queued(B))
    assert opened(now) is None
    assert consider_fleet(now.state, now.summaries, NOW).action == OpenWave("two")
    assert not is_over(now.state, now.summaries, NOW)
    both = state_of(wave(A), wave(B, name="two"), begun=("one", "two"))
    through = opened(scene(both, waiting(A, Barrier.ROLLOUT), waiting(B, Barrier.ROLLOUT)))
    assert through is not None
    assert "the rollout" in through.detail


def test_who_waits_at_the_barrier_takes_no_room_and_is_good_enough_for_who_needs_it() -> None:
    state = state_of(wave(A, B, parallel=1), needs={B: (A,)})
    now = scene(state, waiting(A), queued(B))
    action = consider_fleet(now.state, now.summaries, NOW).action
    assert getattr(action, "services", ()) == (B,)


def swapped(service: ServiceName, **more: Any) -> Summary:
    return flying(service, swapped=True, together=True, let_through=True, can_go_back=True, **more)


def test_one_that_goes_back_takes_back_whoever_swapped_with_it() -> None:
    state = state_of(wave(A, B, C, parallel=3))
    one_back = swapped(A, goes_back=True, failed=True)
    ended = swapped(C, outcome=Outcome.SUCCEEDED, keeps_previous=True)
    now = scene(state, one_back, swapped(B), ended)
    assert together(now) == TakeBack((B, C), "the swaps of wave one go back together")
    assert consider_fleet(now.state, now.summaries, NOW).action == together(now)


@pytest.mark.parametrize(
    "other",
    [
        flying(B, together=True),
        swapped(B, outcome=Outcome.SUCCEEDED),
        swapped(B, outcome=Outcome.ROLLED_BACK),
        replace(swapped(B), can_go_back=False),
    ],
)
def test_who_has_not_swapped_or_cannot_swap_back_is_left_alone(other: Summary) -> None:
    assert together(scene(state_of(wave(A, B)), swapped(A, goes_back=True), other)) is None


def test_swaps_that_stand_alone_go_back_alone() -> None:
    alone = replace(swapped(B), together=False)
    assert together(scene(state_of(wave(A, B)), replace(swapped(A, goes_back=True), together=False), alone)) is None
