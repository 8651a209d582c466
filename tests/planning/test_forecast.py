"""What a plan foresees against what the engine does in virtual time, and the rules that any forecast keeps."""

from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

import pytest

from rollout.core.caps import Caps
from rollout.core.compile import Compiled
from rollout.core.freeze import Freeze
from rollout.planning.caps import Shared
from rollout.planning.document import PlanDocument, Severity
from rollout.planning.make import Around
from rollout.planning.timing import Source
from rollout.settings.model import InFlight
from rollout.simulation.history import History

Compile = Callable[..., Compiled]
Planned = Callable[..., PlanDocument]
TWO_WAVES = "waves: [{name: canary, select: 1, bake: 20m}, {name: rest, select: rest, max_parallel: 3, strict: false}]"
NIGHTS = 'windows: ["Mon-Sun 22:00-04:00 UTC"]\n'
SWAP = (
    '{upgrade: {slot: staging, package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg}, '
    "swap: {bake: 10m}}"
)
ONLY_SWAP = "{swap: {bake: 10m}}"
SWAP_AT_ONCE = SWAP.replace("bake: 10m", "bake: 40m, barrier: none")
NEEDY = {"svc-0001": "needs: [svc-0003]", "svc-0002": "paired: [svc-0004]"}


def wall(year: int, month: int, day: int, hour: int) -> float:
    return datetime(year, month, day, hour, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "case",
    [(1, None, ""), (7, None, TWO_WAVES), (4, None, NIGHTS), (3, SWAP, "waves: [{name: all, select: rest}]")],
    ids=["one service", "two waves and a bake", "windows", "staging and swap"],
)
def test_what_is_expected_is_what_happens_give_or_take_a_tenth(
    compiled: Compile, planned: Planned, actual_s: Callable[..., float], case: tuple[int, str | None, str]
) -> None:
    services, change, more = case
    rollout = compiled(services, more=more) if change is None else compiled(services, change=change, more=more)
    finish = planned(rollout).finish
    assert finish.best_s is not None
    assert finish.expected_s is not None
    assert finish.latest_s is not None
    took_s = actual_s(rollout, staging=change is not None)
    assert finish.expected_s == pytest.approx(took_s, rel=0.10)
    assert finish.best_s <= took_s * 1.02
    assert took_s <= finish.latest_s * 1.02


def test_every_service_begins_once_in_its_wave_after_what_it_needs_and_apart_from_its_pair(
    compiled: Compile, planned: Planned
) -> None:
    told = planned(compiled(6, says=NEEDY, more="waves: [{name: all, select: rest, max_parallel: 6, strict: false}]"))
    assert sorted(each.service for each in told.services) == [f"svc-{number:04}" for number in range(1, 7)]
    spans = {each.service: (each.begins_s or 0.0, each.ends_s or 0.0) for each in told.services}
    assert spans["svc-0001"][0] >= spans["svc-0003"][1]
    first, second = sorted([spans["svc-0002"], spans["svc-0004"]])
    assert second[0] >= first[1]
    assert [each.order for each in told.services] == list(range(1, 7))


@pytest.mark.parametrize(
    ("bound", "effective", "why"),
    [
        (("waves: [{name: all, select: rest, max_parallel: 4, strict: false}]", Caps()), 4, "max_parallel"),
        (("waves: [{name: all, select: rest, failure_tolerance: 2, max_parallel: 3}]", Caps()), 3, "max_parallel"),
        (("waves: [{name: all, select: rest, max_parallel: 50, strict: false}]", Caps()), 12, "the services it has"),
        (
            ("waves: [{name: all, select: rest, max_parallel: 6, strict: false}]", Caps(domains=2)),
            2,
            "in_flight.domains of the engine",
        ),
    ],
)
def test_a_wave_shows_how_many_really_fly_together_and_why(
    compiled: Compile, planned: Planned, bound: tuple[str, Caps], effective: int, why: str
) -> None:
    more, caps = bound
    told = planned(compiled(12, more=more), Around(shared=(Shared("the engine", caps),)))
    assert (told.waves[0].effective, told.waves[0].bound_by) == (effective, why)
    # A cap on domains lets others be in flight between their walks.
    assert told.at_once == (effective if caps.domains is None else 6)


@pytest.mark.parametrize(
    "case",
    [
        (6, None, 2, "in_flight.domains of the engine"),
        (4, ONLY_SWAP, 10, "in_flight.domains of the engine, 5 for a service"),
        (4, SWAP_AT_ONCE, 6, "in_flight.domains of the engine, 5 for a service"),
    ],
    ids=["walks", "swaps", "staging and swap"],
)
def test_what_waits_for_room_under_a_cap_is_expected_when_it_happens(
    compiled: Compile, planned: Planned, actual_s: Callable[..., float], case: tuple[int, str | None, int, str]
) -> None:
    services, change, domains, why = case
    more = f"waves: [{{name: all, select: rest, max_parallel: {services}, strict: false}}]"
    rollout = compiled(services, more=more) if change is None else compiled(services, change=change, more=more)
    told = planned(rollout, Around(shared=(Shared("the engine", Caps(domains=domains)),)))
    free = planned(rollout)
    assert told.waves[0].bound_by == why
    assert told.finish.expected_s is not None
    assert free.finish.expected_s is not None
    assert told.finish.expected_s > 1.2 * free.finish.expected_s, "else the cap is none"
    seats = InFlight(domains=domains)
    # How services meet in the line is chance, and one run can be a tenth longer by it.
    took_s = median(actual_s(rollout, staging=change is not None, seed=seed, in_flight=seats) for seed in range(5))
    assert told.finish.expected_s == pytest.approx(took_s, rel=0.05)


def test_what_no_cap_has_room_for_is_said_before_the_run(compiled: Compile, planned: Planned) -> None:
    shared = (Shared("the engine", Caps(domains=4)),)
    told = planned(compiled(2, change=ONLY_SWAP), Around(shared=shared))
    errors = [each for each in told.findings if each.severity is Severity.ERROR]
    assert told.finish.expected_s is None
    assert {each.said for each in errors} >= {
        "it changes all at once, and its 5 domains are more than in_flight.domains of the engine allows"
    }
    assert told.waves[0].effective == 0
    assert planned(compiled(2), Around(shared=shared)).finish.expected_s is not None


def test_a_window_is_waited_for_and_a_service_that_would_outlast_it_begins_in_the_next(
    compiled: Compile, planned: Planned
) -> None:
    rollout = compiled(3, more='windows: ["Mon-Fri 09:00-11:30 UTC"]\n')
    told = planned(rollout, wall=wall(2026, 11, 27, 12))  # a Friday
    first, second, third = told.services
    assert (first.begins, third.begins) == ("2026-11-30T09:00:00Z", "2026-12-01T09:00:00Z")
    assert second.begins_s == pytest.approx(first.ends_s, abs=2)
    assert told.open_windows["rest"][0] == (2 * 86_400 + 21 * 3600, 2 * 86_400 + 23.5 * 3600)


def test_the_last_moment_of_an_approval_is_in_the_latest_finish_alone(compiled: Compile, planned: Planned) -> None:
    ask = "waves: [{name: all, select: rest, approve: {by: leads, before: %s, within: 6h}}]"
    plain = planned(compiled(2)).finish
    for moment in ("start", "last"):
        told = planned(compiled(2, more=ask % moment))
        assert told.finish.expected_s == pytest.approx(plain.expected_s, abs=5)
        assert plain.latest_s is not None
        assert told.finish.latest_s == pytest.approx(plain.latest_s + 6 * 3600, abs=10)
        assert told.waves[0].approve == f"leads before {moment}"


def said(told: PlanDocument) -> dict[str, list[str]]:
    return {severity.value: [each.said for each in told.findings if each.severity is severity] for severity in Severity}


@pytest.mark.parametrize(
    ("more", "severity", "words"),
    [
        ("deadline: 30m\n", "error", "after its deadline of 30m, and would halt there"),
        ("deadline: 61m\n", "warning", "at its latest it misses its deadline"),
        ("walk: {domain_timeout: 5m}\n", "warning", "walk.domain_timeout is 5m, and a step is expected to take longer"),
        ("timeout: 50m\n", "warning", "timeout is 50m, and the whole service is expected to take longer"),
        ('windows: ["Mon 09:00-09:30 UTC"]\n', "error", "no window is long enough for one service"),
        ("on_failure: {service: suspend}\n", "warning", "a failure becomes an outage"),
        ("walk: {bake_before_last: 5m}\n", "warning", "there is no way back after the last walk"),
        (
            "waves: [{name: all, select: rest, approve: {by: leads, within: 2h}}]",
            "info",
            "waits for leads before its start, for 2h",
        ),
    ],
)
def test_what_speaks_against_a_policy_is_said_in_words(
    compiled: Compile, planned: Planned, more: str, severity: str, words: str
) -> None:
    told = planned(compiled(1, more=more))
    assert any(words in each for each in said(told)[severity]), said(told)
    assert told.blocked is bool(said(told)["error"])


def test_a_freeze_without_an_end_is_an_error_and_one_with_an_end_is_waited_for(
    compiled: Compile, planned: Planned
) -> None:
    begins = wall(2026, 11, 27, 12)
    told = planned(compiled(1), Around(freeze=Freeze("ann", "holidays", begins)), begins)
    assert told.finish.expected_s is None
    assert any("frozen by ann: holidays" in each for each in said(told)["error"])
    until = Freeze("ann", "holidays", begins, until_wall=begins + 3600)
    assert planned(compiled(1), Around(freeze=until), begins).services[0].begins == "2026-11-27T13:00:00Z"


def test_times_of_the_same_services_count_more_than_recorded_ones_and_then_a_limit_is_an_error(
    compiled: Compile, planned: Planned
) -> None:
    history = History({("svc-0001", "walk"): (100.0, 110.0, 120.0), ("svc-0001", "upgrade"): (5.0, 6.0, 7.0)})
    rollout = compiled(2, more="health: {stable_duration: 0s}\nwalk: {bake_before_last: 0s, domain_timeout: 1m}\n")
    told = planned(rollout, Around(history=history))
    assert told.finish.latest_s == pytest.approx(2 * (7 + 5 * 120), abs=20)
    known = {each.verb: each.services for each in told.durations}
    assert known["domain"] == {Source.SERVICE.value: 1, Source.FLEET.value: 1}
    assert any("walk.domain_timeout is 1m" in each for each in said(told)["error"])


def test_hundreds_of_calls_at_once_are_foreseen_to_wait_for_the_subscription(
    compiled: Compile, planned: Planned
) -> None:
    at_once = "waves: [{name: all, select: rest, max_parallel: 300, strict: false}]"
    alone, crowd = planned(compiled(1)), planned(compiled(300, more=at_once))
    assert crowd.calls.writes == 300 * alone.calls.writes
    assert alone.finish.expected_s is not None
    assert crowd.finish.expected_s is not None
    assert crowd.finish.expected_s > alone.finish.expected_s + 400
    assert any("at the subscription's pace" in each for each in said(crowd)["warning"])
