"""Caps that rollouts share, in virtual time: seats for domains, room for services, and what is urgent comes first."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace as with_changes
from typing import Any

import pytest

from rollout.core import event
from rollout.core.caps import Caps
from rollout.core.compile import Compiled
from rollout.core.ending import Outcome
from rollout.core.event import Entry, HoldReason
from rollout.core.names import RolloutId, ServiceName
from rollout.core.operation import RollBack, Walk
from rollout.core.result import ExitCode
from rollout.engine.room import CapPlan, Room
from rollout.errors import InvariantBroken
from rollout.settings import RunSettings
from rollout.settings.model import InFlight, Limits
from rollout.simulation.world import Parts, World, carry_out
from rollout.tuning import cap_plan
from tests.engine.conftest import ran, taken_back

MakeWorld = Callable[..., World]
Compile = Callable[..., Compiled]
Recorded = Callable[..., list[Entry]]

SHORT = "health: {stable_duration: 10s, retry_timeout: 30s, interval: 5s}\nwalk: {bake_before_last: 0s}\n"


def fails(*services: str) -> list[dict[str, Any]]:
    return [{"service": each, "verb": "walk", "domain": 1, "effect": "fail", "times": 1000} for each in services]


def capped(world: World, plan: CapPlan) -> World:
    """Give the world engines with these caps."""
    plain = world.make_kit
    world.make_kit = lambda *parts: with_changes(plain(*parts), room=Room(plan))
    return world


def peaks(entries: Sequence[Entry]) -> tuple[int, int]:
    """Give the most services in flight and the most domains down at once, as the journal has it."""
    flying: set[str] = set()
    down: set[str] = set()
    most = (0, 0)
    for entry in entries:
        match entry.fact:
            case event.Admitted():
                flying.add(entry.stream)
            case event.Intended(operation=Walk() | RollBack()):
                down.add(entry.stream)
            case event.GatePassed():
                down.discard(entry.stream)
            case event.Closed():
                flying.discard(entry.stream)
                down.discard(entry.stream)
            case _:
                pass
        most = max(most[0], len(flying)), max(most[1], len(down))
    return most


def test_domains_in_flight_never_exceed_the_cap_of_the_engine_and_use_it(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = capped(make_world(6, 3), CapPlan(Caps(domains=2)))
    (result,) = ran(world, compiled(6, 3, more=SHORT))
    assert result is not None
    assert result.outcome == "succeeded"
    assert peaks(recorded(world)) == (6, 2)


def test_instances_unavailable_are_counted_over_all_rollouts_of_a_subscription(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    first = compiled(["svc-0001", "svc-0002"], 2, rollout="web-1", more=SHORT)
    second = compiled(["svc-0003", "svc-0004"], 2, rollout="web-2", more=SHORT)
    subscription = first.services[0].target.subscription
    world = capped(make_world(4, 2), CapPlan(subscriptions={subscription: Caps(instances=3)}))
    assert [each is not None and each.outcome for each in ran(world, first, second)] == ["succeeded"] * 2
    # Each domain has one instance.
    assert peaks(recorded(world)) == (4, 3)


def test_services_in_flight_are_bounded_over_all_rollouts_and_for_each(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    first = compiled(["svc-0001", "svc-0002", "svc-0003"], 2, rollout="web-1", more=SHORT)
    second = compiled(["svc-0004", "svc-0005", "svc-0006"], 2, rollout="web-2", more=SHORT)
    world = capped(make_world(6, 2), CapPlan(Caps(services=3), rollout=Caps(services=2)))
    assert [each is not None and each.outcome for each in ran(world, first, second)] == ["succeeded"] * 2
    assert peaks(recorded(world))[0] == 3
    for rollout in ("web-1", "web-2"):
        own = [entry for entry in recorded(world) if entry.stream.startswith(rollout)]
        assert peaks(own)[0] == 2


def test_an_urgent_rollout_is_begun_before_what_waits_for_the_same_room(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    slow = compiled([f"svc-000{n}" for n in range(1, 5)], 2, rollout="slow", more=SHORT)
    hot = compiled(["svc-0005", "svc-0006"], 2, rollout="hot", more=f"{SHORT}priority: urgent\n")
    world = capped(make_world(6, 2), CapPlan(Caps(services=1)))

    async def script(parts: Parts) -> None:
        async with parts.engine.at_work(), asyncio.TaskGroup() as group:
            group.create_task(carry_out(parts, slow), name="slow")
            await asyncio.sleep(100.0)
            group.create_task(carry_out(parts, hot), name="hot")

    world.live(script)
    order = [entry.stream[-6:-2] for entry in recorded(world) if isinstance(entry.fact, event.Admitted)]
    assert order == ["0001", "0005", "0006", "0002", "0003", "0004"]


def test_what_goes_back_keeps_its_seat_and_waits_for_none(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = capped(make_world(4, 3, faults=fails("svc-0001")), CapPlan(Caps(domains=1)))
    (result,) = ran(world, compiled(4, 3, tolerance=4, more=SHORT))
    assert result is not None
    assert result.outcome == "succeeded with failures"
    assert peaks(recorded(world))[1] == 1


def test_a_rollback_that_waits_for_a_seat_longer_than_its_timeout_goes_back_once_it_has_one(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    slow = [{"service": "svc-0001", "verb": "walk", "domain": 1, "effect": "slow", "seconds": 9_000, "times": 1}]
    more = SHORT.replace("bake_before_last: 0s", "bake_before_last: 20m, domain_timeout: 5h")
    world = capped(make_world(2, 2, faults=slow), CapPlan(Caps(domains=1)))
    plan = compiled(2, 2, tolerance=2, more=f"{more}rollback: {{timeout: 10m}}\n")

    def walks(entry: Entry) -> ServiceName | None:
        intended = isinstance(entry.fact, event.Intended) and entry.fact.operation == Walk(1)
        return ServiceName("svc-0002") if intended else None

    world.live(lambda parts: taken_back(parts, plan, walks))
    entries = recorded(world)
    own = [entry for entry in entries if entry.stream.startswith(f"{plan.plan.rollout}/svc-0002")]
    turned_t = next(entry.now.t for entry in own if isinstance(entry.fact, event.TurnedBack))
    asked_t = next(
        entry.now.t
        for entry in own
        if isinstance(entry.fact, event.Intended) and isinstance(entry.fact.operation, RollBack)
    )
    assert asked_t - turned_t > 3_600.0, "it waited for the seat of the other one"
    assert not any(isinstance(entry.fact, event.Escalated) for entry in entries)
    assert [entry.fact.outcome for entry in own if isinstance(entry.fact, event.Closed)] == [Outcome.ROLLED_BACK]
    assert peaks(entries)[1] == 1


def test_a_domain_that_is_larger_than_the_cap_waits_for_a_person_who_raises_it(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = make_world(1, 2)
    world.fleet = with_changes(world.fleet, instances=6)
    world = capped(World(world.make_kit, world.fleet), CapPlan(Caps(instances=2)))
    plan = compiled(1, 6, more=SHORT)
    (result,) = ran(world, plan)
    assert result is not None
    assert result.code is ExitCode.FOR_PERSON
    (held,) = [entry.fact for entry in recorded(world) if isinstance(entry.fact, event.Held)]
    assert held.reason is HoldReason.BUDGET
    assert held.note.startswith("one of its domains has 3 instances, and in the engine 2 may be unavailable")


def test_an_engine_that_dies_counts_again_what_is_under_way(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = capped(make_world(4, 3), CapPlan(Caps(domains=2, services=3)))
    plan = compiled(4, 3, more=SHORT)
    for died_s in (200.0, 650.0, 900.0, 1300.0):
        world.live(lambda parts: carry_out(parts, plan), dies_after_s=died_s)
    (result,) = ran(world, plan)
    assert result is not None
    assert result.outcome == "succeeded"
    assert peaks(recorded(world)) == (3, 2)


def test_more_in_flight_than_a_cap_allows_stops_the_engine_loudly(make_world: MakeWorld, compiled: Compile) -> None:
    class Blind(Room):
        def left(self, *_: Any) -> tuple[int | None, str]:
            return None, ""

    world = make_world(3, 2)
    plain = world.make_kit
    world.make_kit = lambda *parts: with_changes(plain(*parts), room=Blind(CapPlan(Caps(services=2))))
    with pytest.raises(InvariantBroken, match="3 services are in flight in the engine, and its cap is 2"):
        ran(world, compiled(3, 2, more=SHORT))


def test_a_walk_without_a_seat_stops_the_engine_loudly(make_world: MakeWorld, compiled: Compile) -> None:
    class Generous(Room):
        def _lack(self, *_: Any) -> str | None:
            return None

    world = make_world(3, 2)
    plain = world.make_kit
    world.make_kit = lambda *parts: with_changes(plain(*parts), room=Generous(CapPlan(Caps(domains=1))))
    with pytest.raises(InvariantBroken, match="2 domains are in flight in the engine, and its cap is 1"):
        ran(world, compiled(3, 2, more=SHORT))


def test_the_settings_give_caps_to_the_engine_to_subscriptions_and_to_each_rollout(tmp_path: Any) -> None:
    limits = Limits(in_flight=InFlight(domains=9), in_flight_per_rollout=InFlight(services=4))
    settings = RunSettings("http://127.0.0.1:1", tmp_path, limits=limits, in_flight={"sub": InFlight(instances=7)})
    found = {str(scope): caps for scope, caps in cap_plan(settings).over("SUB", RolloutId("web-1"))}
    assert found == {
        "the engine": Caps(domains=9),
        "subscription sub": Caps(instances=7),
        "rollout web-1": Caps(services=4),
    }
    assert list(cap_plan(RunSettings("http://127.0.0.1:1", tmp_path)).over("sub", RolloutId("web-1"))) == []
