"""Dead at any moment around an approval or a deadline: nothing is swapped before its yes, nothing begins too late."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from rollout.core import event, fleet_event
from rollout.core.approvals import plan_digest
from rollout.core.command import Ask, Command, Verb
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.event import Entry
from rollout.core.names import RolloutId
from rollout.core.operation import SwapSlots
from rollout.core.result import Result
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.policy.load import load_policy
from rollout.simulation.world import Parts, World, carry_out

MakeWorld = Callable[..., World]
Recorded = Callable[..., list[Entry]]
OWN = RolloutId("web-2.4.1")
HEALTH = "health: {stable_duration: 10s, retry_timeout: 30s, interval: 5s}\nwalk: {bake_before_last: 0s}\n"
SWAP = """
rollout: web-2.4.1
change:
  upgrade: {{slot: staging, package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, label: web-2}}
  swap: {{bake: 20s}}
fleet: {{subscription: {subscription}, services: {{svc-0001: {{}}, svc-0002: {{}}}}}}
waves: [{{name: all, select: rest, max_parallel: 2, failure_tolerance: 1}}]
approve: {{by: leads, before: swap, within: 2h}}
{health}
"""
EVERY = 6
"""Every so many moments one death: the others differ only in which of the same appends was the last."""


@pytest.fixture
def swap(tmp_path: Path) -> Compiled:
    (tmp_path / "web.cscfg").write_bytes(configuration("web", "web-2", 2))
    (tmp_path / "policy.yaml").write_text(SWAP.format(subscription=SUBSCRIPTION, health=HEALTH))
    return compile_bundle(load_policy(tmp_path / "policy.yaml"))


def approving(plan: Compiled) -> Callable[[Parts], Awaitable[Result | None]]:
    async def script(parts: Parts) -> Result | None:
        word = Command("yes", Verb.APPROVE, "ann", "because", plan=plan_digest(plan.plan))
        await parts.engine.say(Ask(OWN, None, word))
        return await carry_out(parts, plan)

    return script


def test_dead_at_any_moment_around_an_approval_nothing_is_swapped_before_its_yes_and_each_once(
    make_world: MakeWorld, recorded: Recorded, swap: Compiled
) -> None:
    def world() -> World:
        made = World(make_world().make_kit, FleetPlan(2, 2, staging=True))
        made.groups = {"leads": ("ann",)}
        return made

    whole = world()
    waiting = whole.live(lambda parts: carry_out(parts, swap))
    going_on = whole.live(approving(swap))
    assert going_on.result is not None
    assert going_on.result.outcome == "succeeded"
    deaths = 0
    for life, moments in ((0, len(waiting.moments)), (1, len(going_on.moments))):
        for dies_at in range(1, moments, EVERY):
            tried = world()
            first = tried.live(lambda parts: carry_out(parts, swap), dies_at=dies_at if life == 0 else None)
            tried.pass_by(7.0)
            second = tried.live(approving(swap), dies_at=dies_at if life == 1 else None)
            tried.pass_by(7.0)
            tried.live(lambda parts: carry_out(parts, swap))
            third = tried.live(approving(swap)).result
            assert third is not None
            assert third.outcome == "succeeded", (life, dies_at, third)
            swaps = [each.service for each in tried.log() if each.verb == "swap"]
            assert sorted(swaps) == ["svc-0001", "svc-0002"], (life, dies_at)
            _yes_comes_before_every_swap(recorded(tried))
            deaths += first.killed + second.killed
    assert deaths > 10


def _yes_comes_before_every_swap(entries: Sequence[Entry]) -> None:
    facts = [entry.fact for entry in entries]
    (yes,) = [number for number, fact in enumerate(facts) if isinstance(fact, fleet_event.Approved)]
    swaps = [
        number
        for number, fact in enumerate(facts)
        if isinstance(fact, event.Intended) and isinstance(fact.operation, SwapSlots)
    ]
    assert swaps
    assert min(swaps) > yes


def test_dead_at_any_moment_around_a_deadline_nothing_begins_after_it_and_it_is_halted_once(
    make_world: MakeWorld, compiled: Callable[..., Compiled], recorded: Recorded
) -> None:
    plan = compiled(3, 2, parallel=1, more=f"{HEALTH}deadline: 3m\n")
    whole = make_world(3, 2)
    moments = len(whole.live(lambda parts: carry_out(parts, plan)).moments)
    deaths = 0
    for dies_at in range(1, moments):
        world = make_world(3, 2)
        died = world.live(lambda parts: carry_out(parts, plan), dies_at=dies_at)
        world.pass_by(20.0)
        result = world.live(lambda parts: carry_out(parts, plan)).result
        assert result is not None
        assert "the deadline" in result.reason, dies_at
        entries = recorded(world)
        opened = entries[0].now.wall
        begins = [entry.now.wall - opened for entry in entries if isinstance(entry.fact, event.Admitted)]
        assert not begins or max(begins) < 180.0
        halts = [entry for entry in entries if isinstance(entry.fact, fleet_event.Halted)]
        assert len(halts) == 1
        assert halts[0].now.wall - opened >= 180.0
        assert all(one.now.t <= other.now.t for one, other in pairwise(entries))
        deaths += died.killed
    assert deaths > 30
