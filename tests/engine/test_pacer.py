"""Who waits is served by importance, then by arrival; a scope in trouble is alone with it; nobody leaves a trace."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.engine import pacer as module
from rollout.engine.clock import EngineClock
from rollout.engine.pacer import Kind, Lane, Pace, Pacer, jitter
from rollout.errors import InvariantBroken
from rollout.simulation.loop import Deadlock, elapsed, run

ONE_A_SECOND = Pace(start=1.0, floor=0.25, ceiling=1.0, rise=0.0)


def make(pace: Pace = ONE_A_SECOND) -> Pacer:
    return Pacer(EngineClock.on_running_loop(0.0, lambda: 0.0), reads=pace, writes=pace)


def drain(pacer: Pacer, scope: str = "sub") -> None:
    while pacer.try_permit(scope, Kind.READ, Lane.GOING_BACK):
        pass


async def served(pacer: Pacer, wishes: list[tuple[str, Lane]]) -> list[tuple[str, float]]:
    """Wait for all wishes, begun in this order; give the names and seconds in the order of service."""
    order: list[tuple[str, float]] = []

    async def wait(name: str, lane: Lane) -> None:
        await pacer.permit("sub", Kind.READ, lane)
        order.append((name, round(elapsed(), 3)))

    async with asyncio.TaskGroup() as group:
        for name, lane in wishes:
            group.create_task(wait(name, lane))
    return order


def test_permits_come_at_once_while_there_is_stock_and_then_at_the_rate() -> None:
    async def main() -> list[float]:
        return [second for _, second in await served(make(), [(str(n), Lane.FORWARD) for n in range(7)])]

    assert run(main()) == [0, 0, 0, 0, 1, 2, 3]


def test_the_more_important_lane_goes_first_and_a_lane_keeps_its_order() -> None:
    async def main() -> list[str]:
        pacer = make()
        drain(pacer)
        wishes = [(f"{lane.name} {n}", lane) for n in range(2) for lane in Lane]
        return [name for name, _ in await served(pacer, wishes)]

    assert run(main()) == [f"{lane.name} {n}" for lane in sorted(Lane, reverse=True) for n in range(2)]


def test_going_back_finds_its_permit_at_once_under_a_flood_of_forward() -> None:
    async def main() -> float:
        pacer = make()

        async def flood() -> None:
            while True:
                await pacer.permit("sub", Kind.READ, Lane.FORWARD)

        async with asyncio.TaskGroup() as group:
            floods = [group.create_task(flood()) for _ in range(50)]
            await asyncio.sleep(1_000.5)
            began = elapsed()
            await pacer.permit("sub", Kind.READ, Lane.GOING_BACK)
            waited = elapsed() - began
            for task in floods:
                task.cancel()
        return waited

    assert run(main()) == 0


def test_nobody_overtakes_an_equal_who_waits_already() -> None:
    async def main() -> tuple[bool, bool]:
        pacer = make()
        drain(pacer)
        pacer.ask("sub", Kind.READ, Lane.URGENT, lambda: None)
        pacer.give_back("sub", Kind.READ)
        pacer.give_back("sub", Kind.READ)
        equal = pacer.try_permit("sub", Kind.READ, Lane.URGENT)
        return equal, pacer.try_permit("sub", Kind.READ, Lane.LOOK_BEFORE_WRITE)

    assert run(main()) == (False, True)


def test_a_wish_is_granted_in_a_later_turn_never_inside_ask() -> None:
    async def main() -> list[str]:
        pacer, order = make(), []
        pacer.ask("sub", Kind.READ, Lane.FORWARD, lambda: order.append("granted"))
        order.append("asked")
        await asyncio.sleep(1)
        return order

    assert run(main()) == ["asked", "granted"]


def test_one_throttled_scope_delays_no_other_scope_and_no_writes() -> None:
    async def main() -> tuple[float, float]:
        pacer = make()
        pacer.throttled("slow", Kind.READ, 120.0)
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(pacer.permit("slow", Kind.READ, Lane.GOING_BACK))
            await pacer.permit("quick", Kind.READ, Lane.LISTING)
            await pacer.permit("slow", Kind.WRITE, Lane.LISTING)
            others = elapsed()
            await slow
        return others, round(elapsed(), 3)

    assert run(main()) == (0.0, 122.0)


def test_throttling_makes_those_who_wait_already_wait_longer() -> None:
    async def main() -> float:
        pacer = make()
        drain(pacer)
        async with asyncio.TaskGroup() as group:
            group.create_task(pacer.permit("sub", Kind.READ, Lane.GOING_BACK))
            await asyncio.sleep(0.5)
            pacer.throttled("sub", Kind.READ)
        return elapsed()

    assert run(main()) == pytest.approx(2.5)  # half a permit was lost, a whole one is earned at half the rate


def test_a_cancelled_waiter_gives_its_turn_to_the_next() -> None:
    async def main() -> tuple[list[str], float]:
        pacer, order = make(), []
        drain(pacer)

        async def wait(name: str) -> None:
            await pacer.permit("sub", Kind.READ, Lane.GOING_BACK)
            order.append(name)

        async with asyncio.TaskGroup() as group:
            first = group.create_task(wait("first"))
            group.create_task(wait("second"))
            await asyncio.sleep(0.5)
            first.cancel()
        return order, round(elapsed(), 3)

    assert run(main()) == (["second"], 1.0)


@pytest.mark.parametrize("cancelled_first", [True, False])
def test_a_waiter_cancelled_in_the_very_turn_of_its_grant_gives_the_permit_back(*, cancelled_first: bool) -> None:
    async def main() -> tuple[bool, float]:
        pacer, loop = make(), asyncio.get_running_loop()
        drain(pacer)
        waiters: list[asyncio.Task[None]] = []

        def cancel() -> None:
            waiters[0].cancel()

        async with asyncio.TaskGroup() as group:
            # Timers of one second run in the order of their making, and the waiter itself only after both.
            if cancelled_first:
                loop.call_at(1.0, cancel)
            waiters.append(group.create_task(pacer.permit("sub", Kind.READ, Lane.GOING_BACK)))
            await asyncio.sleep(0)
            if not cancelled_first:
                loop.call_at(1.0, cancel)
        await pacer.permit("sub", Kind.READ, Lane.GOING_BACK)
        return waiters[0].cancelled(), elapsed()

    assert run(main()) == (True, 1.0)


def test_no_timer_is_left_once_nobody_waits() -> None:
    async def main() -> None:
        pacer = make()
        drain(pacer)
        wish = pacer.ask("sub", Kind.READ, Lane.FORWARD, lambda: pytest.fail("granted after its cancel"))
        wish.cancel()
        wish.cancel()
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="at virtual time 0 s"):
        run(main())


def test_a_queue_beyond_its_limit_is_our_own_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        pacer = make()
        drain(pacer)
        for _ in range(4):
            pacer.ask("sub", Kind.READ, Lane.FORWARD, lambda: None)

    monkeypatch.setattr(module, "WAITING_MAX", 3)
    with pytest.raises(InvariantBroken, match="more than 3 permits"):
        run(main())


def test_the_learned_rate_is_told_for_each_scope_and_kind() -> None:
    async def main() -> list[float]:
        pacer = make()
        pacer.throttled("a", Kind.READ)
        return [pacer.rate("a", Kind.READ), pacer.rate("a", Kind.WRITE), pacer.rate("b", Kind.READ)]

    assert run(main()) == [0.5, 1.0, 1.0]


@given(attempt=st.integers(0, 5_000), draw=st.floats(0, 1, exclude_max=True))
def test_jitter_lies_between_nought_and_the_doubled_base_and_never_above_the_cap(attempt: int, draw: float) -> None:
    assert 0 <= jitter(attempt, draw) <= min(30.0, 0.5 * 2.0 ** min(attempt, 20))


def test_jitter_doubles_its_reach_with_each_failure_up_to_the_cap() -> None:
    assert [jitter(attempt, 0.5) for attempt in range(8)] == [0.25, 0.5, 1, 2, 4, 8, 15, 15]
    assert jitter(attempt=1, draw=0.5, base_s=2.0, cap_s=3.0) == 1.5
