"""A policy that sets no duration keeps its defaults to the second, on the recorded durations of the real service."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from rollout.core import event
from rollout.core.compile import Compiled
from rollout.core.event import Entry, Verdict
from rollout.core.result import ExitCode
from rollout.simulation.world import World, carry_out

STABLE_S = 120.0
BAKE_S = 300.0
INTERVAL_S = 15.0
A_LITTLE_S = 1.0
"""A round of checks takes two crossings of the wire, and so does the round that finds the clock run out."""
SERVICES = 3
DOMAINS = 5


@pytest.fixture
def world(make_world: Callable[..., World], compiled: Callable[..., Compiled]) -> World:
    """A world in which three services of five domains have been upgraded."""
    world, plan = make_world(SERVICES, DOMAINS), compiled(SERVICES, DOMAINS)
    life = world.live(lambda parts: carry_out(parts, plan))
    assert life.result is not None
    assert life.result.code is ExitCode.AS_ALLOWED
    assert life.result.outcome == "succeeded"
    return world


def services() -> list[str]:
    return [f"svc-{number:04}" for number in range(1, SERVICES + 1)]


def the_probe_before(entries: Sequence[Entry], index: int) -> Entry:
    probes = [entry for entry in entries[:index] if isinstance(entry.fact, event.Probed)]
    assert isinstance(probes[-1].fact, event.Probed)
    assert probes[-1].fact.verdict is Verdict.PASS
    return probes[-1]


def test_every_domain_of_every_service_is_walked_once_and_in_order(world: World) -> None:
    for service in services():
        calls = [(entry.verb.value, entry.domain) for entry in world.log() if entry.service == service]
        assert calls == [("upgrade", None), *(("walk", domain) for domain in range(DOMAINS))]


def test_a_gate_opens_two_minutes_after_its_first_pass(world: World, recorded: Callable[..., list[Entry]]) -> None:
    gates = 0
    for service in services():
        entries = recorded(world, service)
        for index, entry in enumerate(entries):
            if isinstance(entry.fact, event.GatePassed):
                gates += 1
                healthy_s = entry.now.t - the_probe_before(entries, index).now.t
                assert STABLE_S <= healthy_s < STABLE_S + A_LITTLE_S < STABLE_S + INTERVAL_S
    assert gates == SERVICES * DOMAINS


def test_the_bake_before_the_last_domain_takes_five_minutes(world: World, recorded: Callable[..., list[Entry]]) -> None:
    for service in services():
        entries = recorded(world, service)
        baked = [(before, entry) for before, entry in pairwise(entries) if isinstance(entry.fact, event.Baked)]
        assert [getattr(entry.fact, "domain", None) for _, entry in baked] == [DOMAINS - 1]
        gate = [entry for entry in entries if isinstance(entry.fact, event.GatePassed)][-2]
        baked_s = baked[0][1].now.t - gate.now.t
        assert BAKE_S <= baked_s < BAKE_S + A_LITTLE_S


def test_no_walk_is_asked_for_before_the_gate_of_the_domain_before_it_has_opened(
    world: World, recorded: Callable[..., list[Entry]]
) -> None:
    for service in services():
        facts = [entry.fact for entry in recorded(world, service)]
        opened: list[int] = []
        for fact in facts:
            if isinstance(fact, event.GatePassed):
                opened.append(fact.domain)
            if isinstance(fact, event.Intended) and fact.number > 1:
                assert opened == list(range(fact.number - 2))


def test_an_operation_that_takes_nine_minutes_is_seen_done_within_half_a_minute(
    world: World, recorded: Callable[..., list[Entry]]
) -> None:
    done_at = {each.id: each.completed_at for each in world.fabric.world.operations.values()}
    for service in services():
        entries = recorded(world, service)
        handles = {each.fact.number: each.fact.handle.id for each in entries if isinstance(each.fact, event.Accepted)}
        ended = [entry for entry in entries if isinstance(entry.fact, event.Succeeded)]
        assert len(ended) >= DOMAINS
        for entry in ended:
            assert isinstance(entry.fact, event.Succeeded)
            late_s = entry.now.t - (done_at[handles[entry.fact.number]] or 0)
            assert 0 <= late_s <= 30 + A_LITTLE_S


def test_the_same_seed_takes_the_same_steps_and_another_one_does_not(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    plan = compiled(2, 3)
    seen = []
    for seed in (7, 7, 8):
        world = make_world(2, 3, seed=seed)
        life = world.live(lambda parts: carry_out(parts, plan))
        seen.append((life.steps, life.moments, recorded(world), list(world.log()), world.time()))
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]
