"""Engine seconds go on where the journal ended, never go back, and cannot be outrun by a sleeper."""

import asyncio

import pytest

from rollout.core.names import Now
from rollout.engine.clock import EngineClock
from rollout.simulation.loop import elapsed, run


def test_engine_seconds_go_on_from_the_start_at_the_loops_pace() -> None:
    async def main() -> tuple[Now, Now]:
        clock = EngineClock.on_running_loop(500.0, lambda: 1_700_000_000.0)
        first = clock.now()
        await asyncio.sleep(60)
        return first, clock.now()

    assert run(main(), start=1e6) == (Now(500.0, 1_700_000_000.0), Now(560.0, 1_700_000_000.0))


def test_engine_seconds_never_go_back_even_if_the_monotonic_clock_does() -> None:
    readings = iter([10.0, 12.0, 11.0, 13.0])
    clock = EngineClock(0.0, lambda: next(readings), lambda: 0.0)
    assert [clock.now().t for _ in range(3)] == [2.0, 2.0, 3.0]


def test_wall_time_is_only_reported_and_may_jump_either_way() -> None:
    walls = iter([100.0, 50.0])
    clock = EngineClock(7.0, lambda: 0.0, lambda: next(walls))
    assert [clock.now(), clock.now()] == [Now(7.0, 100.0), Now(7.0, 50.0)]


def test_a_sleeper_wakes_at_its_engine_second() -> None:
    async def main() -> tuple[float, float]:
        clock = EngineClock.on_running_loop(1_000.0, lambda: 0.0)
        await clock.sleep_until(1_030.0)
        return clock.now().t, elapsed()

    assert run(main()) == (1_030.0, 30.0)


def test_sleeping_until_a_past_second_gives_others_a_turn_and_takes_no_time() -> None:
    async def main() -> tuple[list[str], float]:
        order: list[str] = []
        clock = EngineClock.on_running_loop(100.0, lambda: 0.0)
        asyncio.get_running_loop().call_soon(order.append, "other")
        await clock.sleep_until(3.0)
        order.append("sleeper")
        return order, elapsed()

    assert run(main()) == (["other", "sleeper"], 0.0)


@pytest.mark.parametrize("start", [0.0, 0.3, 1e6 + 0.1, 1e9])
@pytest.mark.parametrize("start_t", [0.0, 0.7, 123_456.789])
def test_rounding_neither_wakes_a_sleeper_early_nor_traps_it(start: float, start_t: float) -> None:
    async def main() -> float:
        clock = EngineClock.on_running_loop(start_t, lambda: 0.0)
        late = 0.0
        for step in range(1, 200):
            await clock.sleep_until(start_t + step * 0.1)
            late = max(late, clock.now().t - (start_t + step * 0.1))
            assert late >= 0
        return late

    assert run(main(), start=start) < 1e-5


def test_a_timer_calls_back_at_its_second_and_can_be_cancelled() -> None:
    async def main() -> list[float]:
        clock = EngineClock.on_running_loop(100.0, lambda: 0.0)
        called: list[float] = []
        clock.call_at(105.0, lambda: called.append(clock.now().t))
        clock.call_at(107.0, lambda: called.append(clock.now().t)).cancel()
        await asyncio.sleep(60)
        return called

    assert run(main()) == [105.0]
