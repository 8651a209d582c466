"""Followers get every entry once and in order; who is slow is dropped, told where it stood, and resumes."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from rollout.core.event import Entry
from rollout.core.fleet_event import WaveOpened
from rollout.core.names import Now, StreamName
from rollout.engine import bus as module
from rollout.engine.bus import Bus, Dropped, follow
from rollout.errors import CommandRefused, InvariantBroken
from rollout.journal.journal import Recorded
from rollout.simulation.loop import run


def recorded(position: int) -> Recorded:
    entry = Entry(StreamName("web"), position, Now(0.0, 0.0), "engine", WaveOpened("canary"))
    return Recorded(position, entry, "0" * 64)


def batch(first: int, last: int) -> list[Recorded]:
    return [recorded(position) for position in range(first, last + 1)]


class Shelf:
    """A journal's past. Each read takes a virtual second, in which others write on."""

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self.reads = 0

    async def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        self.reads += 1
        found = [each for each in self.records if each.position > position][:limit]
        await asyncio.sleep(1)
        return found


async def positions(bus: Bus, after: int | None, records: Sequence[Recorded]) -> list[int]:
    async with bus.subscribe(after) as live:
        bus.publish(records)
        bus.close()
        return [each.position async for each in live]


def test_a_subscriber_gets_what_is_published_in_commit_order() -> None:
    assert run(positions(Bus(), None, batch(1, 5))) == [1, 2, 3, 4, 5]


def test_a_subscriber_gets_only_what_comes_after_its_position() -> None:
    assert run(positions(Bus(position=2), 4, batch(3, 7))) == [5, 6, 7]


def test_a_subscriber_whose_entries_are_gone_already_is_dropped_at_its_first_step() -> None:
    async def main() -> int | None:
        bus = Bus(position=10)
        with pytest.raises(Dropped) as caught:
            await anext(bus.subscribe(9))
        return caught.value.position

    assert run(main()) == 9


def test_a_slow_reader_is_dropped_with_its_last_position_and_the_others_go_on() -> None:
    async def main() -> tuple[list[int], int | None]:
        bus = Bus(behind_max=3)
        quick, slow = bus.subscribe(), bus.subscribe()
        seen = []
        bus.publish(batch(1, 1))
        await anext(slow)
        for position in range(1, 6):
            if position > 1:
                bus.publish([recorded(position)])
            seen.append((await anext(quick)).position)
        with pytest.raises(Dropped, match="after position 1; read on from the journal") as caught:
            await anext(slow)
        return seen, caught.value.position

    assert run(main()) == ([1, 2, 3, 4, 5], 1)


def test_a_reader_exactly_at_its_bound_is_kept() -> None:
    assert run(positions(Bus(behind_max=3), None, batch(1, 3))) == [1, 2, 3]


@pytest.mark.parametrize("second", [1, 2, 4])
def test_publishing_out_of_commit_order_is_our_own_mistake(second: int) -> None:
    bus = Bus()
    bus.publish(batch(1, 2))
    with pytest.raises(InvariantBroken, match=f"position {second} was published after 2"):
        bus.publish([recorded(second)])


def test_a_subscription_that_was_left_is_handed_nothing_more() -> None:
    async def main() -> int:
        bus = Bus()
        async with bus.subscribe():
            assert len(bus._subscriptions) == 1
        return len(bus._subscriptions)

    assert run(main()) == 0


def test_a_subscription_to_a_closed_bus_ends_at_once() -> None:
    async def main() -> list[Recorded]:
        bus = Bus()
        bus.close()
        return [each async for each in bus.subscribe()]

    assert run(main()) == []


def test_too_many_followers_are_refused_with_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SUBSCRIPTIONS_MAX", 1)

    async def main() -> None:
        bus = Bus()
        bus.subscribe()
        bus.subscribe()

    with pytest.raises(CommandRefused, match="close one and try again"):
        run(main())


# --- follow ---


async def followed(
    journal: Shelf, bus: Bus, after: int, writes: dict[float, int], *, pause_s: float = 0.0
) -> list[int]:
    """Follow while others write up to the given positions at the given seconds; a reader may pause at each entry."""
    seen: list[int] = []

    async def write() -> None:
        slept = 0.0
        for second, last in writes.items():
            await asyncio.sleep(second - slept)
            slept = second
            new = batch(len(journal.records) + 1, last)
            journal.records += new
            bus.publish(new)
        bus.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        async with aclosing(follow(journal, bus, after)) as entries:
            async for each in entries:
                seen.append(each.position)
                await asyncio.sleep(pause_s)
    return seen


def test_following_replays_the_journal_and_goes_live_without_gap_or_double() -> None:
    journal = Shelf()
    journal.records = batch(1, 10)
    writes = {0.5: 12, 0.9: 13, 1.5: 20, 2.5: 21, 50.0: 30}
    assert run(followed(journal, Bus(position=10), 0, writes)) == list(range(1, 31))


def test_following_begins_after_the_given_position() -> None:
    journal = Shelf()
    journal.records = batch(1, 10)
    assert run(followed(journal, Bus(position=10), 7, {20.0: 12})) == [8, 9, 10, 11, 12]


def test_an_entry_that_is_durable_before_it_is_published_is_given_once() -> None:
    async def main() -> list[int]:
        journal, bus, seen = Shelf(), Bus(), []
        journal.records = batch(1, 3)

        async def publish_late() -> None:
            await asyncio.sleep(5)
            bus.publish(batch(1, 3))
            bus.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(publish_late())
            seen += [each.position async for each in follow(journal, bus)]
        return seen

    assert run(main()) == [1, 2, 3]


def test_a_follower_that_was_dropped_resumes_from_the_journal_and_misses_nothing() -> None:
    journal = Shelf()
    writes = {10.0 * step: 40 * step for step in range(1, 6)} | {1_000.0: 201}
    assert run(followed(journal, Bus(behind_max=50), 0, writes, pause_s=2.0)) == list(range(1, 202))
    assert journal.reads > 3


def test_replay_reads_the_journal_in_bounded_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPLAY_BATCH", 10)
    journal = Shelf()
    journal.records = batch(1, 95)
    assert run(followed(journal, Bus(position=95), 0, {60.0: 96})) == list(range(1, 97))
    assert journal.reads == 11
