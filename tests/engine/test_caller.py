"""Whatever happens to a call on its way, it takes effect once, and the rollout ends as if nothing had happened."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rollout.core import event
from rollout.core.compile import Compiled
from rollout.core.ending import Outcome
from rollout.core.event import Entry
from rollout.core.operation import describe
from rollout.core.outcome import RefusedKind
from rollout.core.result import ExitCode, Result
from rollout.engine.pacer import Kind
from rollout.simulation.world import Parts, World, carry_out

GOES_BACK: dict[str, Any] = {"verb": "walk", "domain": 2, "effect": "fail", "times": 1000}
CALLS: dict[str, dict[str, Any]] = {
    "upgrade": {"verb": "upgrade"},
    "walk 0": {"verb": "walk", "domain": 0},
    "walk 1": {"verb": "walk", "domain": 1},
    "last walk": {"verb": "walk", "domain": 2},
    "rollback": {"verb": "rollback"},
}
FORWARD = [("upgrade", None), ("walk", 0), ("walk", 1), ("walk", 2)]
BACK = [("upgrade", None), ("walk", 0), ("walk", 1), ("rollback", None)]

Play = Callable[..., tuple[Result, World]]


@pytest.fixture
def play(make_world: Callable[..., World], compiled: Callable[..., Compiled]) -> Play:
    """Run one service of three domains through some faults."""

    def run(*faults: dict[str, Any], more: str = "", **options: Any) -> tuple[Result, World]:
        plan, world = compiled(1, 3, tolerance=1, more=more), make_world(1, 3, faults=faults, **options)
        life = world.live(lambda parts: carry_out(parts, plan))
        assert life.result is not None
        return life.result, world

    return run


def log(world: World) -> list[tuple[str, int | None]]:
    return [(entry.verb.value, entry.domain) for entry in world.log()]


def facts(entries: list[Entry], kind: type) -> list[Any]:
    return [entry.fact for entry in entries if isinstance(entry.fact, kind)]


def ending(entries: list[Entry]) -> Outcome:
    return Outcome(facts(entries, event.Closed)[0].outcome)


def met(call: str, *more: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the faults for a call: of a rollback only where something has to go back."""
    yield from more
    if call == "rollback":
        yield GOES_BACK


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("effect", ["lose_before", "lose_after", "409", "500", "503"])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_goes_wrong_on_its_way_takes_effect_once(
    play: Play, recorded: Callable[..., list[Entry]], call: str, effect: str, times: int
) -> None:
    result, world = play(*met(call, {**CALLS[call], "effect": effect, "times": times}))
    assert log(world) == (BACK if call == "rollback" else FORWARD)
    assert ending(recorded(world)) is (Outcome.ROLLED_BACK if call == "rollback" else Outcome.SUCCEEDED)
    assert result.code is ExitCode.AS_ALLOWED
    answers = facts(recorded(world), event.Refused) + facts(recorded(world), event.Lost)
    assert len(answers) == (1 if effect == "lose_after" else times)


@pytest.mark.parametrize(("effect", "kind"), [("409", RefusedKind.BUSY), ("503", RefusedKind.THROTTLED)])
def test_a_refused_call_is_asked_again_after_the_wait_that_was_recorded(
    play: Play, recorded: Callable[..., list[Entry]], effect: str, kind: RefusedKind
) -> None:
    _, world = play({"verb": "walk", "domain": 1, "effect": effect, "times": 5})
    entries = recorded(world, "svc-0001")
    refused = [entry for entry in entries if isinstance(entry.fact, event.Refused)]
    intended = {entry.fact.number: entry.now.t for entry in entries if isinstance(entry.fact, event.Intended)}
    assert len(refused) == 5
    for entry in refused:
        assert isinstance(entry.fact, event.Refused)
        assert entry.fact.kind is kind
        assert intended[entry.fact.number + 1] >= entry.now.t + entry.fact.retry_in_s


def test_a_throttled_call_slows_the_whole_subscription_down(
    make_world: Callable[..., World], compiled: Callable[..., Compiled]
) -> None:
    plan, world = compiled(1, 3), make_world(1, 3, faults=[{"verb": "upgrade", "effect": "503"}])
    rates = []

    async def watched(parts: Parts) -> Result | None:
        scope = parts.kit.platform.write_scope(plan.services[0].target)

        def hear(records: Any) -> None:
            if any(isinstance(record.entry.fact, event.Refused) for record in records):
                rates.append(parts.kit.pacer.rate(scope, Kind.WRITE))

        rates.append(parts.kit.pacer.rate(scope, Kind.WRITE))
        parts.kit.ledger.listen(hear)
        return await carry_out(parts, plan)

    world.live(watched)
    assert rates[1] == rates[0] / 2


@pytest.mark.parametrize("effect", ["lose_before", "500"])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_lost_four_times_waits_for_a_person(
    play: Play, recorded: Callable[..., list[Entry]], call: str, effect: str
) -> None:
    result, world = play(*met(call, {**CALLS[call], "effect": effect, "times": 100}))
    assert result.code is ExitCode.FOR_PERSON
    assert len(facts(recorded(world), event.Lost)) == 4
    assert len(facts(recorded(world), event.Escalated)) == 1


@pytest.mark.parametrize("call", ["upgrade", "walk 1"])
def test_a_lost_call_is_not_repeated_before_the_quarantine_is_over(
    play: Play, recorded: Callable[..., list[Entry]], call: str
) -> None:
    _, world = play({**CALLS[call], "effect": "lose_before"})
    entries = recorded(world, "svc-0001")
    at = next(n for n, entry in enumerate(entries) if isinstance(entry.fact, event.Lost))
    following = next(entry for entry in entries[at:] if isinstance(entry.fact, event.Intended))
    assert following.now.t - entries[at].now.t >= 4 * world.request_timeout_s


def test_an_upgrade_that_is_refused_for_good_fails_and_changes_nothing(
    play: Play, recorded: Callable[..., list[Entry]]
) -> None:
    result, world = play({"verb": "upgrade", "effect": "307", "times": 100})
    assert ending(recorded(world)) is Outcome.FAILED
    assert log(world) == []
    assert result.code is ExitCode.AS_ALLOWED  # one failure is tolerated


def test_an_upgrade_whose_operation_fails_changes_nothing(play: Play, recorded: Callable[..., list[Entry]]) -> None:
    _, world = play({"verb": "upgrade", "effect": "fail"})
    assert ending(recorded(world)) is Outcome.FAILED
    assert log(world) == []
    assert "InternalError" in facts(recorded(world), event.Closed)[0].reason


def test_a_walk_that_is_refused_for_good_is_rolled_back(play: Play, recorded: Callable[..., list[Entry]]) -> None:
    _, world = play({"verb": "walk", "domain": 1, "effect": "307", "times": 100})
    assert ending(recorded(world)) is Outcome.ROLLED_BACK
    assert log(world) == [("upgrade", None), ("walk", 0), ("rollback", None)]


def test_a_rollback_that_is_refused_for_good_holds_for_a_person(
    play: Play, recorded: Callable[..., list[Entry]]
) -> None:
    result, world = play(GOES_BACK, {"verb": "rollback", "effect": "307", "times": 100})
    assert result.code is ExitCode.FOR_PERSON
    assert "cannot go back" in facts(recorded(world), event.HeldOnFailure)[0].reason
    assert ("rollback", None) not in log(world)


def test_a_rollback_whose_operation_fails_holds_for_a_person(play: Play) -> None:
    result, world = play(GOES_BACK, {"verb": "rollback", "effect": "fail", "times": 100})
    assert result.code is ExitCode.FOR_PERSON
    assert ("rollback", None) not in log(world)


@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_longer_wanted_with_the_connection_in_hand_is_not_sent(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]], call: str
) -> None:
    plan = compiled(1, 3, tolerance=1)
    world = make_world(1, 3, faults=list(met(call)))
    effects: dict[str, tuple[str, int | None]] = {f"walk of domain {domain}": ("walk", domain) for domain in range(3)}
    effects |= {"upgrade": ("upgrade", None), "rollback": ("rollback", None)}
    wanted = next(name for name, effect in effects.items() if effect == named(CALLS[call]))

    async def stopped(parts: Parts) -> Result | None:
        def hear(records: Any) -> None:
            for record in records:
                entry = record.entry
                if isinstance(entry.fact, event.Intended) and describe(entry.fact.operation) == wanted:
                    stop = event.Stopped("anna", "look at this first")
                    parts.kit.ledger.put([(entry.stream, stop)], now=parts.kit.clock.now(), actor="anna")

        parts.kit.ledger.listen(hear)
        return await carry_out(parts, plan)

    life = world.live(stopped)
    assert life.result is not None
    assert life.result.code is ExitCode.FOR_PERSON
    last = [entry.fact for entry in recorded(world) if isinstance(entry.fact, event.Refused)][-1]
    assert last.kind is RefusedKind.NOT_SENT
    assert effects[wanted] not in log(world)


def named(fault: dict[str, Any]) -> tuple[str, int | None]:
    return fault["verb"], fault.get("domain")
