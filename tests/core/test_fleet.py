"""Admission, caps, halts and endings of a rollout, by example."""

from collections.abc import Sequence
from typing import Any

import pytest

from rollout.core import event, fleet_event
from rollout.core.ending import Outcome
from rollout.core.evolve import IllegalFact
from rollout.core.fleet import decide_fleet
from rollout.core.fleet_action import Admit, CloseRollout, FleetAction, Halt, OpenWave
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState, Summary
from rollout.core.names import Digest, Now, RolloutId, ServiceName, rollout_stream
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.result import ExitCode, is_over, result
from rollout.core.summary import summarize

NOW = Now(0.0, 0.0)
NAMES = tuple(ServiceName(f"web-{number:02d}") for number in range(1, 7))


def plan(*waves: WavePlan) -> RolloutPlan:
    return RolloutPlan(RolloutId("web-1"), Digest("a"), Digest("b"), waves)


def wave(
    services: Sequence[ServiceName] = NAMES[:4], *, parallel: int = 2, tolerance: int = 0, strict: bool = False
) -> WavePlan:
    return WavePlan("rest", tuple(services), parallel, tolerance, strict)


def entry(state: RolloutState | None, fact: fleet_event.FleetFact) -> event.Entry:
    return event.Entry(rollout_stream(RolloutId("web-1")), state.version + 1 if state else 1, NOW, "engine", fact)


def told(*facts: fleet_event.FleetFact) -> RolloutState:
    state: RolloutState | None = None
    for fact in facts:
        state = evolve_fleet(state, entry(state, fact))
    assert state is not None
    return state


def opened(of: WavePlan) -> RolloutState:
    return told(fleet_event.RolloutOpened(plan(of)), fleet_event.WaveOpened("rest"))


def queued(service: ServiceName) -> Summary:
    return Summary(service, admitted=False, outcome=None, failed=False, for_person=False)


def moving(service: ServiceName, *, failed: bool = False, for_person: bool = False) -> Summary:
    return Summary(service, admitted=True, outcome=None, failed=failed, for_person=for_person)


def ended(service: ServiceName, outcome: Outcome = Outcome.SUCCEEDED) -> Summary:
    failed = outcome in {Outcome.FAILED, Outcome.ROLLED_BACK}
    return Summary(service, admitted=True, outcome=outcome, failed=failed, for_person=False)


def fleet(*members: Summary) -> dict[ServiceName, Summary]:
    return {member.service: member for member in members}


def next_of(of: WavePlan, *members: Summary) -> FleetAction | None:
    known = fleet(*(queued(name) for name in of.services)) | fleet(*members)
    return decide_fleet(opened(of), known, NOW)


A, B, C, D = NAMES[:4]


def test_the_first_wave_is_opened_before_anything_is_admitted() -> None:
    state = told(fleet_event.RolloutOpened(plan(wave())))
    assert decide_fleet(state, {}, NOW) == OpenWave("rest")
    assert state.open_wave is None
    assert not is_over(state, {}, NOW)


@pytest.mark.parametrize(
    ("of", "members", "admitted"),
    [
        (wave(), (), (A, B)),
        (wave(), (moving(A),), (B,)),
        (wave(), (moving(A), moving(B)), None),
        (wave(), (ended(A), moving(B)), (C,)),
        (wave(), (ended(A), ended(B), ended(C)), (D,)),
        (wave(parallel=9), (), (A, B, C, D)),
        (wave(tolerance=1), (moving(A, failed=True), moving(B)), None),
        (wave(tolerance=1), (moving(A, failed=True, for_person=True), moving(B)), (C,)),
        (wave(), (moving(A, for_person=True), moving(B)), None),
        (wave(strict=True), (), (A,)),
        (wave(strict=True, tolerance=1), (), (A, B)),
        (wave(strict=True, tolerance=1, parallel=1), (), (A,)),
        (wave(strict=True, tolerance=1), (ended(A, Outcome.FAILED),), (B,)),
        (wave(strict=True, tolerance=1), (ended(A, Outcome.FAILED), moving(B)), None),
        (wave(strict=True, tolerance=1), (ended(A, Outcome.SKIPPED), moving(B)), (C,)),
        (wave(strict=True, tolerance=1, parallel=4), (moving(A, for_person=True),), (B,)),
    ],
)
def test_admission_fills_the_caps_in_fleet_order(
    of: WavePlan, members: tuple[Summary, ...], admitted: tuple[ServiceName, ...] | None
) -> None:
    assert next_of(of, *members) == (None if admitted is None else Admit("rest", admitted))


def test_one_failure_too_many_halts_and_holds_who_is_in_flight_and_has_not_failed() -> None:
    members = (ended(A, Outcome.ROLLED_BACK), moving(B), moving(C, failed=True), queued(D))
    reason = "2 of 4 services failed; wave rest tolerates 1"
    assert next_of(wave(tolerance=1), *members) == Halt("rest", reason, (B,))
    assert next_of(wave(tolerance=2), *members) is None


def test_a_halted_rollout_admits_nobody_and_is_over_when_nothing_moves() -> None:
    state = evolve_fleet(opened(wave()), entry(opened(wave()), fleet_event.Halted("rest", "1 failed")))
    going = fleet(ended(A, Outcome.ROLLED_BACK), moving(B), queued(C), queued(D))
    assert decide_fleet(state, going, NOW) is None
    assert not is_over(state, going, NOW)
    assert is_over(state, going | fleet(moving(B, for_person=True)), NOW)
    done = fleet(*(ended(name, Outcome.ROLLED_BACK) for name in NAMES[:4]))
    assert decide_fleet(state, done, NOW) == CloseRollout(4, "0 of 4 services run the new release")


def test_the_next_wave_opens_when_the_last_one_has_ended_unless_halted() -> None:
    two = plan(WavePlan("canary", (A,), 1, 0, strict=True), WavePlan("rest", (B, C), 1, 0, strict=True))
    state = told(fleet_event.RolloutOpened(two), fleet_event.WaveOpened("canary"))
    members = fleet(ended(A), queued(B), queued(C))
    assert decide_fleet(state, members, NOW) == OpenWave("rest")
    halted = evolve_fleet(state, entry(state, fleet_event.Halted("canary", "a person")))
    assert decide_fleet(halted, members, NOW) is None
    assert is_over(halted, members, NOW)
    last = evolve_fleet(state, entry(state, fleet_event.WaveOpened("rest")))
    done = fleet(ended(A), ended(B, Outcome.UNCHANGED), ended(C, Outcome.SKIPPED))
    assert decide_fleet(last, done, NOW) == CloseRollout(1, "2 of 3 services run the new release")


def test_a_closed_rollout_needs_nothing_more() -> None:
    state = told(fleet_event.RolloutOpened(plan(wave())), fleet_event.RolloutClosed(0, "done"))
    assert decide_fleet(state, {}, NOW) is None
    assert is_over(state, {}, NOW)


# --- what may be recorded ---

OPEN = (fleet_event.RolloutOpened(plan(wave((A, B)))), fleet_event.WaveOpened("rest"))
ADMITTED = fleet_event.ServiceAdmitted(A)
OVER = fleet_event.ServiceEnded(A, Outcome.SUCCEEDED)


@pytest.mark.parametrize(
    ("before", "fact"),
    [
        ((), fleet_event.WaveOpened("rest")),
        (OPEN[:1], fleet_event.WaveOpened("other")),
        (OPEN[:1], ADMITTED),
        (OPEN, OPEN[0]),
        (OPEN, OPEN[1]),
        (OPEN, fleet_event.ServiceAdmitted(C)),
        (OPEN, OVER),
        ((*OPEN, ADMITTED), ADMITTED),
        ((*OPEN, ADMITTED, OVER), OVER),
        ((*OPEN, fleet_event.Halted("rest", "x")), fleet_event.Halted("rest", "y")),
        ((*OPEN, fleet_event.RolloutClosed(0, "x")), fleet_event.Halted("rest", "y")),
    ],
)
def test_a_fact_that_cannot_follow_is_refused(
    before: tuple[fleet_event.FleetFact, ...], fact: fleet_event.FleetFact
) -> None:
    state = told(*before) if before else None
    with pytest.raises(IllegalFact, match=type(fact).__name__):
        evolve_fleet(state, entry(state, fact))


def test_a_version_out_of_order_is_refused() -> None:
    state = opened(wave())
    late = event.Entry(rollout_stream(RolloutId("web-1")), state.version + 2, NOW, "engine", ADMITTED)
    with pytest.raises(IllegalFact, match="version 4"):
        evolve_fleet(state, late)


def test_a_fact_of_a_service_means_nothing_to_a_rollout() -> None:
    state = opened(wave())
    with pytest.raises(IllegalFact, match="Admitted"):
        evolve_fleet(state, event.Entry(rollout_stream(RolloutId("web-1")), 3, NOW, "engine", event.Admitted("rest")))


def test_admissions_and_endings_are_remembered() -> None:
    state = told(*OPEN, ADMITTED, OVER)
    number = state.plan.places[A].number
    assert (state.admitted_bits, state.ended_bits) == (1 << number, 1 << number)


# --- what the fleet knows of a service ---


@pytest.mark.parametrize(
    ("place", "admitted", "failed", "for_person"),
    [
        ("queued", False, False, False),
        ("preflight", True, False, False),
        ("walking asked", True, False, False),
        ("checking", True, False, False),
        ("rolling_back", True, True, False),
        ("held", True, True, True),
        ("needs_operator", True, True, True),
        ("taken_over", True, False, True),
    ],
)
def test_a_summary_says_who_counts_as_failed_and_who_waits_for_a_person(
    story: Any, place: str, admitted: bool, failed: bool, for_person: bool
) -> None:
    seen = summarize(story().go(place).state, NOW)
    assert (seen.admitted, seen.failed, seen.for_person, seen.outcome) == (admitted, failed, for_person, None)


def test_a_held_service_waits_for_a_person_only_once_its_gate_is_done(story: Any) -> None:
    checking = story().go("checking").tell(story().held())
    assert not summarize(checking.state, NOW).for_person
    assert summarize(checking.tell(event.GatePassed(0, ())).state, NOW).for_person
    assert summarize(story().tell(story().held()).state, NOW).for_person


@pytest.mark.parametrize("outcome", Outcome)
def test_only_endings_by_the_policy_after_a_begin_count_as_failures(story: Any, outcome: Outcome) -> None:
    state = story().go("ready").tell(event.Closed(outcome, "policy", "x")).state
    assert summarize(state, NOW).failed == (outcome in {Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.SUSPENDED})
    assert summarize(state, NOW).outcome is outcome


# --- how it ended ---


def judged(
    story: Any, *members: Summary, halted: str | None = None, strict_exit: bool = False, place: str = "queued"
) -> tuple[int, str, str]:
    services = {}
    for member in members:
        one = story(name=member.service)
        if member.outcome is not None:
            one.go("ready").tell(event.Closed(member.outcome, "policy", "domain 1 was sick"))
        elif member.for_person and member.failed:
            one.go("held")
        elif member.admitted:
            one.go(place)
        services[member.service] = one.state
    state = opened(wave())
    if halted is not None:
        state = evolve_fleet(state, entry(state, fleet_event.Halted("rest", halted)))
    found = result(state, fleet(*members), services, strict_exit=strict_exit)
    return found.code, found.outcome, found.reason


def test_all_well_is_0(story: Any) -> None:
    assert judged(story, ended(A), ended(B)) == (0, "succeeded", "all 2 services run the new release")
    assert judged(story, ended(A), ended(B), strict_exit=True)[0] == 0


def test_tolerated_failures_are_0_or_3_as_asked(story: Any) -> None:
    members = (ended(A), ended(B, Outcome.ROLLED_BACK), ended(C, Outcome.SKIPPED))
    reason = "1 of 3 services run the new release; web-02 rolled_back: domain 1 was sick (and 1 more)"
    assert judged(story, *members) == (0, "succeeded with failures", reason)
    assert judged(story, *members, strict_exit=True) == (3, "succeeded with failures", reason)


def test_a_halt_is_3_and_says_who_was_not_started(story: Any) -> None:
    members = (ended(A, Outcome.ROLLED_BACK), queued(B), queued(C))
    reason = "1 failed; 2 not started; web-01 rolled_back: domain 1 was sick"
    assert judged(story, *members, halted="1 failed") == (ExitCode.WENT_BACK, "halted", reason)
    assert judged(story, ended(A), halted="ann said so") == (3, "halted", "ann said so; no service failed")


def test_waiting_for_a_person_is_4_whatever_else_happened(story: Any) -> None:
    held = moving(B, failed=True, for_person=True)
    reason = "1 service is held; web-02: a domain is sick"
    assert judged(story, ended(A, Outcome.ROLLED_BACK), held, halted="1 failed")[0] == ExitCode.FOR_PERSON
    assert judged(story, ended(A), held, strict_exit=True) == (4, "waits for a person", reason)


def test_services_held_by_a_halt_in_the_middle_name_the_halt(story: Any) -> None:
    members = (ended(A, Outcome.ROLLED_BACK), moving(B, for_person=True), moving(C, for_person=True))
    assert judged(story, *members, halted="1 failed", place="checking")[2] == "2 services are held; web-02: 1 failed"
    assert judged(story, *members)[2] == "2 services are held; web-02: it was held"


def test_what_a_halt_stopped_untouched_has_merely_not_started(story: Any) -> None:
    members = (ended(A, Outcome.ROLLED_BACK), moving(B, for_person=True), queued(C))
    reason = "1 failed; 2 not started; web-01 rolled_back: domain 1 was sick"
    assert judged(story, *members, halted="1 failed", place="preflight") == (3, "halted", reason)


def test_a_rollout_that_began_nothing_is_no_success(story: Any) -> None:
    members = (ended(A, Outcome.SKIPPED), ended(B, Outcome.SKIPPED))
    reason = "0 of 2 services run the new release; web-01 skipped: domain 1 was sick (and 1 more)"
    assert judged(story, *members) == (3, "failed", reason)
