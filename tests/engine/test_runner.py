"""One service rollout from its first look to its ending, on every way there is, with and without interruptions."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rollout.core import event, sight_event
from rollout.core.compile import Compiled
from rollout.core.ending import Outcome
from rollout.core.event import Entry, Finding, Verdict
from rollout.core.result import ExitCode, Result
from rollout.emulator.faults import read_faults
from rollout.engine.darkness import DARK_S_MIN
from rollout.journal.memory import MemoryJournal
from rollout.simulation.world import Life, Parts, World, carry_out

FORWARD = [("upgrade", None), ("walk", 0), ("walk", 1), ("walk", 2)]
FAILS: dict[str, Any] = {"verb": "walk", "domain": 1, "effect": "fail", "times": 1000}
SICK: dict[str, Any] = {"verb": "walk", "domain": 1, "effect": "sick"}
STUCK: dict[str, Any] = {"verb": "walk", "domain": 1, "effect": "stuck"}
HOLD = "on_failure: {service: hold}\n"

Play = Callable[..., tuple[Result, World]]


@pytest.fixture
def play(make_world: Callable[..., World], compiled: Callable[..., Compiled]) -> Play:
    """Run one service through some faults."""

    def run(*faults: dict[str, Any], domains: int = 3, more: str = "", **knobs: Any) -> tuple[Result, World]:
        plan, world = compiled(1, domains, tolerance=1, more=more), make_world(1, domains, faults=faults, **knobs)
        life = world.live(lambda parts: carry_out(parts, plan))
        assert life.result is not None
        return life.result, world

    return run


def log(world: World) -> list[tuple[str, int | None]]:
    return [(entry.verb.value, entry.domain) for entry in world.log()]


def facts(entries: Sequence[Entry], kind: type) -> list[Any]:
    return [entry.fact for entry in entries if isinstance(entry.fact, kind)]


def time_of(entries: Sequence[Entry], kind: type, **fields: Any) -> float:
    """Give the time of the first fact of a kind with these fields."""
    return next(
        entry.now.t
        for entry in entries
        if isinstance(entry.fact, kind) and all(getattr(entry.fact, name) == value for name, value in fields.items())
    )


def labels(world: World) -> set[str]:
    """Give the releases that the instances run."""
    deployments = (each for service in world.fabric.world.services.values() for each in service.slots.values())
    return {instance.release.label.partition(" ")[0] for each in deployments for instance in each.instances}


# --- ways to end ---


def test_a_service_whose_walk_fails_runs_the_old_release_again(
    play: Play, recorded: Callable[..., list[Entry]]
) -> None:
    result, world = play(FAILS)
    closed = facts(recorded(world), event.Closed)[0]
    assert closed.outcome is Outcome.ROLLED_BACK
    assert closed.reason.startswith("walk of domain 1 failed: InternalError")
    assert log(world) == [("upgrade", None), ("walk", 0), ("rollback", None)]
    assert labels(world) == {"web-2.4.0"}
    assert result.code is ExitCode.AS_ALLOWED


def test_a_failed_service_holds_where_it_is_if_the_policy_says_so(
    play: Play, recorded: Callable[..., list[Entry]]
) -> None:
    result, world = play(FAILS, more=HOLD)
    assert result.code is ExitCode.FOR_PERSON
    assert log(world) == [("upgrade", None), ("walk", 0)]
    assert labels(world) == {"web-2.4.0", "web-2.4.1"}
    assert facts(recorded(world), event.Closed) == []
    assert len(facts(recorded(world), event.HeldOnFailure)) == 1


def test_a_domain_that_stays_sick_is_given_its_domain_timeout_and_then_rolled_back(
    play: Play, recorded: Callable[..., list[Entry]]
) -> None:
    _, world = play(SICK)
    entries = recorded(world, "svc-0001")
    began_t = time_of(entries, event.GatePassed, domain=0)
    overdue_t = time_of(entries, event.Observed, finding=Finding.OVERDUE)
    assert 45 * 60 <= overdue_t - began_t < 45 * 60 + 1
    assert "WebRole1_IN_1 (BusyRole)" in facts(entries, event.Closed)[0].reason
    assert facts(entries, event.Closed)[0].outcome is Outcome.ROLLED_BACK
    assert labels(world) == {"web-2.4.0"}


def test_a_walk_that_never_ends_is_given_its_domain_timeout_and_then_rolled_back(
    play: Play, recorded: Callable[..., list[Entry]]
) -> None:
    _, world = play(STUCK)
    entries = recorded(world, "svc-0001")
    began_t = time_of(entries, event.GatePassed, domain=0)
    assert 45 * 60 <= time_of(entries, event.TurnedBack) - began_t < 45 * 60 + 1
    assert facts(entries, event.Closed)[0].outcome is Outcome.ROLLED_BACK


def test_a_service_with_an_update_of_somebody_else_is_skipped_and_left_alone(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world, foreign, ours = make_world(1, 3), compiled(1, 3, rollout="foreign"), compiled(1, 3)

    async def begin_only(parts: Parts) -> Result | None:
        when(parts, event.Observed, parts.engine.drain, finding=Finding.BEGUN)
        return await carry_out(parts, foreign)

    world.live(begin_only)
    # Somebody else has a state directory of his own.
    world.journal = MemoryJournal()
    life = world.live(lambda parts: carry_out(parts, ours))
    assert life.result is not None
    closed = [entry.fact for entry in recorded(world) if entry.stream == "web-2.4.1/svc-0001#1"][-1]
    assert isinstance(closed, event.Closed)
    assert closed.outcome is Outcome.SKIPPED
    assert "not ours" in closed.reason
    assert log(world) == [("upgrade", None)]


@pytest.mark.parametrize(("allow", "outcome"), [("false", Outcome.SKIPPED), ("true", Outcome.SUCCEEDED)])
def test_one_domain_has_no_way_back_and_is_upgraded_only_if_allowed(
    play: Play, recorded: Callable[..., list[Entry]], allow: str, outcome: Outcome
) -> None:
    _, world = play(domains=1, more=f"walk: {{allow_no_rollback: {allow}}}\n")
    assert facts(recorded(world), event.Closed)[0].outcome is outcome
    assert log(world) == ([("upgrade", None), ("walk", 0)] if outcome is Outcome.SUCCEEDED else [])


# --- gates ---


def when(parts: Parts, kind: type, act: Callable[[], object], **fields: Any) -> None:
    """Act once, as soon as the first fact of this kind and these fields is durable."""
    done = False

    def hear(records: Any) -> None:
        nonlocal done
        for record in records:
            fact = record.entry.fact
            if not done and isinstance(fact, kind) and all(getattr(fact, name) == fields[name] for name in fields):
                done = True
                act()

    parts.kit.ledger.listen(hear)


def spoil(world: World, *, ready_at: float = float("inf")) -> None:
    """Make the instance of domain 1 unhealthy by itself, long after its walk."""
    deployment = next(iter(world.fabric.world.services["svc-0001"].slots.values()))
    deployment.instances[1].ready_at = ready_at


def spoiled(world: World, plan: Compiled, kind: type, ready_in_s: float = float("inf"), **fields: Any) -> Result:
    """Run; at the first such fact domain 1 turns unhealthy, for some time or for good."""

    async def script(parts: Parts) -> Result | None:
        when(parts, kind, lambda: spoil(world, ready_at=world.time() + ready_in_s), **fields)
        return await carry_out(parts, plan)

    result = world.live(script).result
    assert result is not None
    return result


def test_a_domain_that_turns_unhealthy_during_its_gate_fails_it_after_ten_minutes(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(1, 3)
    spoiled(world, compiled(1, 3, tolerance=1), event.Probed, domain=1)
    entries = recorded(world, "svc-0001")
    failing_s = time_of(entries, event.GateFailed) - time_of(entries, event.Probed, domain=1, verdict=Verdict.FAIL)
    assert 600 <= failing_s < 601
    assert facts(entries, event.Closed)[0].outcome is Outcome.ROLLED_BACK
    assert log(world)[-1] == ("rollback", None)


def test_a_domain_that_recovers_has_to_be_healthy_for_two_minutes_from_then_on(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(1, 3)
    spoiled(world, compiled(1, 3), event.Probed, ready_in_s=200.0, domain=1)
    entries = recorded(world, "svc-0001")
    passes = [
        entry.now.t
        for entry in entries
        if isinstance(entry.fact, event.Probed) and (entry.fact.domain, entry.fact.verdict) == (1, Verdict.PASS)
    ]
    assert len(passes) == 2
    assert 120 <= time_of(entries, event.GatePassed, domain=1) - passes[1] < 121
    assert log(world) == FORWARD


def test_nothing_red_during_the_bake_passes_the_point_of_no_return(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(1, 3)
    spoiled(world, compiled(1, 3, tolerance=1), event.Probed, domain=2)
    entries = recorded(world, "svc-0001")
    failing_s = time_of(entries, event.GateFailed) - time_of(entries, event.Probed, domain=2, verdict=Verdict.FAIL)
    assert 600 <= failing_s < 601
    assert facts(entries, event.Baked) == []
    assert log(world) == [("upgrade", None), ("walk", 0), ("walk", 1), ("rollback", None)]
    assert labels(world) == {"web-2.4.0"}


def test_a_gate_stands_still_while_nobody_can_look(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world, plan = make_world(1, 3), compiled(1, 3)
    dark = [{"verb": "get", "effect": "500", "times": 40}]

    async def script(parts: Parts) -> Result | None:
        when(parts, event.Probed, lambda: world.fabric.set_faults(read_faults(dark)), domain=1)
        return await carry_out(parts, plan)

    world.live(script)
    entries = recorded(world, "svc-0001")
    blind = [
        entry.now.t
        for entry in entries
        if isinstance(entry.fact, event.Probed) and (entry.fact.domain, entry.fact.verdict) == (1, Verdict.UNKNOWN)
    ]
    passes = [
        entry.now.t
        for entry in entries
        if isinstance(entry.fact, event.Probed) and (entry.fact.domain, entry.fact.verdict) == (1, Verdict.PASS)
    ]
    assert (len(blind), len(passes)) == (1, 2)
    in_the_dark_s = passes[1] - blind[0]
    assert in_the_dark_s > 500
    assert 120 <= time_of(entries, event.GatePassed, domain=1) - passes[0] - in_the_dark_s < 121 + 15
    assert log(world) == FORWARD


def test_no_deadline_ends_anything_while_nobody_can_look(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    dark = [{"verb": verb, "effect": "lose_before", "times": 300} for verb in ("get", "poll")]
    world, plan = make_world(1, 3), compiled(1, 3, tolerance=1)

    async def script(parts: Parts) -> Result | None:
        when(parts, event.Accepted, lambda: world.fabric.set_faults(read_faults(dark)), number=3)
        return await carry_out(parts, plan)

    world.live(script)
    entries = recorded(world, "svc-0001")
    dark_t = time_of(entries, event.Accepted, number=3)
    blinded_t = time_of(entries, sight_event.Blinded)
    seen_t = time_of(entries, event.Succeeded, number=3)
    assert dark_t + DARK_S_MIN <= blinded_t < dark_t + DARK_S_MIN + 40
    assert seen_t > dark_t + 60 * 60
    assert not any(isinstance(entry.fact, event.TurnedBack) for entry in entries)
    assert time_of(entries, event.Closed, outcome=Outcome.SUCCEEDED) > seen_t


# --- stopping and going on ---


def drained_at(world: World, plan: Compiled, number: int) -> Life[Result | None]:
    """Run, and drain as soon as `number` entries are durable."""

    async def script(parts: Parts) -> Result | None:
        count = 0

        def hear(records: Any) -> None:
            nonlocal count
            count += len(records)
            if count >= number:
                parts.engine.drain()

        parts.kit.ledger.listen(hear)
        return await carry_out(parts, plan)

    return world.live(script)


@pytest.mark.parametrize("fault", [None, FAILS, SICK], ids=["succeeds", "fails", "sick"])
def test_a_drain_after_any_entry_ends_at_once_and_is_resumed_to_the_same_end(
    make_world: Callable[..., World],
    compiled: Callable[..., Compiled],
    recorded: Callable[..., list[Entry]],
    fault: dict[str, Any] | None,
) -> None:
    plan, faults = compiled(1, 3, tolerance=1), [fault] if fault else []
    undisturbed = make_world(1, 3, faults=faults)
    undisturbed.live(lambda parts: carry_out(parts, plan))
    expected, total = log(undisturbed), len(recorded(undisturbed))
    for number in range(1, total - 2):
        world = make_world(1, 3, faults=faults)
        assert drained_at(world, plan, number).result is None, number
        entries = recorded(world)
        assert len(entries) >= number
        # Only a call in hand is waited for, and the answers to it that were on their way.
        assert world.time() - entries[min(number, len(entries)) - 1].now.t < 1.0
        life = world.live(lambda parts: carry_out(parts, plan))
        assert life.result is not None
        assert log(world) == expected, number
        assert facts(recorded(world), event.Closed) == facts(recorded(undisturbed), event.Closed), number
        assert facts(recorded(world), event.Lost) == []


@pytest.mark.parametrize("after_s", [5.0, 20.0, 100.0, 300.0, 650.0, 900.0, 2000.0])
def test_a_drain_in_the_middle_of_a_wait_ends_at_once(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], after_s: float
) -> None:
    plan, world = compiled(1, 5), make_world(1, 5)

    async def script(parts: Parts) -> Result | None:
        parts.kit.clock.call_at(after_s, parts.engine.drain)
        return await carry_out(parts, plan)

    assert world.live(script).result is None
    assert after_s <= world.time() < after_s + 1.0
    life = world.live(lambda parts: carry_out(parts, plan))
    assert life.result is not None
    assert life.result.outcome == "succeeded"
    assert log(world) == [*FORWARD, ("walk", 3), ("walk", 4)]


def test_a_drain_before_the_run_starts_nothing(
    make_world: Callable[..., World], compiled: Callable[..., Compiled]
) -> None:
    plan, world = compiled(1, 3), make_world(1, 3)

    async def script(parts: Parts) -> Result | None:
        parts.engine.drain()
        parts.engine.drain()
        return await carry_out(parts, plan)

    assert world.live(script).result is None
    assert log(world) == []
