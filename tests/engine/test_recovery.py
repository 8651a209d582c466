"""Killed anywhere, an engine goes on where it was: no call is made twice, none is left out, and it ends the same."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rollout.core.compile import Compiled
from rollout.core.ending import Outcome
from rollout.core.event import Closed, Entry, Finding, GatePassed, Intended, Lost, Observed, Preflighted, Probed
from rollout.core.names import StreamName
from rollout.core.operation import Walk
from rollout.core.result import ExitCode, Result
from rollout.journal.journal import Recorded
from rollout.simulation import loop
from rollout.simulation.world import Life, Parts, World, carry_out

SUCCEEDS: tuple[dict[str, Any], ...] = ()
FAILS: tuple[dict[str, Any], ...] = ({"verb": "walk", "domain": 1, "effect": "fail", "times": 1000},)
"""For ever: a walk that failed and was forgotten shows nothing, so it is rightly walked again."""

SLOW_S = 1.0
"""A disk slower than any call: what is sent before its intent is durable is sent again after a death."""

Lives = Callable[..., tuple[World, list[Life[Result | None]]]]
Calls = Counter[tuple[str, str, int | None]]
End = tuple[ExitCode, str, list[tuple[StreamName, Outcome]], Calls]


@pytest.fixture
def plan(compiled: Callable[..., Compiled]) -> Compiled:
    """One service of three domains, all durations at their defaults, one failure tolerated."""
    return compiled(1, 3, tolerance=1)


@pytest.fixture
def lives(make_world: Callable[..., World], plan: Compiled) -> Lives:
    """Play a rollout with a death in each life but the last, and `down_s` between two lives."""

    def play(
        faults: Sequence[dict[str, Any]], deaths: Sequence[int] = (), *, down_s: float = 7.0, sync_s: float = 0.0
    ) -> tuple[World, list[Life[Result | None]]]:
        world = make_world(1, 3, faults=faults, sync_s=sync_s)
        lived = []
        for dies_at in (*deaths, None):
            lived.append(world.live(lambda parts: carry_out(parts, plan), dies_at=dies_at))
            world.pass_by(down_s)
        return world, lived

    return play


def end_of(world: World, lived: Sequence[Life[Result | None]]) -> End:
    """Give exit code, outcome, each service's ending, and how often each call took effect."""
    result = lived[-1].result
    assert result is not None
    closed = [
        (record.entry.stream, record.entry.fact.outcome)
        for record in loop.run(world.journal.read_after(0, 500))
        if isinstance(record.entry.fact, Closed)
    ]
    calls = Counter((entry.service, entry.verb.value, entry.domain) for entry in world.log())
    return result.code, result.outcome, closed, calls


@pytest.mark.parametrize(
    ("faults", "outcome", "sync_s"),
    [(SUCCEEDS, "succeeded", 0.0), (FAILS, "succeeded with failures", 0.0), (FAILS, "succeeded with failures", SLOW_S)],
)
def test_a_death_at_any_moment_changes_nothing_about_the_end(
    lives: Lives,
    faults: Sequence[dict[str, Any]],
    outcome: str,
    sync_s: float,
) -> None:
    world, undisturbed = lives(faults, sync_s=sync_s)
    expected = end_of(world, undisturbed)
    assert expected[1] == outcome
    moments = undisturbed[0].moments
    wrong = []
    for number, moment in enumerate(moments):
        world, lived = lives(faults, [number], sync_s=sync_s)
        assert lived[0].killed
        assert lived[0].moments == moments[: number + 1]
        if (end := end_of(world, lived)) != expected:
            wrong.append(f"killed at {number}, {moment}: {end}")
    print(f"{len(moments)} crash points")  # noqa: T201 - the number is wanted with -s
    assert wrong == []
    assert len(moments) > 50
    assert {each.partition(":")[0] for each in moments} == {
        "not yet durable",
        "durable, nobody told",
        "not yet sent",
        "in flight",
        "answered, not recorded",
    }


@pytest.mark.parametrize("faults", [SUCCEEDS, FAILS], ids=["succeeds", "fails"])
def test_a_death_during_recovery_changes_nothing_either(lives: Lives, faults: Sequence[dict[str, Any]]) -> None:
    world, undisturbed = lives(faults)
    expected = end_of(world, undisturbed)
    wrong = []
    for first in range(1, len(undisturbed[0].moments), 13):
        for second in (0, 1, 2, 3, 4, 6):
            world, lived = lives(faults, [first, second])
            if lived[1].killed and (end := end_of(world, lived)) != expected:
                wrong.append(f"killed at {first}, {lived[0].moments[-1]}, then {lived[1].moments[-1]}: {end}")
    assert wrong == []


@pytest.mark.parametrize("down_s", [0.0, 60.0, 200.0, 100_000.0])
def test_however_long_no_engine_runs_the_end_is_the_same(lives: Lives, down_s: float) -> None:
    world, undisturbed = lives(SUCCEEDS)
    expected = end_of(world, undisturbed)
    for dies_at in range(0, len(undisturbed[0].moments), 8):
        world, lived = lives(SUCCEEDS, [dies_at], down_s=down_s)
        assert end_of(world, lived) == expected, lived[0].moments[-1]


def test_dying_every_few_minutes_only_takes_longer(
    make_world: Callable[..., World], plan: Compiled, lives: Lives
) -> None:
    expected = end_of(*lives(SUCCEEDS))
    world = make_world(1, 3)
    lived: list[Life[Result | None]] = []
    while not lived or lived[-1].killed:
        lived.append(world.live(lambda parts: carry_out(parts, plan), dies_after_s=400.0))
        world.pass_by(30.0)
    assert len(lived) > 5
    assert end_of(world, lived) == expected


def test_a_walk_that_arrives_after_its_sender_died_is_waited_for_and_not_repeated(
    lives: Lives, recorded: Callable[..., list[Entry]]
) -> None:
    world, undisturbed = lives(SUCCEEDS)
    moment = undisturbed[0].moments.index("in flight: walk of domain 1 svc-0001")
    world, _ = lives(SUCCEEDS, [moment])
    entries = recorded(world, "svc-0001")
    intents = [each for each in entries if isinstance(each.fact, Intended) and each.fact.operation == Walk(1)]
    lost = [each for each in entries if isinstance(each.fact, Lost)]
    found = [each for each in entries if isinstance(each.fact, Observed) and each.fact.finding is Finding.APPLIED]
    assert (len(intents), len(lost), len(found)) == (1, 1, 1)
    assert found[0].now.t - lost[0].now.t >= 4 * world.request_timeout_s


def test_time_without_an_engine_does_not_count_for_a_gate(lives: Lives, recorded: Callable[..., list[Entry]]) -> None:
    world, undisturbed = lives(SUCCEEDS)
    moments = undisturbed[0].moments
    probed = next(n for n, each in enumerate(moments) if each.startswith("durable, nobody told: Probed"))
    world, _ = lives(SUCCEEDS, [probed], down_s=3600.0)
    entries = recorded(world, "svc-0001")
    first = next(each.now.t for each in entries if isinstance(each.fact, Probed))
    passed = next(each.now.t for each in entries if isinstance(each.fact, GatePassed))
    assert 120.0 <= passed - first < 135.0


def test_a_known_operation_is_only_polled_after_a_restart(lives: Lives, recorded: Callable[..., list[Entry]]) -> None:
    world, undisturbed = lives(SUCCEEDS)
    moments = undisturbed[0].moments
    accepted = [n for n, each in enumerate(moments) if each.startswith("durable, nobody told: Accepted")]
    for number in accepted:
        world, _ = lives(SUCCEEDS, [number])
        assert not [each for each in recorded(world) if isinstance(each.fact, Lost)]


def test_the_journal_holds_its_chain_and_one_ending_for_each_service_after_every_death(
    lives: Lives, recorded: Callable[..., list[Entry]]
) -> None:
    world, undisturbed = lives(FAILS)
    for number in range(0, len(undisturbed[0].moments), 9):
        world, _ = lives(FAILS, [number])
        entries = recorded(world)
        assert loop.run(world.journal.verify()) == len(entries)
        assert sum(isinstance(each.fact, Closed) for each in entries) == 1
        assert [each.now.t for each in entries] == sorted(each.now.t for each in entries)


def test_no_call_takes_effect_before_its_intent_is_durable(make_world: Callable[..., World], plan: Compiled) -> None:
    world, durable_at = make_world(1, 3, faults=FAILS, sync_s=SLOW_S), list[float]()

    async def script(parts: Parts) -> Result | None:
        def hear(records: Sequence[Recorded]) -> None:
            durable_at.extend(world.time() for each in records if isinstance(each.entry.fact, Intended))

        parts.kit.ledger.listen(hear)
        return await carry_out(parts, plan)

    world.live(script)
    effects = [entry.at for entry in world.log()]
    assert (len(effects), len(durable_at)) == (3, 4)  # the failing walk has an intent and no effect
    assert all(intended <= effect for intended, effect in zip([*durable_at[:2], durable_at[3]], effects, strict=True))


def test_no_call_is_made_on_what_another_life_saw_however_little_engine_time_has_passed(
    lives: Lives, recorded: Callable[..., list[Entry]]
) -> None:
    _, undisturbed = lives(SUCCEEDS)
    seen = [n for n, each in enumerate(undisturbed[0].moments) if each.startswith("durable, nobody told: Observed")]
    assert seen
    for number in seen:
        world, _ = lives(SUCCEEDS, [number], down_s=3600.0)
        looked_wall = 0.0
        for entry in recorded(world, "svc-0001"):
            if isinstance(entry.fact, Observed | Preflighted):
                looked_wall = entry.now.wall
            elif isinstance(entry.fact, Intended):
                assert entry.now.wall - looked_wall < 60.0
