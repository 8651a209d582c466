"""What goes wrong under virtual time ends in an error that says where, never in a hang or a silence."""

import asyncio
import gc
import itertools

import pytest

from rollout.errors import InvariantBroken
from rollout.simulation.loop import CLEANUP_STEPS_MAX, Deadlock, StepsExhausted, VirtualLoop, VirtualLoopError, run


def test_a_deadlock_names_the_time_the_tasks_and_their_places() -> None:
    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.sleep(90)
        async with asyncio.TaskGroup() as group:
            group.create_task(wait_for_ever(), name="walk web-01")
            group.create_task(wait_for_ever(), name="walk web-02")

    with pytest.raises(
        Deadlock, match=r"virtual time 90 s.*task-1 .*walk web-01 \(Event\.wait line \d+\), walk web-02"
    ):
        run(main())


def test_a_deadlock_of_many_tasks_names_some_and_counts_the_rest() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(asyncio.Event().wait())

    with pytest.raises(Deadlock, match=r"task-20 \([^)]*\) and 31 more$"):
        run(main())


def test_a_timer_at_infinity_does_not_hide_a_deadlock() -> None:
    async def main() -> None:
        await asyncio.sleep(float("inf"))

    with pytest.raises(Deadlock, match="virtual time 0 s"):
        run(main())


def test_a_cancelled_timer_does_not_move_the_time_of_a_deadlock() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_later(50, print).cancel()
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="virtual time 0 s"):
        run(main())


def test_tasks_still_get_their_last_words_after_a_deadlock() -> None:
    words: list[str] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(5)
            words.append("done")

    with pytest.raises(Deadlock):
        run(main())
    assert words == ["done"]


def test_a_livelock_ends_with_the_step_budget() -> None:
    async def main() -> None:
        for _ in itertools.count():
            await asyncio.sleep(0)

    with pytest.raises(StepsExhausted, match=r"more than 1000 steps, at virtual time 0 s.*task-1"):
        run(main(), steps_max=1_000)


def test_a_ticking_clock_does_not_hide_a_program_that_waits_for_ever() -> None:
    async def main() -> None:
        async def tick() -> None:
            for _ in itertools.count():
                await asyncio.sleep(1)

        async with asyncio.TaskGroup() as group:
            group.create_task(tick(), name="ticker")
            await asyncio.Event().wait()

    with pytest.raises(StepsExhausted, match="ticker"):
        run(main(), steps_max=1_000)


def test_a_task_that_swallows_its_cancellation_cannot_hold_the_cleanup() -> None:
    loops: list[VirtualLoop] = []

    async def stubborn() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loops.append(loop)
        while loop.steps < 2 * CLEANUP_STEPS_MAX:
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                continue

    async def main() -> None:
        asyncio.get_running_loop().create_task(stubborn())
        await asyncio.sleep(1)

    with pytest.raises(StepsExhausted):
        run(main(), steps_max=500)
    assert loops[0].steps == 500 + CLEANUP_STEPS_MAX
    assert loops[0].is_closed()


def test_a_budget_that_just_suffices_is_enough() -> None:
    async def main() -> str:
        for _ in range(7):
            await asyncio.sleep(0)
        return "done"

    with pytest.raises(StepsExhausted):
        run(main(), steps_max=7)
    assert run(main(), steps_max=9) == "done"


def test_an_error_in_a_task_nobody_awaits_is_raised_at_the_end() -> None:
    ended: list[str] = []

    async def fail() -> None:
        raise ValueError("unseen")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        kept = loop.create_task(fail())
        loop.create_task(fail())  # noqa: RUF006 -- forgotten on purpose: the garbage collector reports this one
        await asyncio.sleep(10)
        gc.collect()
        ended.append(str(kept.done()))

    with pytest.raises(ExceptionGroup, match="nobody looked at") as caught:
        run(main())
    assert [str(error) for error in caught.value.exceptions] == ["unseen", "unseen"]
    assert ended == ["True"]


def test_an_error_in_a_callback_is_raised_at_the_end() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_later(1, int, "no number")
        await asyncio.sleep(2)

    with pytest.raises(ExceptionGroup) as caught:
        run(main())
    assert caught.group_contains(ValueError, match="no number")


def test_an_error_during_cleanup_is_raised_at_the_end() -> None:
    async def linger() -> None:
        try:
            await asyncio.sleep(1_000)
        finally:
            raise ValueError("last words")

    async def main() -> None:
        asyncio.get_running_loop().create_task(linger())
        await asyncio.sleep(1)

    with pytest.raises(ExceptionGroup) as caught:
        run(main())
    assert [str(error) for error in caught.value.exceptions] == ["last words"]


def test_an_error_that_was_awaited_and_handled_is_not_raised_again() -> None:
    async def fail() -> None:
        raise ValueError("seen")

    async def main() -> str:
        task = asyncio.get_running_loop().create_task(fail())
        with pytest.raises(ValueError, match="seen"):
            await task
        return "handled"

    assert run(main()) == "handled"


def test_an_unseen_error_becomes_a_note_on_the_error_of_main() -> None:
    async def fail() -> None:
        raise ValueError("unseen")

    async def main() -> None:
        kept = asyncio.get_running_loop().create_task(fail())
        await asyncio.sleep(1)
        raise KeyError(kept.get_name())

    with pytest.raises(KeyError) as caught:
        run(main())
    assert caught.value.__notes__ == ["nobody looked at this error either: ValueError('unseen')"]


def test_a_complaint_without_an_exception_is_raised_too() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "a transport was left open"})

    with pytest.raises(ExceptionGroup) as caught:
        run(main())
    assert caught.group_contains(VirtualLoopError, match="a transport was left open")


def test_an_unseen_error_is_handed_out_once() -> None:
    loop = VirtualLoop()
    loop.call_exception_handler({"message": "a transport was left open"})
    assert [str(error) for error in loop.take_unseen()] == ["a transport was left open"]
    assert loop.take_unseen() == []
    loop.close()


def test_a_handler_that_logs_and_goes_on_hides_nothing() -> None:
    heard: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: heard.append(str(context["exception"])))
        loop.call_soon(int, "no number")
        await asyncio.sleep(1)

    with pytest.raises(ExceptionGroup) as caught:
        run(main())
    assert caught.group_contains(ValueError, match="no number")
    assert heard == ["invalid literal for int() with base 10: 'no number'"]


def test_an_interrupt_in_any_task_ends_the_run_at_once() -> None:
    async def interrupt() -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(interrupt())
            await asyncio.sleep(1_000)

    with pytest.raises(KeyboardInterrupt) as caught:
        run(main())
    assert not hasattr(caught.value, "__notes__")


def test_the_errors_of_the_loop_are_our_own_mistakes() -> None:
    assert issubclass(Deadlock, InvariantBroken)
    assert issubclass(StepsExhausted, InvariantBroken)
