"""Exchanges are heard at once, written together a moment later, and lost rather than waited for."""

from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from rollout.core.names import RolloutId, StreamName
from rollout.core.witnessed import Witnessed
from rollout.engine.clock import EngineClock
from rollout.engine.witness import GATHER_S, WAITING_MAX, ExchangeKeeper
from rollout.errors import JournalFull
from rollout.simulation import loop

A = StreamName("web/a#1")


class Store:
    """Keeps them in memory, and can be full."""

    def __init__(self) -> None:
        self.groups: list[Sequence[Witnessed]] = []
        self.full = False

    async def keep_exchanges(self, seen: Sequence[Witnessed]) -> None:
        if self.full:
            raise JournalFull("the disk is full")
        self.groups.append(seen)

    async def exchanges_gone_wrong(self, rollout: RolloutId) -> Sequence[Witnessed]:
        del rollout
        return [each for group in self.groups for each in group if not each.went_well]

    async def exchanges(self, stream: StreamName) -> Sequence[Witnessed]:
        return [each for group in self.groups for each in group if each.stream == stream]


def seen(number: int) -> Witnessed:
    return Witnessed(A, number, "upgrade", 5.0, "POST", "/", sent=True, status=202, request="a", answer="b")


def keeper_of(store: Store) -> ExchangeKeeper:
    return ExchangeKeeper(store, structlog.get_logger("test"))


def test_what_is_heard_within_a_moment_is_written_together_and_the_rest_at_the_end() -> None:
    store = Store()

    async def script() -> list[float]:
        clock, keeper, at = EngineClock.on_running_loop(0.0, lambda: 0.0), keeper_of(store), []
        async with keeper.at_work(clock):
            keeper(seen(1))
            await clock.sleep_until(GATHER_S / 2)
            keeper(seen(2))
            at.append(len(store.groups))
            await clock.sleep_until(GATHER_S * 1.1)
            at.append(len(store.groups))
            keeper(seen(3))
        return [*at, len(store.groups)]

    assert loop.run(script()) == [0, 1, 2]
    assert [[each.number for each in group] for group in store.groups] == [[1, 2], [3]]


def test_whoever_asks_is_given_what_was_heard_just_now() -> None:
    store = Store()

    async def script() -> Any:
        keeper = keeper_of(store)
        keeper(seen(1))
        return await keeper.of(A), await keeper.of(StreamName("web/b#1"))

    assert loop.run(script()) == ([seen(1)], [])


def test_a_full_disk_loses_them_says_so_and_hinders_nobody() -> None:
    store = Store()

    async def script() -> int:
        clock, keeper = EngineClock.on_running_loop(0.0, lambda: 0.0), keeper_of(store)
        async with keeper.at_work(clock):
            store.full = True
            keeper(seen(1))
            await clock.sleep_until(2 * GATHER_S)
            store.full = False
            keeper(seen(2))
        return keeper.lost

    with capture_logs() as logs:
        assert loop.run(script()) == 1
    assert [(each["event"], each["count"], each["why"]) for each in logs] == [("exchanges_lost", 1, "the disk is full")]
    assert [each.number for group in store.groups for each in group] == [2]


@pytest.mark.parametrize("beyond", [0, 3])
def test_what_waits_is_bounded_and_the_oldest_goes_first(beyond: int) -> None:
    store = Store()

    async def script() -> tuple[int, int]:
        keeper = keeper_of(store)
        for number in range(WAITING_MAX + beyond):
            keeper(seen(number))
        return (await keeper.of(A))[0].number, keeper.lost

    assert loop.run(script()) == (beyond, beyond)
