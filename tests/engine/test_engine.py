"""A whole fleet under one engine: how a rollout ends, that nobody waits for a neighbour, that nothing is left over."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from rollout.core import event, fleet_event
from rollout.core.compile import Compiled
from rollout.core.ending import Outcome
from rollout.core.event import Entry
from rollout.core.operation import Operation
from rollout.core.result import ExitCode, Result
from rollout.engine.tracker import WORKERS, Tracker
from rollout.errors import InvariantBroken
from rollout.simulation.wire import SteadyWire
from rollout.simulation.world import Parts, World, carry_out

T = TypeVar("T")

FLEET = 200
DOMAINS = 5
BRISK = "health: {stable_duration: 30s}\nwalk: {bake_before_last: 30s}\n"
POLLS_APART_S = 5.0
"""Polls are spread by the ids of their operations; over three walks of five seconds each this makes so much at most."""
TASKS_OF_A_SERVICE = 4
"""Its runner, and during a gate the probe, its round and one check."""


def fails(*services: str) -> list[dict[str, Any]]:
    return [{"service": each, "verb": "walk", "domain": 1, "effect": "fail", "times": 1000} for each in services]


def endings(entries: Sequence[Entry]) -> dict[str, Outcome]:
    """Give each service's ending by its number in the fleet."""
    closed = {each.stream: each.fact for each in entries if isinstance(each.fact, event.Closed)}
    return {stream[-6:-2]: fact.outcome for stream, fact in closed.items()}


def times_of_closing(entries: Sequence[Entry]) -> dict[str, float]:
    return {each.stream: each.now.t for each in entries if isinstance(each.fact, event.Closed)}


def ran(world: World, plan: Compiled, **options: Any) -> Result:
    result = world.live(lambda parts: carry_out(parts, plan, **options)).result
    assert result is not None
    return result


# --- how a rollout ends ---


@pytest.mark.parametrize(("strict_exit", "code"), [(False, ExitCode.AS_ALLOWED), (True, ExitCode.WENT_BACK)])
def test_a_tolerated_failure_is_rolled_back_and_the_others_finish(
    make_world: Callable[..., World],
    compiled: Callable[..., Compiled],
    recorded: Callable[..., list[Entry]],
    strict_exit: bool,
    code: ExitCode,
) -> None:
    world = make_world(4, 3, faults=fails("svc-0002"))
    result = ran(world, compiled(4, 3, tolerance=1), strict_exit=strict_exit)
    assert (result.code, result.outcome) == (code, "succeeded with failures")
    assert endings(recorded(world)) == {
        "0001": Outcome.SUCCEEDED,
        "0002": Outcome.ROLLED_BACK,
        "0003": Outcome.SUCCEEDED,
        "0004": Outcome.SUCCEEDED,
    }


def test_more_failures_than_tolerated_halt_the_rollout_with_code_3(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(5, 3, faults=fails("svc-0002", "svc-0003"))
    result = ran(world, compiled(5, 3, parallel=1, tolerance=1))
    assert (result.code, result.outcome) == (ExitCode.WENT_BACK, "halted")
    assert endings(recorded(world)) == {
        "0001": Outcome.SUCCEEDED,
        "0002": Outcome.ROLLED_BACK,
        "0003": Outcome.ROLLED_BACK,
    }
    assert {entry.service for entry in world.log()} == {"svc-0001", "svc-0002", "svc-0003"}


def test_who_is_in_flight_when_the_rollout_halts_finishes_its_gate_and_waits_for_a_person(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(3, 5, faults=fails("svc-0002"))
    result = ran(world, compiled(3, 5))
    assert result.code is ExitCode.FOR_PERSON
    assert endings(recorded(world)) == {"0002": Outcome.ROLLED_BACK}
    entries = recorded(world)
    halted_t = next(each.now.t for each in entries if isinstance(each.fact, fleet_event.Halted))
    for service in ("svc-0001", "svc-0003"):
        own = [each for each in entries if f"/{service}#" in each.stream]
        assert [type(each.fact) for each in own if each.now.t == halted_t] == [event.Held]
        assert not [each for each in own if isinstance(each.fact, event.Intended) and each.now.t > halted_t]
        assert isinstance(own[-1].fact, event.GatePassed)


def test_a_held_service_ends_the_run_with_code_4_and_a_later_run_says_the_same(
    make_world: Callable[..., World], compiled: Callable[..., Compiled]
) -> None:
    world = make_world(3, 3, faults=fails("svc-0001"))
    plan = compiled(3, 3, tolerance=1, more="on_failure: {service: hold}\n")
    first = ran(world, plan)
    assert first.code is ExitCode.FOR_PERSON
    before = world.time()
    assert ran(world, plan) == first
    assert world.time() - before < 1


def test_a_rollout_that_is_over_says_so_again_without_a_call(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world, plan = make_world(2, 3), compiled(2, 3)
    first = ran(world, plan)
    entries, calls = recorded(world), list(world.log())
    assert ran(world, plan) == first
    assert (recorded(world), list(world.log())) == (entries, calls)


@pytest.mark.parametrize("processes", [1, 2])
def test_two_rollouts_one_after_the_other_lie_in_one_journal(
    make_world: Callable[..., World],
    compiled: Callable[..., Compiled],
    recorded: Callable[..., list[Entry]],
    processes: int,
) -> None:
    world = make_world(2, 3)
    plans = [compiled(2, 3, rollout=each) for each in ("web-2.4.1", "web-2.4.2")]

    async def both(parts: Parts) -> list[Result | None]:
        return [await carry_out(parts, plan) for plan in plans]

    results = world.live(both).result if processes == 1 else [ran(world, plan) for plan in plans]
    assert [result.outcome for result in results or () if result is not None] == ["succeeded"] * 2
    calls = [("upgrade", None), ("walk", 0), ("walk", 1), ("walk", 2)]
    for service in ("svc-0001", "svc-0002"):
        assert [(each.verb.value, each.domain) for each in world.log() if each.service == service] == calls * 2
    closed = [each.stream for each in recorded(world) if isinstance(each.fact, fleet_event.RolloutClosed)]
    assert closed == ["web-2.4.1", "web-2.4.2"]
    deployment = next(iter(world.fabric.world.services["svc-0001"].slots.values()))
    assert {instance.release.label.split()[0] for instance in deployment.instances} == {"web-2.4.2"}


# --- neighbours ---


class HangingWire(SteadyWire):
    """Always takes a tenth of a second, and for one service for ever."""

    def __init__(self, hangs: str | None) -> None:
        super().__init__(lambda: 0.0, low_s=0.1)
        self._hangs = hangs

    async def exchange(self, service: str, operation: Operation | None, deliver: Callable[[], T]) -> T:
        if service == self._hangs:
            await asyncio.sleep(math.inf)
        return await super().exchange(service, operation, deliver)


def test_a_service_whose_answers_hang_delays_nobody_else(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    plan = compiled(6, 3, tolerance=1)
    closed = []
    for hangs in (None, "svc-0003"):
        world = make_world(6, 3, wire=HangingWire(hangs), time_scale=100.0)

        async def script(parts: Parts) -> Result | None:
            parts.kit.clock.call_at(20_000.0, parts.engine.drain)
            return await carry_out(parts, plan)

        world.live(script)
        closed.append(times_of_closing(recorded(world)))
    assert len(closed[0]) == 6
    assert len(closed[1]) == 5
    for stream, t in closed[1].items():
        assert abs(t - closed[0][stream]) < POLLS_APART_S


@pytest.mark.parametrize("effect", ["stuck", "sick", "lose_before", "409"])
def test_a_service_in_trouble_delays_nobody_else(
    make_world: Callable[..., World],
    compiled: Callable[..., Compiled],
    recorded: Callable[..., list[Entry]],
    effect: str,
) -> None:
    plan = compiled(6, 3, tolerance=1)
    closed = []
    for times in (0, 20):
        faults = [{"service": "svc-0003", "verb": "walk", "domain": 1, "effect": effect, "times": times}]
        world = make_world(6, 3, wire=HangingWire(None), faults=faults if times else [], time_scale=100.0)
        ran(world, plan)
        closed.append({k: t for k, t in times_of_closing(recorded(world)).items() if "svc-0003" not in k})
    assert len(closed[0]) == 5
    for stream, t in closed[1].items():
        assert abs(t - closed[0][stream]) < POLLS_APART_S


# --- two hundred at once ---


def wanted(tracker: Tracker) -> int:
    """Count what the tracker still asks about."""
    return sum(record.wanted for slot in tracker._wheel._slots.values() for record in slot)


def test_two_hundred_services_end_with_bounded_tasks_and_an_idle_tracker(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world, plan = make_world(FLEET, DOMAINS, time_scale=20.0), compiled(FLEET, DOMAINS, more=BRISK)
    most = 0

    async def script(parts: Parts) -> Result | None:
        def count() -> None:
            nonlocal most
            most = max(most, len(asyncio.all_tasks()))
            parts.kit.clock.call_at(parts.kit.clock.now().t + 10.0, count)

        count()
        result = await carry_out(parts, plan)
        assert wanted(parts.kit.tracker) == 0
        assert parts.kit.tracker._lines.idle == WORKERS
        return result

    life = world.live(script)
    assert life.result is not None
    assert life.result.reason == f"all {FLEET} services run the new release"
    assert FLEET < most <= WORKERS + FLEET * TASKS_OF_A_SERVICE + 10
    calls = Counter((each.service, each.verb.value, each.domain) for each in world.log())
    assert len(calls) == FLEET * (DOMAINS + 1)
    assert set(calls.values()) == {1}
    assert set(endings(recorded(world)).values()) == {Outcome.SUCCEEDED}


# --- when something is wrong with us ---


def test_our_own_mistake_stops_the_engine_and_is_raised_bare(
    make_world: Callable[..., World], compiled: Callable[..., Compiled]
) -> None:
    class Broken(SteadyWire):
        async def reach(self, service: str, operation: Operation | None) -> None:
            if operation is not None:
                raise InvariantBroken(f"no way to {service}")
            await super().reach(service, operation)

    world, plan = make_world(2, 3, wire=Broken(lambda: 0.5)), compiled(2, 3)
    with pytest.raises(InvariantBroken, match="no way to svc-000"):
        ran(world, plan)
    assert list(world.log()) == []
