"""Who waits is served by importance, then by arrival; a scope in trouble is alone with it; nobody leaves a trace."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.engine import queue as module
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


# --- who waits longest, repeats and outages ---


def test_within_a_lane_who_has_waited_longest_goes_first_even_after_leaving_the_line() -> None:
    async def main() -> list[str]:
        pacer, order = make(), []
        drain(pacer)

        async def wait(name: str, since_t: float | None) -> None:
            await pacer.permit("sub", Kind.READ, Lane.URGENT, since_t=since_t)
            order.append(name)

        await asyncio.sleep(0)
        async with asyncio.TaskGroup() as group:
            group.create_task(wait("first", None))
            group.create_task(wait("second", None))
            group.create_task(wait("back again", -5.0))
        return order

    assert run(main()) == ["back again", "first", "second"]


def spend(pacer: Pacer, kind: Kind = Kind.WRITE) -> None:
    while pacer.may_repeat("sub", kind, Lane.FORWARD):
        pass


PLENTY = Pace(start=100.0, floor=1.0, ceiling=100.0, rise=0.0)


def test_a_repeat_without_budget_waits_and_lets_first_tries_and_going_back_pass() -> None:
    async def main() -> list[tuple[str, float]]:
        pacer, order = make(PLENTY), []
        spend(pacer)

        async def wait(name: str, lane: Lane, *, repeat: bool) -> None:
            await pacer.permit("sub", Kind.WRITE, lane, repeat=repeat)
            order.append((name, round(elapsed(), 1)))

        async with asyncio.TaskGroup() as group:
            group.create_task(wait("urgent repeat", Lane.URGENT, repeat=True))
            await asyncio.sleep(0)
            group.create_task(wait("first try", Lane.FORWARD, repeat=False))
            group.create_task(wait("going back", Lane.GOING_BACK, repeat=True))
        return order

    assert run(main()) == [("first try", 0.0), ("going back", 0.0), ("urgent repeat", 60.0)]


def test_the_more_important_repeat_gets_the_budget_first() -> None:
    async def main() -> list[str]:
        pacer, order = make(PLENTY), []
        spend(pacer)

        async def wait(lane: Lane) -> None:
            await pacer.permit("sub", Kind.WRITE, lane, repeat=True)
            order.append(lane.name)

        async with asyncio.TaskGroup() as group:
            for lane in (Lane.LISTING, Lane.FORWARD, Lane.NEAR_DEADLINE, Lane.URGENT):
                group.create_task(wait(lane))
        return order

    assert run(main()) == ["URGENT", "NEAR_DEADLINE", "FORWARD", "LISTING"]


def test_a_whole_fleet_that_waits_for_repeats_is_let_go_at_the_bucket_s_pace_once_they_are_answered() -> None:
    async def main() -> float:
        pacer = make(PLENTY)
        spend(pacer)

        async def again() -> None:
            await pacer.permit("sub", Kind.WRITE, Lane.FORWARD, repeat=True)
            await asyncio.sleep(0.3)
            pacer.repay("sub", Kind.WRITE)

        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(again())
        return elapsed()

    assert 60 < run(main()) < 60 + 100 * 0.3 + 1


async def total_outage(pacer: Pacer, asks: int, lane: Lane, answers_in_s: float = 0.5) -> int:
    """Ask from so many sides for ten minutes while nothing is answered; give the calls that were let through."""
    calls = 0

    async def side() -> None:
        nonlocal calls
        while True:
            await pacer.permit("sub", Kind.READ, lane)
            calls += 1
            asked_t = pacer.now_t()
            await asyncio.sleep(answers_in_s)
            pacer.answered("sub", Kind.READ, asked_t, ok=False)

    async with asyncio.TaskGroup() as group:
        sides = [group.create_task(side()) for _ in range(asks)]
        await asyncio.sleep(600)
        for each in sides:
            each.cancel()
    return calls


def test_in_a_total_outage_one_call_every_ten_seconds_tries_the_endpoint() -> None:
    async def main() -> int:
        return await total_outage(make(PLENTY), 200, Lane.FORWARD)

    assert run(main()) <= 200 + 600 / 10.5


def test_going_back_waits_for_no_breaker_and_its_answer_lets_everybody_on() -> None:
    async def main() -> tuple[float, float]:
        pacer = make(PLENTY)
        for _ in range(20):
            pacer.answered("sub", Kind.WRITE, 0.0, ok=False)
        await pacer.permit("sub", Kind.WRITE, Lane.GOING_BACK)
        back_t = elapsed()
        asyncio.get_running_loop().call_later(3.0, lambda: pacer.answered("sub", Kind.WRITE, 0.0, ok=True))
        await pacer.permit("sub", Kind.WRITE, Lane.LISTING)
        return back_t, round(elapsed(), 3)

    assert run(main()) == (0.0, 3.0)


def test_an_unused_trial_goes_to_the_next_in_line() -> None:
    async def main() -> float:
        pacer = make(PLENTY)
        for _ in range(20):
            pacer.answered("sub", Kind.WRITE, 0.0, ok=False)
        await pacer.permit("sub", Kind.WRITE, Lane.FORWARD)
        asyncio.get_running_loop().call_later(1.0, lambda: pacer.give_back("sub", Kind.WRITE))
        await pacer.permit("sub", Kind.WRITE, Lane.FORWARD)
        return round(elapsed(), 3)

    assert run(main()) == 11.0


def test_an_open_breaker_and_a_spent_budget_of_one_scope_delay_no_other() -> None:
    async def main() -> float:
        pacer = make(PLENTY)
        spend(pacer)
        for _ in range(20):
            pacer.answered("sub", Kind.WRITE, 0.0, ok=False)
        for _ in range(50):
            await pacer.permit("other", Kind.WRITE, Lane.LISTING)
        for _ in range(5):
            await pacer.permit("other", Kind.WRITE, Lane.LISTING, repeat=True)
        await pacer.permit("sub", Kind.READ, Lane.LISTING)
        return elapsed()

    assert run(main()) == 0.0


def test_how_a_scope_stands_is_said_in_one_sentence() -> None:
    async def main() -> list[str]:
        pacer = make(Pace(start=7.6, floor=1.0, ceiling=8.0, rise=0.0))
        said = [pacer.why("sub")]
        drain(pacer)
        said.append(pacer.why("sub"))
        pacer.throttled("sub", Kind.READ)
        for _ in range(2):
            pacer.ask("sub", Kind.READ, Lane.FORWARD, lambda: None)
        pacer.ask("sub", Kind.WRITE, Lane.FORWARD, lambda: None)
        await asyncio.sleep(0)
        wish = pacer.ask("sub", Kind.READ, Lane.FORWARD, lambda: None, crowd=lambda lane: 12 * (lane is Lane.FORWARD))
        said.append(pacer.why("sub"))
        wish.cancel()
        for _ in range(20):
            pacer.answered("sub", Kind.WRITE, 0.0, ok=False)
        said.append(pacer.why("sub"))
        return said

    assert run(main()) == [
        "sub passes anything: nobody has asked yet",
        "sub passes 7.6 reads/s",
        "sub passes 3.8 reads/s (throttled 0 s ago); 14 wait, and 7.6 writes/s; 1 waits",
        (
            "sub passes 3.8 reads/s (throttled 0 s ago); 2 wait, and 7.6 writes/s "
            "(it does not answer, so one call at a time is tried); 1 waits"
        ),
    ]


def test_what_is_said_names_only_scopes_where_somebody_waits() -> None:
    async def main() -> None:
        clock = EngineClock.on_running_loop(0.0, lambda: 0.0)
        pacer = Pacer(clock, Pace(start=1.0, floor=0.1, ceiling=1.0, rise=0.0))
        await pacer.permit("calm", Kind.READ, Lane.FORWARD)
        assert pacer.said() == ""
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(pacer.permit("busy", Kind.READ, Lane.FORWARD), name=f"wait {number}")
            await asyncio.sleep(0.01)
            assert pacer.said() == "busy passes 1 reads/s; 8 wait"
        assert pacer.said() == ""

    run(main())
