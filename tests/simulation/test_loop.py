"""The virtual loop runs ordinary asyncio programs, and its time jumps exactly."""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncIterator

import pytest

from rollout.simulation.loop import VirtualLoop, VirtualLoopError, elapsed, run


def test_a_sleep_of_a_day_moves_virtual_time_by_exactly_a_day() -> None:
    async def main() -> tuple[float, float]:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time(), elapsed()

    assert run(main(), start=1_000.0) == (87_400.0, 86_400.0)


def test_time_stands_still_while_anything_can_run() -> None:
    async def main() -> float:
        asyncio.get_running_loop().call_later(1, lambda: None)
        for _ in range(100):
            await asyncio.sleep(0)
        return elapsed()

    assert run(main()) == 0


def test_sleepers_side_by_side_take_as_long_as_the_longest() -> None:
    async def main() -> tuple[list[float], float]:
        woke = []

        async def sleeper(seconds: float) -> None:
            await asyncio.sleep(seconds)
            woke.append(elapsed())

        async with asyncio.TaskGroup() as group:
            for seconds in (30, 0.5, 10):
                group.create_task(sleeper(seconds))
        return woke, elapsed()

    assert run(main()) == ([0.5, 10, 30], 30)


def test_handles_and_equal_timers_run_in_order_of_arrival() -> None:
    async def main() -> list[str]:
        order: list[str] = []
        loop = asyncio.get_running_loop()
        for number in range(20):
            loop.call_at(5.0, order.append, f"timer {number}")
            loop.call_soon(order.append, f"soon {number}")
        await asyncio.sleep(6)
        return order

    assert run(main()) == [f"soon {number}" for number in range(20)] + [f"timer {number}" for number in range(20)]


def test_a_timer_in_the_past_is_due_now_and_time_never_goes_back() -> None:
    async def main() -> float:
        await asyncio.sleep(100)
        called = asyncio.Event()
        asyncio.get_running_loop().call_at(3, called.set)
        await called.wait()
        return elapsed()

    assert run(main()) == 100


def test_a_cancelled_timer_neither_runs_nor_moves_time() -> None:
    async def main() -> tuple[float, list[str]]:
        called: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(5, called.append, "early").cancel()
        loop.call_later(50, called.append, "late").cancel()
        await asyncio.sleep(10)
        return elapsed(), called

    assert run(main()) == (10, [])


def test_a_call_cancelled_while_it_waits_for_its_turn_is_not_made() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        before = loop.steps
        loop.call_soon(pytest.fail, "called though cancelled").cancel()
        await asyncio.sleep(0)
        return loop.steps - before

    assert run(main()) == 1


def test_cancelled_timers_are_swept_before_they_pile_up() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for _ in range(10_000):
            loop.call_later(3_600, lambda: None).cancel()
        await asyncio.sleep(1)
        return len(loop._timers)

    assert run(main()) < 1_100


def test_a_sweep_in_the_middle_of_a_turn_loses_no_live_timer() -> None:
    async def main() -> list[int]:
        called: list[int] = []
        loop = asyncio.get_running_loop()
        for number in range(3_000):
            timer = loop.call_later(3_000 - number, called.append, number)
            if number % 2:
                timer.cancel()
        await asyncio.sleep(4_000)
        return called

    assert run(main()) == list(range(2_998, -1, -2))


def test_a_timer_at_infinity_never_comes_and_one_at_nan_is_refused() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_at(math.inf, lambda: pytest.fail("infinity came"))
        with pytest.raises(ValueError, match="NaN"):
            loop.call_at(math.nan, lambda: None)
        await asyncio.sleep(7)
        return elapsed()

    assert run(main()) == 7


def test_timeout_queue_lock_and_event_work_as_in_real_time() -> None:
    async def main() -> list[object]:
        seen: list[object] = []
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
        lock, done = asyncio.Lock(), asyncio.Event()

        async def produce() -> None:
            for number in range(3):
                await asyncio.sleep(2)
                async with lock:
                    await queue.put(number)
            done.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(produce())
            seen.extend([(await queue.get(), elapsed()) for _ in range(3)])
            await done.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        seen.append(elapsed())
        return seen

    assert run(main()) == [(0, 2), (1, 4), (2, 6), 36]


def test_a_failing_task_cancels_its_group_at_that_very_second() -> None:
    async def main() -> float:
        async def fail() -> None:
            await asyncio.sleep(5)
            raise ValueError("five")

        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                group.create_task(asyncio.sleep(1_000))

        with pytest.raises(ExceptionGroup) as caught:
            await work()
        assert caught.group_contains(ValueError, match="five")
        return elapsed()

    assert run(main()) == 5


def test_async_generators_are_closed_when_the_run_ends() -> None:
    closed: list[str] = []

    async def ticks() -> AsyncIterator[int]:
        try:
            for number in range(10):
                yield number
                await asyncio.sleep(1)
        finally:
            closed.append("closed")

    kept = ticks()

    async def main() -> int:
        return await anext(kept)

    assert run(main()) == 0
    assert closed == ["closed"]


def test_leftover_tasks_are_cancelled_and_may_say_their_last_words() -> None:
    words: list[str] = []

    async def linger() -> None:
        try:
            await asyncio.sleep(1_000)
        finally:
            words.append(f"cancelled at {elapsed()}")

    async def main() -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(linger())
        await asyncio.sleep(3)
        return task

    assert run(main()).cancelled()
    assert words == ["cancelled at 3.0"]


def test_two_runs_name_their_unnamed_tasks_alike() -> None:
    async def main() -> list[str]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(1)) for _ in range(2)]
            tasks.append(group.create_task(asyncio.sleep(1), name="walk web-01"))
        return [task.get_name() for task in tasks]

    assert run(main()) == run(main()) == ["task-2", "task-3", "walk web-01"]


def test_a_subclass_may_choose_another_order_of_the_same_handles() -> None:
    class Backwards(VirtualLoop):
        def choose(self, runnable: deque[asyncio.Handle]) -> asyncio.Handle:
            return runnable.pop()

    order: list[int] = []
    with asyncio.Runner(loop_factory=Backwards) as runner:

        async def main() -> None:
            for number in range(3):
                asyncio.get_running_loop().call_soon(order.append, number)
            await asyncio.sleep(1)

        runner.run(main())
    assert order == [2, 1, 0]


def test_a_run_inside_a_run_is_refused_plainly() -> None:
    async def main() -> None:
        run(asyncio.sleep(1))

    with pytest.raises(VirtualLoopError, match="await the coroutine instead"):
        run(main())


def test_elapsed_on_a_real_loop_is_refused_plainly() -> None:
    async def main() -> float:
        return elapsed()

    with pytest.raises(VirtualLoopError, match="runs on real ones"):
        asyncio.run(main())


def test_a_closed_loop_takes_no_more_work() -> None:
    loop = VirtualLoop()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, lambda: None)
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_in_executor(None, pytest.fail, "work was done on a closed loop")
