"""The same seed is the same run: in another process, with other hashes of strings, and without asserts."""

import asyncio
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from rollout.simulation.choice import Draws, SeededLoop
from rollout.simulation.play import play
from rollout.simulation.stage import LaneName, Stage
from rollout.simulation.trace import Trace

SEEDS = {LaneName.DIRECT: range(100, 106), LaneName.HTTP: range(100, 103)}
PROGRAM = """
import functools, sys
from pathlib import Path
from rollout.assembly import make_kit
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation.play import play
from rollout.simulation.stage import LaneName, staged
from rollout.simulation.weather import Profile
cases = Path(sys.argv[1])
kit = functools.partial(make_kit, RunSettings("https://rehearsal.invalid", cases))
lane = LaneName(sys.argv[2])
stage = staged(load_policy(cases / "wide.yaml"), kit, Profile.STORM, domains=2, instances=2, lane=lane)
print(*(play(stage, int(seed)).trace for seed in sys.argv[3:]))
"""


def traces(lane: LaneName, flags: tuple[str, ...], hash_seed: str) -> list[str]:
    words = (str(Path(__file__).parent / "cases"), lane, *map(str, SEEDS[lane]))
    command = [sys.executable, *flags, "-c", PROGRAM, *words]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter
    return done.stdout.split()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("lane", LaneName)
@pytest.mark.parametrize(("flags", "hash_seed"), [((), "1"), ((), "random"), (("-O",), "2")])
def test_a_seed_gives_the_same_trace_in_every_process(
    stage_of: Callable[..., Stage], lane: LaneName, flags: tuple[str, ...], hash_seed: str
) -> None:
    stage = stage_of("wide", domains=2, lane=lane)
    here = [play(stage, seed).trace for seed in SEEDS[lane]]
    assert traces(lane, flags, hash_seed) == here
    assert len(set(here)) == len(SEEDS[lane])


def test_a_trace_tells_runs_apart_by_step_by_time_and_by_effect() -> None:
    def trace(*steps: tuple[int, int, float], effect: str = "") -> str:
        found = Trace()
        for step in steps:
            found.step(*step)
        found.effect(effect)
        return found.value

    alike = trace((2, 0, 1.0), (1, 0, 1.0))
    assert alike == trace((2, 0, 1.0), (1, 0, 1.0))
    assert len({alike, trace((2, 1, 1.0), (1, 0, 1.0)), trace((2, 0, 1.5), (1, 0, 1.5))}) == 3
    assert alike != trace((2, 0, 1.0), (1, 0, 1.0), effect="walk")
    assert len(alike) == 16


def test_only_steps_of_tasks_are_taken_out_of_turn() -> None:
    async def step(order: list[str], name: str) -> None:
        order.append(name)

    def run(seed: int) -> list[str]:
        order: list[str] = []

        async def main() -> None:
            loop = asyncio.get_running_loop()
            tasks = []
            for number in range(4):
                tasks.append(loop.create_task(step(order, f"task {number}")))
                loop.call_soon(order.append, f"plain {number}")
            await asyncio.gather(*tasks)
            await asyncio.sleep(1)

        with asyncio.Runner(loop_factory=lambda: SeededLoop(seed, Trace())) as runner:
            runner.run(main())
        return order

    orders = [run(seed) for seed in range(20)]
    assert len({tuple(order) for order in orders}) > 10
    assert orders == [run(seed) for seed in range(20)]
    for order in orders:
        assert [each for each in order if each.startswith("plain")] == [f"plain {number}" for number in range(4)]


def test_a_loop_dies_in_place_of_the_step_it_was_told() -> None:
    taken: list[int] = []
    loop = SeededLoop(1, Trace())
    for number in range(10):
        loop.call_soon(taken.append, number)
    loop.die_at(4, loop.stop)
    loop.run_forever()
    loop.close()
    assert taken == [0, 1, 2, 3]


def test_draws_stay_below_their_limit_and_reach_every_value() -> None:
    draws = Draws(7)
    assert {draws.below(5) for _ in range(200)} == set(range(5))


def test_a_single_runnable_handle_needs_no_draw() -> None:
    loop = SeededLoop(1, Trace())
    handle = asyncio.Handle(lambda: None, (), loop)
    assert loop.choose(deque([handle])) is handle
    loop.close()
