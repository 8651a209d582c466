"""Services that swap together: nobody before its group is upgraded, all within the caps, all back if one goes back."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core.change_plan import Barrier
from rollout.core.command import Ask, Command, Verb
from rollout.core.names import RolloutId, ServiceName
from rollout.core.phase import SwapBaking
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.result import ExitCode, Result
from rollout.simulation.world import Parts, World, carry_out

ROLLOUT = RolloutId("web-2.4.1")
NAMES = ("svc-0001", "svc-0002", "svc-0003")
Script = Callable[[Parts, Any], Awaitable[Result | None]]


def told(
    lane: Any,
    barrier: Barrier,
    waves: Sequence[Sequence[str]],
    script: Script,
    *,
    together: bool = False,
    parallel: int = 1,
    faults: Sequence[dict[str, Any]] = (),
) -> tuple[Result | None, World]:
    """Upgrade every service on staging and swap it, wave after wave."""
    plans = []
    for name in NAMES:
        plan = lane.plan_of("staged_swap", service=name)
        plans.append(replace(plan, change=replace(plan.change, barrier=barrier, together=together)))
    compiled = lane.compiled(plans)
    own: RolloutPlan = compiled.plan
    planned = tuple(
        WavePlan(f"wave-{number}", tuple(map(ServiceName, names)), parallel, 2, strict=False)
        for number, names in enumerate(waves)
    )
    rollout = replace(compiled, plan=replace(own, waves=planned))
    world: World = lane.world("staged_swap", services=len(NAMES), faults=faults)
    life = world.live(lambda parts: script(parts, rollout))
    assert not life.killed
    return life.result, world


async def plainly(parts: Parts, rollout: Any) -> Result | None:
    return await carry_out(parts, rollout)


def order(world: World) -> list[tuple[str, str]]:
    return [(each.verb.value, each.service) for each in world.log() if each.verb in {"upgrade", "swap", "walk"}]


@pytest.mark.parametrize(
    ("barrier", "waves"), [(Barrier.WAVE, [NAMES]), (Barrier.ROLLOUT, [NAMES[:1], NAMES[1:2], NAMES[2:]])]
)
def test_nobody_swaps_before_everybody_of_its_group_is_upgraded(lane: Any, barrier: Barrier, waves: Any) -> None:
    result, world = told(lane, barrier, waves, plainly)
    assert result is not None
    assert result.code is ExitCode.AS_ALLOWED
    verbs = [verb for verb, _ in order(world)]
    assert verbs.count("swap") == len(NAMES)
    assert "swap" not in verbs[: -len(NAMES)]


def test_a_barrier_of_the_wave_lets_a_wave_swap_while_the_next_one_was_not_begun(lane: Any) -> None:
    _, world = told(lane, Barrier.WAVE, [NAMES[:1], NAMES[1:]], plainly)
    steps = order(world)
    assert steps.index(("swap", "svc-0001")) < steps.index(("upgrade", "svc-0002"))


def test_who_waits_at_the_barrier_leaves_its_room_to_who_has_still_to_come(lane: Any) -> None:
    _, world = told(lane, Barrier.WAVE, [NAMES], plainly, parallel=1)
    swaps = [each.at for each in world.log() if each.verb == "swap"]
    # One at a time through the swap as well: the second one waits for the first one's bake of a minute.
    assert all(later - earlier >= 60.0 for earlier, later in itertools.pairwise(swaps))


def test_who_failed_on_staging_is_not_waited_for(lane: Any) -> None:
    failing = [{"service": "svc-0002", "verb": "walk", "domain": 1, "effect": "fail"}]
    result, world = told(lane, Barrier.WAVE, [NAMES], plainly, parallel=3, faults=failing)
    assert result is not None
    assert result.outcome == "succeeded with failures"
    assert {service for verb, service in order(world) if verb == "swap"} == {"svc-0001", "svc-0003"}


def test_one_swap_that_goes_back_takes_the_whole_group_back_with_it(lane: Any) -> None:
    async def one_back(parts: Parts, rollout: Any) -> Result | None:
        running = asyncio.ensure_future(carry_out(parts, rollout))
        while (swapped := _in_swap_bake(parts)) is None:  # noqa: ASYNC110 - on virtual time a look costs nothing
            await asyncio.sleep(1.0)
        await parts.engine.say(Ask(ROLLOUT, swapped, Command("k", Verb.ROLLBACK, "ann", "it looks wrong")))
        return await running

    _, world = told(lane, Barrier.WAVE, [NAMES], one_back, together=True, parallel=3)
    for name in NAMES:
        assert lane.truth_of(world.fabric, name).names == {"production": "production", "staging": "staging"}
    assert [verb for verb, _ in order(world)].count("swap") == 2 * len(NAMES)


def _in_swap_bake(parts: Parts) -> ServiceName | None:
    if parts.kit.ledger.rollout(ROLLOUT) is None:
        return None
    states = parts.engine.services(ROLLOUT)
    swapped = [name for name, state in states.items() if isinstance(state.phase, SwapBaking)]
    return swapped[0] if len(swapped) == len(NAMES) else None
