"""Seats of changes about a whole service at once, in virtual time: swaps, suspensions, simultaneous updates."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace as with_changes
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollout.assembly import make_kit
from rollout.core import event
from rollout.core.caps import Caps
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.ending import Outcome
from rollout.core.event import Entry, HoldReason
from rollout.core.names import ServiceName, parse_service_stream
from rollout.core.operation import Mode, RollBack, SetStatus, StartUpgrade, SwapSlots, Walk
from rollout.core.result import ExitCode
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.engine.room import CapPlan, Room
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation.world import World
from tests.engine.conftest import ran, taken_back

Recorded = Callable[..., list[Entry]]
Make = Callable[..., Compiled]

INSTANCES_PER_DOMAIN = 2
CHANGES = {
    "upgrade": "upgrade: {package: 'https://relstore.blob.example/web.cspkg', configuration: web.cscfg}",
    "simultaneous": (
        "upgrade: {package: 'https://relstore.blob.example/web.cspkg', configuration: web.cscfg, mode: simultaneous}"
    ),
    "swap": "swap: {bake: 2m}",
    "staged": (
        "upgrade: {slot: staging, package: 'https://relstore.blob.example/web.cspkg', configuration: web.cscfg}\n"
        "  swap: {bake: 2m, barrier: none}"
    ),
    "suspend": "status: suspended",
}
SHORT = (
    "health: {stable_duration: 10s, retry_timeout: 30s, interval: 5s}\nwalk: {bake_before_last: 0s, "
    "allow_no_rollback: true}\n"
)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Compile a change of some services, all at a time."""

    def compiled(kind: str, services: Sequence[str], domains: int, tolerance: int = 4) -> Compiled:
        (tmp_path / "web.cscfg").write_bytes(configuration("web", kind, domains * INSTANCES_PER_DOMAIN))
        names = ", ".join(f"{name}: {{}}" for name in services)
        policy = tmp_path / f"{kind}.yaml"
        policy.write_text(
            f"rollout: {kind}\nchange:\n  {CHANGES[kind]}\n"
            f"fleet: {{subscription: {SUBSCRIPTION}, services: {{{names}}}}}\n"
            f"waves: [{{name: all, select: rest, max_parallel: 4, failure_tolerance: {tolerance}, strict: false}}]\n"
            f"{SHORT}",
            encoding="utf-8",
        )
        return compile_bundle(load_policy(policy))

    return compiled


def world_of(tmp_path: Path, caps: Caps, domains: int, faults: Sequence[dict[str, Any]] = (), seed: int = 0) -> World:
    plain = partial(make_kit, RunSettings("http://127.0.0.1:1", tmp_path))
    fleet = FleetPlan(8, domains, instances=domains * INSTANCES_PER_DOMAIN, staging=True)
    world = World(lambda *parts: with_changes(plain(*parts), room=Room(CapPlan(caps))), fleet, seed=seed)
    world.fabric.set_faults(read_faults(list(faults)))
    return world


def loads(entries: Sequence[Entry], domains: int) -> Iterator[tuple[int, int]]:
    """Give how many domains and instances may be down after each entry, by what the journal says and nothing else."""
    down: dict[str, int] = {}
    for entry in entries:
        match entry.fact:
            case event.Intended(operation=SwapSlots() | SetStatus(running=False)):
                down[entry.stream] = domains
            case event.Intended(operation=StartUpgrade(mode=Mode.SIMULTANEOUS)):
                down[entry.stream] = domains
            case event.Intended(operation=Walk() | RollBack()):
                down.setdefault(entry.stream, 1)
            case event.GatePassed() | event.Baked() | event.Closed():
                down.pop(entry.stream, None)
            case _:
                pass
        yield sum(down.values()), sum(down.values()) * INSTANCES_PER_DOMAIN


def outcomes(entries: Sequence[Entry]) -> list[Outcome]:
    return [entry.fact.outcome for entry in entries if isinstance(entry.fact, event.Closed)]


@pytest.mark.parametrize(
    ("kind", "caps", "most"),
    [
        ("swap", Caps(domains=6), 6),
        ("swap", Caps(instances=7), 3),
        ("suspend", Caps(domains=5), 3),
        ("simultaneous", Caps(instances=12), 6),
        ("upgrade", Caps(domains=2), 2),
        ("staged", Caps(domains=4), 4),
    ],
)
def test_a_whole_service_takes_all_of_its_room_and_the_cap_is_used(
    *, make: Make, recorded: Recorded, tmp_path: Path, kind: str, caps: Caps, most: int
) -> None:
    world = world_of(tmp_path, caps, 3)
    services = [f"svc-000{number}" for number in range(1, 5)]
    (result,) = ran(world, make(kind, services, 3))
    assert result is not None
    assert result.code == 0
    assert outcomes(recorded(world)) == [Outcome.SUCCEEDED] * 4
    assert max(load[0] for load in loads(recorded(world), 3)) == most


def test_a_swap_that_no_cap_has_room_for_waits_for_a_person_who_raises_it(
    make: Make, recorded: Recorded, tmp_path: Path
) -> None:
    world = world_of(tmp_path, Caps(domains=2), 3)
    (result,) = ran(world, make("swap", ["svc-0001"], 3))
    assert result is not None
    assert result.code is ExitCode.FOR_PERSON
    (held,) = [entry.fact for entry in recorded(world) if isinstance(entry.fact, event.Held)]
    assert held.reason is HoldReason.BUDGET
    assert held.note == (
        "it has 3 domains, which change all at once, and in the engine 2 may be in flight: only a higher limit lets it "
        "go on"
    )


def test_a_swap_that_is_taken_back_goes_back_in_the_room_it_has_and_only_then_the_next_one_has_it(
    make: Make, recorded: Recorded, tmp_path: Path
) -> None:
    world, plan = world_of(tmp_path, Caps(domains=3), 3), make("swap", ["svc-0001", "svc-0002"], 3)
    first: list[ServiceName] = []

    def swapped(entry: Entry) -> ServiceName | None:
        if isinstance(entry.fact, event.Succeeded):
            first.append(parse_service_stream(entry.stream)[1])
        return first[0] if first else None

    world.live(lambda parts: taken_back(parts, plan, swapped, after_s=60.0))
    entries = recorded(world)
    told = [each for each in entries if isinstance(each.fact, event.Intended | event.Closed)]
    assert [f"/{first[0]}#" in each.stream for each in told] == [True, True, True, False, False]
    assert [isinstance(each.fact, event.Closed) for each in told] == [False, False, True, False, True]
    assert outcomes(entries) == [Outcome.ROLLED_BACK, Outcome.SUCCEEDED]


@pytest.mark.parametrize("seed", range(16))
def test_no_cap_is_ever_exceeded_whatever_changes_beside_whatever_and_fails(
    make: Make, recorded: Recorded, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - the same fleets each time
    domains = draw.choice((2, 3))
    caps = Caps(
        services=draw.choice((None, 3, 5)),
        domains=draw.choice((None, domains, domains + 1, 2 * domains)),
        instances=draw.choice((None, 2 * domains, 3 * domains, 5 * domains)),
    )
    names = [f"svc-{number:04}" for number in range(1, 9)]
    faults = [
        {"service": name, "verb": verb, "effect": effect, "times": 1}
        for name in names
        for verb in ("walk", "swap")
        for effect in ("fail", "sick")
        if draw.random() < 0.15
    ]
    first, second = draw.sample(sorted(CHANGES), 2)
    world = world_of(tmp_path, caps, domains, faults, seed)
    tolerance = 4 * (seed % 2)
    ran(world, make(first, names[:4], domains, tolerance), make(second, names[4:], domains, tolerance))
    entries = recorded(world)
    for down, unavailable in loads(entries, domains):
        assert caps.domains is None or down <= caps.domains
        assert caps.instances is None or unavailable <= caps.instances
    assert tolerance == 0 or len(outcomes(entries)) == len(names)
