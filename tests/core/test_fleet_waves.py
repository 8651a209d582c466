"""Waves by example: what keeps a service from being begun, in which words, bakes round by round, and going back."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import event, fleet_event
from rollout.core.admission import Scene
from rollout.core.around import ALONE, Around, Taken
from rollout.core.bake import Answer, bake_due_t, interpret_round
from rollout.core.ending import Outcome
from rollout.core.event import HoldReason
from rollout.core.evolve import IllegalFact
from rollout.core.fleet import consider_fleet
from rollout.core.fleet_action import Admit, BeginBake, FleetAction, Halt, OpenWave, TakeBack
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState, Summary
from rollout.core.freeze import Freeze
from rollout.core.names import Digest, Now, RolloutId, ServiceName, rollout_stream
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.result import is_over, result
from rollout.core.summary import summarize
from rollout.core.taking_back import back_drafts
from rollout.core.waiting import stuck, waits_for
from rollout.core.wave_plan import BakePlan, TagCap, WaveFailure, WindowPlan, WindowsPlan
from rollout.errors import InvariantBroken

A, B, C, D = (ServiceName(f"web-{number:02}") for number in range(1, 5))
T = 1000.0
MONDAY_9 = 1_795_424_400.0
"""2026-11-23 09:00 UTC."""
BAKE = BakePlan(all_s=60.0, first_s=0.0, interval_s=5.0, stable_s=20.0, retry_s=30.0)
SIGNS = {"+": True, "-": False, "?": None}
HOURS = WindowsPlan((WindowPlan((0,), 9 * 60, 16 * 60, "UTC"),))


def wave(name: str, *services: ServiceName, **changes: Any) -> WavePlan:
    return replace(WavePlan(name, services, 3, 3, strict=False), **changes)


def plan(*waves: WavePlan, **changes: Any) -> RolloutPlan:
    return replace(RolloutPlan(RolloutId("web-1"), Digest("a"), Digest("b"), waves), **changes)


def entry(state: RolloutState | None, fact: Any, t: float = T) -> event.Entry:
    return event.Entry(rollout_stream(RolloutId("web-1")), state.version + 1 if state else 1, Now(t, t), "engine", fact)


def told(of: RolloutPlan, *facts: Any) -> RolloutState:
    state = evolve_fleet(None, entry(None, fleet_event.RolloutOpened(of)))
    for fact in facts:
        state = evolve_fleet(state, entry(state, fact))
    return state


def opened(of: RolloutPlan, *waves: str) -> RolloutState:
    return told(of, *(fleet_event.WaveOpened(name) for name in waves))


def queued(service: ServiceName) -> Summary:
    return Summary(service, admitted=False, outcome=None, failed=False, for_person=False)


def flying(service: ServiceName, **changes: Any) -> Summary:
    return replace(Summary(service, admitted=True, outcome=None, failed=False, for_person=False), **changes)


def ended(service: ServiceName, outcome: Outcome = Outcome.SUCCEEDED, **changes: Any) -> Summary:
    failed = outcome in {Outcome.FAILED, Outcome.ROLLED_BACK}
    return replace(Summary(service, admitted=True, outcome=outcome, failed=failed, for_person=False), **changes)


def scene(state: RolloutState, *members: Summary, wall: float = MONDAY_9, around: Around = ALONE) -> Scene:
    known: Mapping[ServiceName, Summary] = {each: queued(each) for of in state.plan.waves for each in of.services}
    return Scene(state, {**known, **{each.service: each for each in members}}, Now(T, wall), around)


def next_of(of: Scene) -> FleetAction | None:
    return consider_fleet(of.state, of.summaries, of.now, of.around).action


def over(of: Scene) -> bool:
    return is_over(of.state, of.summaries, of.now, of.around)


# --- the order of waves ---


def test_a_wave_opens_as_soon_as_the_waves_it_needs_are_done_whatever_the_others_do() -> None:
    three = plan(wave("a", A), wave("b", B, needs=("a",)), wave("c", C, needs=("a",)), wave("d", D, needs=()))
    assert next_of(scene(told(three))) == OpenWave("a")
    # The one that needs nothing opens beside the first.
    assert next_of(scene(opened(three, "a"), flying(A))) == OpenWave("d")
    state = opened(three, "a", "d")
    assert next_of(scene(state, flying(A), flying(D))) is None
    assert next_of(scene(state, ended(A), flying(D))) == OpenWave("b")
    assert next_of(scene(opened(three, "a", "d", "b"), ended(A), flying(D), flying(B))) == OpenWave("c")


@pytest.mark.parametrize(
    "fact", [fleet_event.WaveOpened("b"), fleet_event.WaveOpened("x"), fleet_event.WaveOpened("a")]
)
def test_a_wave_that_cannot_open_is_not_recorded_as_open(fact: fleet_event.WaveOpened) -> None:
    state = opened(plan(wave("z", D), wave("a", A), wave("b", B)), "z", "a")
    known = fact.wave == "b"
    if known:
        assert list(evolve_fleet(state, entry(state, fact)).opened) == ["z", "a", "b"]
        state = opened(plan(wave("z", D), wave("a", A), wave("b", B)), "z")
    with pytest.raises(IllegalFact):
        evolve_fleet(state, entry(state, fact))


# --- what keeps a service ---

NEEDS = plan(wave("all", A, B, C, D), needs={B: (A,)}, paired={C: (D,), D: (C,)})


def test_what_is_needed_paired_or_capped_is_begun_in_its_turn() -> None:
    state = opened(NEEDS, "all")
    assert next_of(scene(state)) == Admit("all", (A, C))
    assert next_of(scene(state, ended(A), flying(C))) == Admit("all", (B,))
    assert next_of(scene(state, ended(A), ended(B), ended(C))) == Admit("all", (D,))
    resolved = scene(state, ended(A, Outcome.RESOLVED), flying(C))
    assert next_of(resolved) == Admit("all", (B,))
    capped = opened(plan(wave("all", A, B, C, caps=(TagCap("region", "weu", (A, B), 1),))), "all")
    assert next_of(scene(capped)) == Admit("all", (A, C))
    assert next_of(scene(capped, flying(A), flying(C))) is None


@pytest.mark.parametrize(
    ("members", "service", "reason", "words"),
    [
        ((flying(A),), B, HoldReason.DEPENDENCY, "for web-01, which it needs, to end well"),
        (
            (ended(A, Outcome.ROLLED_BACK),),
            B,
            HoldReason.DEPENDENCY,
            "for web-01, which it needs, to end well: that one was rolled back; retry web-01, or exclude this one",
        ),
        ((ended(A, Outcome.FAILED),), B, HoldReason.DEPENDENCY, "that one failed"),
        ((flying(C),), D, HoldReason.DEPENDENCY, "for web-03 to end: the two are paired"),
        (
            (flying(A), flying(B), flying(C)),
            D,
            HoldReason.DEPENDENCY,
            "for web-03 to end: the two are paired",
        ),
    ],
)
def test_a_queued_service_says_what_it_waits_for(
    members: Sequence[Summary], service: ServiceName, reason: HoldReason, words: str
) -> None:
    found = waits_for(scene(opened(NEEDS, "all"), *members), service)
    assert found.reason is reason
    assert words in found.said


def test_a_service_whose_wave_is_not_open_waits_for_the_waves_before() -> None:
    three = plan(wave("a", A, bake=BAKE), wave("b", B), wave("c", C, needs=("a", "b")), wave("d", D, needs=()))
    before = scene(opened(three, "a"))
    assert waits_for(before, B).said == "for wave a to end"
    assert waits_for(before, C).said == "for waves a and b to end"
    assert waits_for(before, D).said == "for wave d to open"
    baking = told(three, fleet_event.WaveOpened("a"), fleet_event.BakeBegan("a", first=False, services=(A,)))
    assert waits_for(scene(baking, ended(A)), B).said == "for the bake of wave a to end"


def test_a_service_of_an_open_wave_waits_for_room_under_the_cap_that_is_used_up() -> None:
    of = wave("all", A, B, max_parallel=1)
    state = opened(plan(of), "all")
    said = "for room in wave all: 1 in flight, 1 at most"
    assert waits_for(scene(state, flying(A)), B).said == said
    strict = opened(plan(replace(of, strict=True)), "all")
    assert waits_for(scene(strict, flying(A)), B).said == (
        f"{said}, and strict keeps it below what may still fail (0 failed)"
    )
    shared = Around(room=0, room_said="40 of 40 services in flight in this engine")
    assert waits_for(scene(state, around=shared), A).said == "for room: 40 of 40 services in flight in this engine"
    capped = opened(plan(wave("all", A, B, caps=(TagCap("region", "weu", (A, B), 1),))), "all")
    assert waits_for(scene(capped, flying(A)), B).said == ("for room: 1 with region=weu are in flight, and 1 may be")
    first = opened(plan(wave("all", A, B, bake=replace(BAKE, first_s=9.0))), "all")
    assert waits_for(scene(first, flying(A)), B).said == "for the first service of wave all to be done and watched"


def test_behind_a_halt_everything_waits_for_it_to_be_lifted() -> None:
    state = told(NEEDS, fleet_event.WaveOpened("all"), fleet_event.Halted("all", "too many failed", "ann"))
    found = waits_for(scene(state), A)
    assert (found.reason, found.said) == (HoldReason.HALT, "for the halt by ann to be lifted: too many failed")


def test_a_rollout_that_waits_for_what_only_a_person_can_bring_is_over_and_says_so() -> None:
    state = opened(NEEDS, "all")
    here = scene(state, ended(A, Outcome.ROLLED_BACK), ended(C), ended(D))
    assert next_of(here) is None
    assert over(here)
    assert stuck(here).startswith("web-02 waits for web-01, which it needs, to end well")
    assert stuck(scene(state, *(ended(each) for each in (A, B, C, D)))) == ""
    judged = result(state, here.summaries, {}, strict_exit=False, stuck=stuck(here))
    assert (judged.code, judged.outcome) == (4, "waits for a person")
    assert judged.reason.startswith("1 not started; web-02 waits for web-01")


# --- room under shared caps, other rollouts, freezes ---


def test_shared_room_bounds_an_admission_and_what_others_have_is_not_touched() -> None:
    state = opened(plan(wave("all", A, B, C)), "all")
    assert next_of(scene(state, around=Around(room=2))) == Admit("all", (A, B))
    full = scene(state, around=Around(room=0))
    assert next_of(full) is None
    assert not over(full)
    taken = Around(taken={A: Taken(RolloutId("web-0"), driven=True)})
    assert next_of(scene(state, around=taken)) == Admit("all", (B, C))
    waiting = scene(state, ended(B), ended(C), around=taken)
    assert next_of(waiting) is None
    assert not over(waiting)
    assert waits_for(waiting, A).said == "for web-0 to be done with it"
    assert over(scene(state, ended(B), ended(C), around=Around(taken={A: Taken(RolloutId("web-0"), driven=False)})))


def test_a_freeze_admits_nobody_and_is_waited_for_if_it_has_an_end() -> None:
    state = opened(plan(wave("all", A)), "all")
    frozen = scene(state, around=Around(freeze=Freeze("ann", "black friday", MONDAY_9)))
    assert next_of(frozen) is None
    assert over(frozen)
    assert waits_for(frozen, A).said == "for the freeze by ann to be lifted: black friday"
    until = scene(state, around=Around(freeze=Freeze("ann", "lunch", MONDAY_9, until_wall=MONDAY_9 + 60)))
    course = consider_fleet(until.state, until.summaries, until.now, until.around)
    assert (course.action, course.until_wall, course.goes_on) == (None, MONDAY_9 + 60, True)


# --- windows ---


def test_a_service_is_begun_only_if_it_is_expected_to_be_done_before_the_window_closes() -> None:
    state = opened(plan(wave("all", A, B, windows=HOURS, expected_s=3600.0)), "all")
    week, hour = 7 * 86_400.0, 3600.0
    assert next_of(scene(state, wall=MONDAY_9)) == Admit("all", (A, B))
    assert next_of(scene(state, wall=MONDAY_9 + 6 * hour)) == Admit("all", (A, B))
    late = scene(state, wall=MONDAY_9 + 6 * hour + 1)
    course = consider_fleet(late.state, late.summaries, late.now, late.around)
    assert (course.action, course.until_wall, course.goes_on) == (None, MONDAY_9 + week, True)
    found = waits_for(late, A)
    assert found.said == "for the next window: it is expected to take 1h, and the open window closes before"
    assert found.until_wall == MONDAY_9 + week
    assert waits_for(scene(state, wall=MONDAY_9 + 8 * hour), A).said == "for the next window"
    assert not over(late)


def test_its_own_experience_counts_more_than_what_was_expected() -> None:
    state = opened(plan(wave("all", A, B, C, D, windows=HOURS, expected_s=3600.0)), "all")
    quick = [ended(each, took_s=600.0) for each in (A, B, C)]
    at = MONDAY_9 + 6.8 * 3600
    assert next_of(scene(state, *quick, wall=at)) == Admit("all", (D,))
    assert next_of(scene(state, *quick[:2], wall=at)) is None


def test_what_is_longer_than_every_window_waits_for_a_person() -> None:
    state = opened(plan(wave("all", A, windows=HOURS, expected_s=8 * 3600.0)), "all")
    here = scene(state)
    assert next_of(here) is None
    assert over(here)
    assert stuck(here) == (
        "web-01 waits for a window that is long enough: it is expected to take 8h, and none is so long"
    )


# --- bakes ---

BAKED = plan(wave("a", A, B, bake=BAKE), wave("b", C))


def baking(*facts: Any, of: RolloutPlan = BAKED, first: bool = False) -> RolloutState:
    began = fleet_event.BakeBegan("a", first, (A,) if first else (A, B))
    return told(of, fleet_event.WaveOpened("a"), began, *facts)


def round_of(state: RolloutState, t: float, answers: str, began_t: float | None = None) -> list[Any]:
    """Ask; `answers` has a sign for each service: healthy +, not -, nobody knows ?."""
    (bake,) = state.bakes
    said = {service: Answer(SIGNS[sign], "2 of 3 ready") for service, sign in zip(bake.services, answers, strict=False)}
    return list(interpret_round(state, bake, said, t if began_t is None else began_t, Now(t, t)))


def after(state: RolloutState, t: float, answers: str) -> RolloutState:
    for fact in round_of(state, t, answers):
        state = evolve_fleet(state, entry(state, fact, t))
    return state


def test_a_wave_is_watched_once_it_has_ended_and_only_those_that_are_well() -> None:
    state = opened(BAKED, "a")
    assert next_of(scene(state, ended(A), flying(B))) is None
    assert next_of(scene(state, ended(A), ended(B))) == BeginBake("a", first=False, services=(A, B))
    assert next_of(scene(state, ended(A), ended(B, Outcome.SKIPPED))) == BeginBake("a", first=False, services=(A,))
    none = scene(state, ended(A, Outcome.SKIPPED), ended(B, Outcome.SKIPPED))
    assert next_of(none) == OpenWave("b")
    assert next_of(scene(baking(), ended(A), ended(B))) is None
    assert not over(scene(baking(), ended(A), ended(B)))


def test_a_bake_ends_by_a_round_that_began_after_its_time_with_all_healthy_long_enough() -> None:
    state = after(baking(), T + 5, "++")
    assert [state.bakes[0].marks[each].well for each in (A, B)] == [True, True]
    assert round_of(state, T + 59, "++") == []
    assert round_of(state, T + 61, "++", began_t=T + 59) == []
    assert round_of(state, T + 60, "+") == []
    assert round_of(state, T + 60, "++") == [fleet_event.BakeEnded("a")]
    done = after(state, T + 60, "++")
    assert (done.bakes, done.baked) == ((), frozenset({"a"}))
    assert next_of(scene(done, ended(A), ended(B))) == OpenWave("b")


def test_a_short_red_makes_a_bake_wait_for_stable_passes_and_a_long_one_fails_it() -> None:
    state = after(after(baking(), T + 5, "++"), T + 50, "+-")
    assert round_of(state, T + 79, "+-") == []
    back = after(state, T + 55, "++")
    assert bake_due_t(back.bakes[0], BAKE) == T + 75
    failed = round_of(state, T + 80, "+-")
    assert failed == [fleet_event.BakeFailed("a", "web-02 was not healthy while it was watched: 2 of 3 ready")]
    red = after(state, T + 80, "+-")
    reason = "the bake of wave a failed: web-02 was not healthy while it was watched: 2 of 3 ready"
    assert next_of(scene(red, ended(A), ended(B))) == Halt("a", reason, (), ())


def test_time_without_evidence_is_no_time_of_a_bake() -> None:
    state = after(baking(), T + 5, "+?")
    state = after(state, T + 20, "??")
    assert state.bakes[0].dark_since_t == T + 5
    assert round_of(state, T + 500, "??") == []
    state = after(state, T + 105, "+?")
    state = after(state, T + 205, "++")
    assert (state.bakes[0].dark_s, state.bakes[0].dark_since_t) == (200.0, None)
    assert bake_due_t(state.bakes[0], BAKE) == T + 260


def test_the_first_service_is_alone_until_it_was_watched_and_a_failed_one_is_followed_by_another() -> None:
    of = plan(wave("a", A, B, C, bake=replace(BAKE, all_s=0.0, first_s=30.0)))
    state = opened(of, "a")
    assert next_of(scene(state)) == Admit("a", (A,))
    assert next_of(scene(state, flying(A))) is None
    assert next_of(scene(state, ended(A, Outcome.ROLLED_BACK))) == Admit("a", (B,))
    assert next_of(scene(state, ended(A))) == BeginBake("a", first=True, services=(A,))
    # A second one that begins while the first is done, such as one that was tried again, is let end first.
    assert next_of(scene(state, ended(A), flying(B))) is None
    watched = baking(of=of, first=True)
    assert next_of(scene(watched, ended(A))) is None
    done = evolve_fleet(watched, entry(watched, fleet_event.BakeEnded("a")))
    assert (done.first_baked, done.baked) == (frozenset({"a"}), frozenset())
    assert next_of(scene(done, ended(A))) == Admit("a", (B, C))


def test_a_bake_of_a_wave_without_one_means_nothing() -> None:
    state = replace(baking(), plan=plan(wave("a", A, B), wave("b", C)))
    assert round_of(state, T + 60, "++") == []


@pytest.mark.parametrize(
    ("state", "fact"),
    [
        (baking(), fleet_event.BakeBegan("a", first=False, services=(A,))),
        (opened(BAKED, "a"), fleet_event.BakeBegan("b", first=False, services=(C,))),
        (opened(BAKED, "a"), fleet_event.BakeEnded("a")),
        (baking(), fleet_event.BakeProbed("a", C, well=True, detail="")),
        (baking(fleet_event.Halted("a", "x")), fleet_event.BakeBegan("a", first=False, services=(A,))),
    ],
)
def test_a_fact_of_a_bake_that_cannot_follow_is_refused(state: RolloutState, fact: Any) -> None:
    with pytest.raises(IllegalFact, match=type(fact).__name__):
        evolve_fleet(state, entry(state, fact))


def test_a_halt_ends_what_is_watched_and_a_lifted_one_watches_afresh() -> None:
    halted = baking(fleet_event.Halted("a", "x"))
    assert halted.bakes == ()
    lifted = evolve_fleet(halted, entry(halted, fleet_event.HaltLifted("ann", "go on")))
    assert next_of(scene(lifted, ended(A), ended(B))) == BeginBake("a", first=False, services=(A, B))
    assert baking(fleet_event.Aborted("ann", "no")).bakes == ()


# --- going back together ---


def failing(failure: WaveFailure) -> RolloutPlan:
    of = wave("b", B, C, D, failure_tolerance=0, max_parallel=2, on_failure=failure)
    return plan(wave("a", A), of, needs={C: (B,)})


@pytest.mark.parametrize(
    ("failure", "back"),
    [(WaveFailure.HALT, ()), (WaveFailure.ROLLBACK_WAVE, ("b",)), (WaveFailure.ROLLBACK_ALL, ("a", "b"))],
)
def test_a_failure_too_many_names_the_waves_that_go_back(failure: WaveFailure, back: tuple[str, ...]) -> None:
    state = opened(failing(failure), "a", "b")
    here = scene(state, ended(A), flying(B), flying(D, failed=True, goes_back=True))
    assert next_of(here) == Halt("b", "1 of 3 services failed; wave b tolerates 0", (B,), back)


def test_services_go_back_last_begun_first_within_the_cap_and_what_is_needed_goes_last() -> None:
    of = failing(WaveFailure.ROLLBACK_ALL)
    state = told(
        of,
        fleet_event.WaveOpened("a"),
        fleet_event.WaveOpened("b"),
        fleet_event.Halted("b", "1 failed", back=("a", "b")),
    )
    can = {"can_go_back": True}
    back = {"goes_back": True, "failed": True}
    here = scene(state, flying(A, **can), flying(B, **can), flying(C, **can), flying(D, **can))
    assert next_of(here) == TakeBack((D, C), "1 failed")
    assert next_of(scene(state, flying(A, **can), flying(B, **can), flying(C, **back), flying(D, **back))) is None
    # One that waits for a person on its way back leaves its place; what it needs waits until it has ended.
    waits = flying(C, **back, for_person=True)
    assert next_of(scene(state, flying(A, **can), flying(B, **can), waits, ended(D))) == TakeBack((A,), "1 failed")
    gone = ended(C, Outcome.ROLLED_BACK)
    assert next_of(scene(state, flying(A, **can), flying(B, **can), gone, ended(D))) == TakeBack((B,), "1 failed")
    assert next_of(scene(state, ended(A), ended(B), gone, ended(D))) is not None
    one = replace(state, plan=replace(of, waves=(of.waves[0], replace(of.waves[1], back_parallel=1))))
    assert next_of(scene(one, flying(A, **can), flying(B, **can), ended(C), flying(D, **can))) == TakeBack(
        (D,), "1 failed"
    )


def test_nobody_goes_back_where_only_one_wave_is_to_and_it_has_ended() -> None:
    state = told(
        failing(WaveFailure.ROLLBACK_WAVE),
        fleet_event.WaveOpened("a"),
        fleet_event.WaveOpened("b"),
        fleet_event.Halted("b", "1 failed", back=("b",)),
    )
    assert next_of(scene(state, flying(A, can_go_back=True), ended(B), ended(C), ended(D))) is None


@pytest.mark.parametrize(
    ("place", "can"),
    [
        ("queued", False),
        ("preflight", True),
        ("walking asked", True),
        ("held", True),
        ("rolling_back", False),
        ("taken_over", False),
        ("ended", False),
    ],
)
def test_the_policy_takes_back_what_was_begun_and_is_ours(story: Any, place: str, can: bool) -> None:
    one = story().go(place)
    assert summarize(one.state, one.now).can_go_back is can
    if can:
        drafts = back_drafts(one.state, "the wave goes back", one.now)
        assert drafts
        for stream, fact in drafts:
            if stream == one.state.stream:
                one.tell(fact)
        assert not summarize(one.state, one.now).can_go_back


def test_taking_back_what_cannot_go_back_is_our_own_mistake(story: Any) -> None:
    with pytest.raises(InvariantBroken, match="was to be taken back, and cannot"):
        back_drafts(story().go("rolling_back").state, "the wave goes back", Now(T, T))


def test_a_persons_stop_is_beyond_the_policys_word(story: Any) -> None:
    stopped = story().go("ready").tell(event.Stopped("ann", "wait"))
    assert not summarize(stopped.state, stopped.now).can_go_back


def test_a_service_that_succeeded_says_how_long_it_took_without_its_pauses(story: Any) -> None:
    one = story().go("ready").at(100.0).tell(event.Closed(Outcome.SUCCEEDED, "policy", "done"))
    assert summarize(one.state, one.now).took_s == 100.0
    assert summarize(story().go("ended").state, one.now).took_s is None
