"""Seats and caps by example, and the second opinion on what was begun: it raises where the rule would have failed."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import change_event, event, fleet_event
from rollout.core.admission import Scene
from rollout.core.around import ALONE
from rollout.core.caps import (
    Caps,
    Load,
    Scope,
    in_flight,
    lacks,
    refuse_admission,
    refuse_excess,
)
from rollout.core.estimate import EXPERIENCE_MIN, RECORDED, expected_s, experienced_s
from rollout.core.event import Finding
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import Summary
from rollout.core.names import Digest, Now, RolloutId, ServiceName, rollout_stream
from rollout.core.operation import Mode, Operation, RollBack, SetStatus, StartConfigure, StartUpgrade, SwapSlots, Walk
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.seats import is_seated, seat_of, takes_a_seat
from rollout.core.snapshot import Before, sighting
from rollout.core.wave_plan import TagCap
from rollout.errors import InvariantBroken

A, B, C = (ServiceName(f"web-{number:02}") for number in range(1, 4))


@pytest.mark.parametrize(
    ("place", "flying", "seated"),
    [
        ("queued", False, False),
        ("preflight", True, False),
        ("beginning accepted", True, False),
        ("ready", True, False),
        ("walking asked", True, True),
        ("settling", True, True),
        ("checking", True, True),
        ("baking", True, False),
        ("reconciling", True, True),
        ("rolling_back", True, False),
        ("rolling_back asked", True, True),
        ("rolling_back settling", True, True),
        ("held", True, False),
        ("taken_over", True, False),
        ("needs_operator", True, False),
        ("ended", False, False),
    ],
)
def test_a_seat_is_had_while_a_domain_may_be_down(story: Any, place: str, flying: bool, seated: bool) -> None:
    state = story().go(place).state
    assert in_flight(state) is flying
    assert is_seated(state, before=False) is seated


def test_what_failed_keeps_its_seat_until_it_has_ended_wherever_it_waits(story: Any) -> None:
    failed = story().go("checking").tell(event.GateFailed(0, "sick", ()), event.TurnedBack("sick"))
    assert not is_seated(failed.state, before=False)
    assert is_seated(failed.state, before=True)
    held = story().go("checking").tell(event.HeldOnFailure("sick"))
    assert is_seated(held.state, before=False)
    passed = story().go("checking").tell(event.GatePassed(0, ()))
    assert not is_seated(passed.state, before=True)
    lost = story().go("ready").tell(event.TurnedBack("x"))
    lost.tell(lost.intended(RollBack()), lost.lost)
    assert is_seated(lost.state, before=False)
    begun = story().go("beginning asked")
    begun.tell(begun.lost)
    assert not is_seated(begun.state, before=False)
    over = lost.tell(lost.observed(Finding.APPLIED), lost.observed(Finding.RESTORED)).obey()
    assert not is_seated(over.state, before=True)


def test_the_largest_domain_of_each_role_counts(story: Any) -> None:
    assert seat_of(story().state) == Load(domains=1)
    before = Before("dep-1", "old", 5, {"Web": 11, "Worker": 5})
    assert seat_of(replace(story().go("ready").state, before=before)) == Load(domains=1, instances=4)


@pytest.mark.parametrize(
    ("operation", "forward", "back"),
    [
        (Walk(0), True, True),
        (RollBack(), True, True),
        (StartUpgrade(Digest("a"), Digest("b"), "x", {}), False, False),
        (StartUpgrade(Digest("a"), Digest("b"), "x", {}, mode=Mode.AUTO), True, True),
        (StartConfigure(Digest("a"), "key"), False, False),
        (StartConfigure(Digest("a"), "key", Mode.SIMULTANEOUS), True, True),
        (SwapSlots("old", "new"), True, True),
        (SetStatus(running=False), True, False),
        (SetStatus(running=True), False, False),
    ],
)
def test_the_calls_that_take_instances_down_or_put_all_of_them_to_use_at_once(
    operation: Operation, forward: bool, back: bool
) -> None:
    assert takes_a_seat(operation, going_back=False) is forward
    assert takes_a_seat(operation, going_back=True) is back


@pytest.mark.parametrize(("place", "seated"), [("auto:beginning asked", True), ("auto:beginning", False)])
def test_an_update_that_the_platform_walks_has_its_seat_from_the_start(story: Any, place: str, seated: bool) -> None:
    assert is_seated(story.of(place).state, before=False) is seated


@pytest.mark.parametrize(
    ("place", "seated", "whole"),
    [
        ("swap:swapping", False, True),
        ("swap:swapping asked", True, True),
        ("swap:swapping settling", True, True),
        ("swap:swap_baking", True, True),
        ("swap:swapping_back", False, True),
        ("swap:swapping_back asked", True, True),
        ("staged:walking asked", True, False),
        ("staged:ready", False, False),
        ("staged:swap_baking", True, True),
        ("suspend:applying", False, True),
        ("suspend:applying asked", True, True),
        ("suspend:applying settling", True, True),
        ("start:applying settling", False, False),
        ("suspending", False, False),
        ("suspending asked", False, False),
        ("suspend:reverting", False, True),
        ("start:reverting", False, False),
    ],
)
def test_what_is_about_a_whole_service_has_a_seat_for_all_of_it(
    story: Any, place: str, seated: bool, whole: bool
) -> None:
    state = story.of(place).state
    assert is_seated(state, before=False) is seated
    known = replace(state, before=replace(state.before, domain_count=3, instance_counts={"Web": 7}))
    assert seat_of(known) == (Load(domains=3, instances=7) if whole else Load(domains=1, instances=3))


def test_what_was_started_or_created_beside_production_is_checked_without_a_seat(story: Any) -> None:
    started = story.of("start:applying settling")
    started.tell(started.observed(Finding.SETTLED))
    created = story.of("vacant:applying settling")
    created.tell(change_event.Deployed(created.before, sighting(created.looks.running(created.ours))))
    for told in (started, created):
        assert told.phase == "Checking"
        assert not is_seated(told.state, before=False)


def test_a_failed_swap_keeps_the_whole_seat_on_its_way_back_and_wherever_it_is_held(story: Any) -> None:
    red = story.of("swap:swap_baking").tell(event.GateFailed(2, "sick", ()), event.TurnedBack("sick"))
    assert is_seated(red.state, before=True)
    held = story.of("swap:swap_baking").tell(event.HeldOnFailure("sick"))
    assert is_seated(held.state, before=False)
    lost = story.of("swap:swapping asked")
    lost.tell(lost.lost)
    for told in (red, held, lost):
        assert seat_of(told.state).domains == told.state.before.domain_count


@pytest.mark.parametrize(
    ("caps", "load", "more", "lack"),
    [
        (Caps(), Load(9, 9, 9), Load(9, 9, 9), None),
        (Caps(services=3), Load(services=2), Load(services=1), None),
        (Caps(services=3), Load(services=3), Load(domains=1), None),
        (Caps(services=3), Load(services=3), Load(services=1), "3 services are in flight, and 3 may be"),
        (Caps(domains=1), Load(domains=1), Load(domains=1), "1 domains are in flight, and 1 may be"),
        (Caps(instances=5), Load(instances=4), Load(1, 1, 2), "4 instances are unavailable, and 5 may be"),
    ],
)
def test_a_cap_says_what_it_has_no_room_for(caps: Caps, load: Load, more: Load, lack: str | None) -> None:
    assert lacks(caps, load, more) == lack


def test_more_than_a_cap_allows_is_our_own_mistake() -> None:
    refuse_excess(Scope("engine"), Caps(services=3, domains=2), Load(3, 2, 99))
    with pytest.raises(InvariantBroken, match="4 services are in flight in the engine, and its cap is 3"):
        refuse_excess(Scope("engine"), Caps(services=3), Load(4, 0, 0))
    with pytest.raises(InvariantBroken, match="9 instances are in flight in subscription s, and its cap is 8"):
        refuse_excess(Scope("subscription", "s"), Caps(instances=8), Load(0, 0, 9))


# --- the second opinion ---


def begun(of: WavePlan, *names: ServiceName, paired: dict[ServiceName, Any] | None = None, **changes: Any) -> Scene:
    plan = RolloutPlan(RolloutId("web-1"), Digest("a"), Digest("b"), (of,), paired=paired or {})
    opened = event.Entry(rollout_stream(RolloutId("web-1")), 1, Now(0, 0), "t", fleet_event.RolloutOpened(plan))
    summaries = {
        name: replace(Summary(name, name in names, None, failed=False, for_person=False), **changes)
        for name in of.services
    }
    return Scene(evolve_fleet(None, opened), summaries, Now(0, 0), ALONE)


def test_what_keeps_every_bound_is_no_mistake() -> None:
    of = WavePlan("all", (A, B, C), 2, 1, strict=True, caps=(TagCap("region", "weu", (A, C), 1),))
    refuse_admission(begun(of, A, B, paired={A: (C,)}), of)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (WavePlan("all", (A, B, C), 1, 5, strict=False), "2 services of wave all are in flight, and 1 may be"),
        (WavePlan("all", (A, B, C), 5, 0, strict=True), "2 of wave all may fail, beyond the strict bound"),
        (
            WavePlan("all", (A, B, C), 5, 5, strict=False, caps=(TagCap("region", "weu", (A, B), 1),)),
            "more than 1 with region=weu are in flight",
        ),
    ],
)
def test_a_bound_that_was_passed_is_found_by_the_plan_alone(of: WavePlan, words: str) -> None:
    with pytest.raises(InvariantBroken, match=words):
        refuse_admission(begun(of, A, B), of)


def test_a_pair_in_flight_together_is_found() -> None:
    of = WavePlan("all", (A, B, C), 5, 5, strict=False)
    with pytest.raises(InvariantBroken, match="web-01 and web-02 are paired, and in flight together"):
        refuse_admission(begun(of, A, B, paired={A: (B,), B: (A,)}), of)


# --- expectations ---


def test_an_expectation_counts_begin_domains_gates_and_the_bake(make_plan: Any) -> None:
    plan = make_plan(bake_s=100.0, stable_s=20.0)
    assert expected_s(plan, 3, RECORDED) == RECORDED.begin_s + 3 * (RECORDED.domain_s + 10.0 + 20.0) + 100.0


def test_experience_counts_once_there_is_enough_of_it() -> None:
    assert experienced_s([10.0] * (EXPERIENCE_MIN - 1), 99.0) == 99.0
    assert experienced_s([10.0, 30.0, 20.0], 99.0) == 20.0
