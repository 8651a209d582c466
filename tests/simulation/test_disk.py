"""The simulated disk and its journal: torn tails are cut, damage refuses the start, a full disk is only slow."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.assembly import make_kit
from rollout.core import event
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.event import Entry, Succeeded
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.names import ENGINE, Now, StreamName
from rollout.emulator.fleet import FleetPlan
from rollout.engine.clock import EngineClock
from rollout.engine.inbox import Inbox
from rollout.errors import InvariantBroken, JournalDamaged, JournalFull, StateUnusable
from rollout.journal.journal import Question
from rollout.journal.ledger import Ledger
from rollout.journal.memory import MemoryJournal
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation.book import at_once
from rollout.simulation.cast import cast
from rollout.simulation.disk import CalmDisk, Disk
from rollout.simulation.disk_journal import DiskJournal
from rollout.simulation.frames import framed, read_frames
from rollout.simulation.loop import run
from rollout.simulation.stage import staged
from rollout.simulation.weather import Profile
from rollout.simulation.world import World, carry_out

CASES = Path(__file__).parent / "cases"
A = StreamName("web/a#1")


class Struck(CalmDisk):
    """A disk whose writes and syncs meet what is listed, in order."""

    def __init__(self, *fates: str | None, low: bool = True) -> None:
        self.fates = list(fates)
        self._low = low

    def strike(self, what: str) -> str | None:
        del what
        return self.fates.pop(0) if self.fates else None

    def amount(self, low: float, high: float, what: str) -> float:
        del what
        return low if self._low else high - 1


def entry(version: int) -> Entry:
    return Entry(A, version, Now(float(version), 0.0), ENGINE, Succeeded(version))


def journal_on(weather: CalmDisk, time: Callable[[], float] = float) -> tuple[DiskJournal, Disk]:
    disk = Disk(weather, time)
    return DiskJournal(disk), disk


@given(st.lists(st.binary(max_size=20), max_size=5), st.data())
def test_a_tail_torn_at_any_byte_is_cut_and_nothing_before_it(payloads: list[bytes], data: st.DataObject) -> None:
    frames = [framed(each) for each in payloads]
    whole = b"".join(frames)
    size = data.draw(st.integers(0, len(whole)))
    found, believed = read_frames(whole[:size])
    assert list(found) == payloads[: len(found)]
    assert believed == sum(map(len, frames[: len(found)]))
    assert believed <= size
    assert len(found) == len(payloads) or size < believed + len(frames[len(found)])


def test_damage_before_the_tail_refuses_the_start_and_names_the_place() -> None:
    first, second = framed(b"one"), framed(b"two")
    with pytest.raises(JournalDamaged, match="damaged at byte 0"):
        read_frames(first[:-1] + b"x" + second)
    assert read_frames(first + second[:-1] + b"x") == ([b"one"], len(first))


def test_what_was_acknowledged_comes_back_and_what_was_only_written_may() -> None:
    for low, kept in ((True, 1), (False, 2)):
        journal, _ = journal_on(Struck(low=low))
        run(journal.append([entry(1)]))
        journal.hand_over([entry(2)])
        journal.recover(power_lost=True)
        assert at_once(journal.verify()) == kept
        run(journal.append([entry(kept + 1)]))
    journal, _ = journal_on(Struck())
    journal.hand_over([entry(1)])
    journal.recover(power_lost=False)
    assert (at_once(journal.verify()), at_once(journal.last_t()), journal.torn) == (1, 1.0, 0)


def test_a_torn_tail_is_counted_and_written_over() -> None:
    journal, disk = journal_on(Struck())
    run(journal.append([entry(1)]))
    journal.hand_over([entry(2)])
    disk.cut(len(disk.data) - 1)
    journal.recover(power_lost=False)
    run(journal.append([entry(2)]))
    journal.recover(power_lost=True)
    assert (journal.torn, at_once(journal.verify())) == (1, 2)


def test_bytes_that_do_not_come_back_although_they_were_acknowledged_are_our_mistake() -> None:
    journal, disk = journal_on(Struck())
    run(journal.append([entry(1)]))
    disk.cut(0)
    with pytest.raises(InvariantBroken, match="1 records were acknowledged"):
        journal.recover(power_lost=False)


def test_a_short_write_is_finished_with_another() -> None:
    journal, _ = journal_on(Struck("short_write", "short_write"))
    run(journal.append([entry(1)]))
    journal.recover(power_lost=True)
    assert at_once(journal.verify()) == 1


def test_a_full_disk_takes_nothing_and_is_tried_again() -> None:
    seconds = [0.0]
    journal, disk = journal_on(Struck("disk_full", low=False), lambda: seconds[0])
    with pytest.raises(JournalFull):
        journal.hand_over([entry(1)])
    assert bytes(disk.data) == b""
    assert journal.tried_at(entry(1)) == 0.0
    another = Entry(A, 1, Now(9.0, 0.0), ENGINE, Succeeded(1))
    assert journal.tried_at(another) is None  # in the same place, after a death
    seconds[0] = 1e4
    run(journal.append([entry(1)]))
    assert at_once(journal.verify()) == 1


def test_a_failed_sync_closes_the_journal() -> None:
    journal, _ = journal_on(Struck(None, "sync_error"))
    with pytest.raises(StateUnusable, match="a sync failed"):
        run(journal.append([entry(1)]))
    assert journal.closed
    with pytest.raises(StateUnusable):
        journal.hand_over([entry(1)])
    journal.recover(power_lost=True)
    assert at_once(journal.verify()) == 0


def test_two_flushes_at_once_are_our_mistake() -> None:
    journal, _ = journal_on(CalmDisk())
    journal.hand_over([entry(1)])
    with pytest.raises(InvariantBroken, match="two flushes at once"):
        journal.hand_over([entry(2)])
    run(journal.beat(Now(9.0, 0.0)))
    assert at_once(journal.last_t()) == 9.0


@pytest.fixture
def world_of() -> Callable[..., tuple[World, Compiled]]:
    """Make a world of one service on a disk."""

    def make(weather: CalmDisk) -> tuple[World, Compiled]:
        bundle = load_policy(CASES / "held.yaml", sets=["fleet.services={svc-a: {}}"])
        kit = partial(make_kit, RunSettings("https://rehearsal.invalid", CASES))
        stage = staged(bundle, kit, Profile.NONE, domains=2, instances=2)
        world: World
        disk = Disk(weather, lambda: world.time())  # noqa: PLW0108 - the world is made around its journal
        journal = DiskJournal(disk)
        world = World(kit, FleetPlan(0), journal=journal)
        compiled = compile_bundle(bundle)
        cast(world.fabric, compiled, stage.configurations, 2, 2)
        return world, compiled

    return make


class FullAt(CalmDisk):
    """A disk that is full for a while, from its `nth` write on."""

    def __init__(self, nth: int) -> None:
        self.writes = 0
        self._nth = nth

    def strike(self, what: str) -> str | None:
        self.writes += what == "write"
        return "disk_full" if what == "write" and self.writes == self._nth else None


@pytest.mark.timeout(300)
def test_an_engine_lives_through_a_full_disk_whatever_it_wanted_to_write(
    world_of: Callable[..., tuple[World, Compiled]],
) -> None:
    world, compiled = world_of(FullAt(-1))
    undisturbed = world.live(partial(carry_out, compiled=compiled))
    assert undisturbed.result is not None
    opened = 4
    for nth in range(opened, opened + 40, 7):
        world, compiled = world_of(FullAt(nth))
        life = world.live(partial(carry_out, compiled=compiled))
        assert life.result is not None
        assert life.result.outcome == "succeeded"


class Crowded(MemoryJournal):
    """An inbox that cannot be read the first time, for want of room."""

    takes = 0

    async def take(self, limit: int) -> Sequence[Question]:
        self.takes += 1
        if self.takes == 1:
            raise JournalFull("full")
        return await super().take(limit)


def test_the_inbox_is_read_again_once_the_disk_has_room() -> None:
    async def main() -> int:
        journal = Crowded()
        ledger = Ledger(journal, evolve, evolve_fleet)
        clock = EngineClock.on_running_loop(0.0, float)
        async with ledger.opened(), asyncio.TaskGroup() as group:
            reading = group.create_task(Inbox(journal, ledger, clock, lambda _: None, 1.0).run())
            await asyncio.sleep(2.5)
            reading.cancel()
        return journal.takes

    assert run(main()) == 3


@pytest.mark.timeout(300)
def test_every_death_between_the_steps_of_an_append_resumes_to_the_same_end(
    world_of: Callable[..., tuple[World, Compiled]],
) -> None:
    world, compiled = world_of(CalmDisk())
    moments = world.live(partial(carry_out, compiled=compiled)).moments
    effects = [(each.verb, each.domain) for each in world.log()]
    kinds = ("not yet written", "written, not synced", "within the sync", "durable, nobody told")
    assert {each.partition(":")[0] for each in moments} >= set(kinds)
    for place in [number for number, each in enumerate(moments) if each.startswith(kinds)][::5]:
        world, compiled = world_of(Struck(low=place % 2 == 0))
        journal = world.journal
        assert isinstance(journal, DiskJournal)
        assert world.live(partial(carry_out, compiled=compiled), dies_at=place).killed
        journal.recover(power_lost=place % 3 == 0)
        life = world.live(partial(carry_out, compiled=compiled))
        assert life.result is not None
        assert [(each.verb, each.domain) for each in world.log()] == effects
        endings = [each for each in at_once(journal.read_after(0, 500)) if isinstance(each.entry.fact, event.Closed)]
        assert len(endings) == 1
