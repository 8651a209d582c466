"""A runner's turn: its place in line survives, a permit may be kept for one more look, and none is left behind."""

import asyncio
from collections.abc import Callable

import pytest

from rollout.core import event
from rollout.core.compile import Compiled
from rollout.core.event import Entry
from rollout.core.result import Result
from rollout.engine.clock import EngineClock
from rollout.engine.pacer import Kind, Lane, Pace, Pacer
from rollout.engine.turn import KEPT_S_MAX, Turn
from rollout.simulation.loop import elapsed, run
from rollout.simulation.world import Parts, World, carry_out

SLOW = Pace(start=0.1, floor=0.1, ceiling=0.1, rise=0.0)
FAR = float("inf")


def make() -> tuple[Pacer, Turn]:
    pacer = Pacer(EngineClock.on_running_loop(0.0, lambda: 0.0), reads=SLOW, writes=SLOW)
    for kind in Kind:
        while pacer.try_permit("sub", kind, Lane.GOING_BACK):
            pass
    return pacer, Turn(pacer, "web")


async def to_call(turn: Turn, until_t: float = FAR, news: asyncio.Future[None] | None = None) -> bool:
    news = news or asyncio.get_running_loop().create_future()
    return await turn.to_call("sub", Lane.GOING_BACK, repeat=False, until_t=until_t, news=news)


def test_a_permit_that_is_kept_serves_the_next_call_without_waiting() -> None:
    async def main() -> tuple[bool, float, bool]:
        _, turn = make()
        await to_call(turn)
        await asyncio.sleep(5)
        again = await to_call(turn)
        at = elapsed()
        turn.use()
        return again, round(at, 3), turn.keeps

    assert run(main()) == (True, 15.0, False)


def test_a_permit_kept_for_too_long_is_given_back_and_waited_for_anew() -> None:
    async def main() -> float:
        pacer, turn = make()
        await to_call(turn)
        await asyncio.sleep(KEPT_S_MAX + 1)
        while pacer.try_permit("sub", Kind.WRITE, Lane.GOING_BACK):
            pass
        await to_call(turn)
        return elapsed()

    assert run(main()) == pytest.approx(10 + KEPT_S_MAX + 1)


def test_no_kept_permit_cuts_a_retry_after_short() -> None:
    async def main() -> float:
        pacer, turn = make()
        await to_call(turn)
        pacer.throttled("sub", Kind.WRITE, 60.0)
        await to_call(turn)
        return elapsed()

    assert run(main()) >= 70.0


def test_whoever_gives_up_waiting_keeps_the_place_in_the_line() -> None:
    async def main() -> list[str]:
        pacer, turn = make()
        order: list[str] = []

        async def other() -> None:
            await pacer.permit("sub", Kind.WRITE, Lane.GOING_BACK)
            order.append("other")

        assert not await to_call(turn, until_t=2.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(other())
            await asyncio.sleep(0)
            assert await to_call(turn)
            order.append("turn")
        return order

    assert run(main()) == ["turn", "other"]


def test_news_ends_the_wait_and_leaves_no_wish() -> None:
    async def main() -> tuple[bool, int]:
        pacer, turn = make()
        news = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1, news.set_result, None)
        got = await to_call(turn, news=news)
        return got, sum(sum(each.waiting.values()) for each in pacer.standings())

    assert run(main()) == (False, 0)


def test_several_looks_are_all_had_or_none() -> None:
    async def main() -> tuple[bool, bool, float]:
        pacer, turn = make()
        some = await turn.to_look("sub", Lane.GOING_BACK, 3, until_t=25.0)
        left = pacer.try_permit("sub", Kind.READ, Lane.GOING_BACK) and pacer.try_permit(
            "sub", Kind.READ, Lane.GOING_BACK
        )
        none = await turn.to_look("sub", Lane.GOING_BACK, 0, until_t=25.0)
        assert none
        return some, left, elapsed()

    assert run(main()) == (False, True, 25.0)


def test_what_is_waited_for_is_said_while_it_is() -> None:
    async def main() -> list[str]:
        _, turn = make()
        said = [turn.waiting_for]
        waiting = asyncio.create_task(to_call(turn))
        await asyncio.sleep(4)
        said.append(turn.waiting_for)
        await waiting
        return [*said, turn.waiting_for]

    assert run(main()) == [
        "",
        "has waited 4 s for its turn to write: sub passes 0.1 reads/s, and 0.1 writes/s; 1 waits",
        "",
    ]


def test_a_fleet_in_a_slow_line_looks_at_most_twice_before_each_call(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    services = 20
    plan, world = compiled(services, 2), make_world(services, 2)

    async def slowly(parts: Parts) -> Result | None:
        pacer = parts.kit.pacer
        pacer._paces[Kind.WRITE] = Pace(start=0.02, floor=0.02, ceiling=0.02, rise=0.0)
        return await carry_out(parts, plan)

    life = world.live(slowly)
    assert life.result is not None
    assert life.result.outcome == "succeeded"
    entries = recorded(world)
    calls = [entry for entry in entries if isinstance(entry.fact, event.Intended)]
    clear = [entry for entry in entries if getattr(entry.fact, "finding", "") == "clear"]
    assert len(calls) == services * 3
    assert len(clear) <= 2 * len(calls)
