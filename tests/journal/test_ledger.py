import asyncio
import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rollout.core.change_plan import RollbackPlan, UpgradePlan
from rollout.core.drafts import opening
from rollout.core.event import Admitted, Closed, Entry, Succeeded
from rollout.core.evolve import IllegalFact, evolve
from rollout.core.fleet_event import RolloutClosed, ServiceAdmitted, WaveOpened
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.names import Digest, Now, RolloutId, ServiceName, Slot, StreamName, Target
from rollout.core.plan import HealthPlan, OnFailure, RolloutPlan, ServicePlan, WalkPlan, WavePlan
from rollout.errors import InvariantBroken, JournalDamaged, JournalFull, StateUnusable
from rollout.journal import carrier
from rollout.journal.journal import Answered, Recorded, StreamRow, VersionConflict
from rollout.journal.ledger import READ_AHEAD, Ledger
from rollout.journal.memory import MemoryJournal
from rollout.journal.sqlite import SqliteJournal

NOW = Now(5.0, 1_700_000_000.0)
A, B, R = StreamName("r/a#1"), StreamName("r/b#1"), StreamName("r")
ROLLOUT = RolloutId("r")
OVER = RolloutClosed(0, "done")

MakeEntry = Callable[..., Entry]
Toy = Ledger[tuple[int, ...], tuple[str, ...]]


def fold_numbers(state: tuple[int, ...] | None, entry: Entry) -> tuple[int, ...]:
    """Numbers must rise, which is the whole law of the toy; anything else counts as a zero."""
    number = entry.fact.number if isinstance(entry.fact, Succeeded) else 0
    if number and state and number <= max(state):
        message = f"{number} does not rise"
        raise IllegalFact(message)
    return (*(state or ()), number)


def fold_names(state: tuple[str, ...] | None, entry: Entry) -> tuple[str, ...]:
    return (*(state or ()), type(entry.fact).__name__)


def toy(journal: Any, sleep: Callable[[float], Any] = asyncio.sleep) -> Toy:
    return Ledger(journal, fold_numbers, fold_names, sleep=sleep)


class Refusing(MemoryJournal):
    """A memory journal that refuses appends while it is told to, and remembers how many were tried."""

    def __init__(self) -> None:
        super().__init__()
        self.refusal: Exception | None = None
        self.tried: list[int] = []

    async def append(
        self, entries: Sequence[Entry], ended: Sequence[StreamName] = (), answers: Sequence[Answered] = ()
    ) -> Sequence[Recorded]:
        self.tried.append(len(entries))
        if self.refusal is not None:
            raise self.refusal
        return await super().append(entries, ended, answers)

    async def put(self, payload: bytes) -> Digest:
        if self.refusal is not None:
            raise self.refusal
        return await super().put(payload)


@pytest.fixture
def journal() -> Refusing:
    return Refusing()


async def test_a_put_is_true_at_once_and_durable_when_awaited(journal: Refusing) -> None:
    async with toy(journal).opened() as ledger:
        pending = ledger.put([(A, Succeeded(3))], now=NOW, actor="ada")
        assert ledger.service(A) == (3,)
        before = pending.durable
        assert await journal.read(A) == []
        (recorded,) = await pending
        assert (before, pending.durable) == (False, True)
        assert recorded.entry == Entry(A, 1, NOW, "ada", Succeeded(3))
        assert list(await journal.read(A)) == [recorded]


async def test_versions_count_through_all_that_is_put(journal: Refusing) -> None:
    async with toy(journal).opened() as ledger:
        ledger.put([(A, Succeeded(1)), (R, WaveOpened("w")), (A, Succeeded(2))], now=NOW, actor="x")
        await ledger.put([(A, Succeeded(3)), (B, Succeeded(1))], now=NOW, actor="x")
        assert ledger.row(A) == StreamRow(A, 3, ended=False)
        assert ledger.row(StreamName("r/c#1")) is None
        assert ledger.services() == {A: (1, 2, 3), B: (1,)}
        assert ledger.rollouts() == {ROLLOUT: ("WaveOpened",)}
    assert [(each.entry.stream, each.entry.version) for each in await journal.read_after(0, 9)] == [
        (A, 1), (R, 1), (A, 2), (A, 3), (B, 1),
    ]  # fmt: skip


async def test_one_illegal_fact_changes_no_state_at_all(journal: Refusing) -> None:
    async with toy(journal).opened() as ledger:
        await ledger.put([(A, Succeeded(5))], now=NOW, actor="x")
        with pytest.raises(IllegalFact, match="4 does not rise"):
            ledger.put([(B, Succeeded(1)), (R, WaveOpened("w")), (A, Succeeded(4))], now=NOW, actor="x")
        assert ledger.service(A) == (5,)
        assert ledger.service(B) is None
        assert ledger.rollout(ROLLOUT) is None
        (recorded,) = await ledger.put([(A, Succeeded(6))], now=NOW, actor="x")
        assert (recorded.position, recorded.entry.version) == (2, 2)


async def test_what_is_put_in_one_turn_shares_an_append(journal: Refusing) -> None:
    async with toy(journal).opened() as ledger:
        for number in range(1, 51):
            ledger.put([(A, Succeeded(number))], now=NOW, actor="x")
    assert journal.tried == [50]


async def test_appends_are_bounded_but_never_cut_a_put_in_two(
    journal: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier, "APPEND_ENTRIES_MAX", 4)
    async with toy(journal).opened() as ledger:
        number = 0
        for size in (3, 2, 2, 9, 1):
            facts = [(A, Succeeded(number + each)) for each in range(1, size + 1)]
            number += size
            ledger.put(facts, now=NOW, actor="x")
    assert journal.tried == [3, 4, 9, 1]


async def test_an_ended_stream_takes_no_further_fact(journal: Refusing, closed: Closed) -> None:
    async with toy(journal).opened() as ledger:
        await ledger.put([(A, Succeeded(1)), (A, closed), (R, OVER)], now=NOW, actor="x")
        for stream in (A, R):
            with pytest.raises(IllegalFact, match=r"ended with version \d and takes no further fact"):
                ledger.put([(B, Succeeded(1)), (stream, Succeeded(9))], now=NOW, actor="x")
        with pytest.raises(IllegalFact):
            ledger.put([(B, closed), (B, Succeeded(9))], now=NOW, actor="x")
    assert await journal.streams() == [StreamRow(A, 2, ended=True), StreamRow(R, 1, ended=True)]


async def test_listeners_hear_of_durable_entries_in_commit_order_and_before_those_who_wait(journal: Refusing) -> None:
    heard: list[object] = []
    async with toy(journal).opened() as ledger:
        ledger.listen(lambda recorded: heard.extend(each.position for each in recorded))
        first = ledger.put([(A, Succeeded(1))], now=NOW, actor="x")
        second = ledger.put([(B, Succeeded(1)), (A, Succeeded(2))], now=NOW, actor="x")
        assert heard == []
        heard.append([each.position for each in await second])
        heard.append([each.position for each in await first])
    assert heard == [1, 2, 3, [2, 3], [1]]


async def test_cancelling_who_waits_stops_nothing(journal: Refusing) -> None:
    async with toy(journal).opened() as ledger:
        pending = ledger.put([(A, Succeeded(1))], now=NOW, actor="x")

        async def wait() -> None:
            await pending

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert len(await pending) == 1


async def test_a_cancelled_block_still_writes_down_what_was_put(journal: Refusing) -> None:
    async def use() -> None:
        async with toy(journal).opened() as ledger:
            ledger.put([(A, Succeeded(1))], now=NOW, actor="x")
            user.cancel()
            await asyncio.sleep(1_000)

    user = asyncio.create_task(use())
    await asyncio.wait([user])
    assert user.cancelled()
    assert len(await journal.read(A)) == 1


async def test_an_error_in_the_block_comes_out_as_it_is(journal: Refusing) -> None:
    async def use() -> None:
        async with toy(journal).opened() as ledger:
            ledger.put([(A, Succeeded(1))], now=NOW, actor="x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use()
    assert len(await journal.read(A)) == 1


async def test_j4_a_full_disk_delays_what_is_put_and_loses_and_reorders_nothing(journal: Refusing) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert ledger.full is journal.refusal
        assert not pending.durable
        if len(slept) == 2:
            ledger.put([(B, Succeeded(1))], now=NOW, actor="x")
        if len(slept) == 3:
            journal.refusal = None

    async with toy(journal, sleep).opened() as ledger:
        journal.refusal = JournalFull("full")
        pending = ledger.put([(A, Succeeded(1))], now=NOW, actor="x")
        assert ledger.service(A) == (1,)
        await pending
        assert slept == [carrier.FULL_RETRY_S] * 3
        assert ledger.full is None
        assert ledger.broken is None
    assert [each.entry.stream for each in await journal.read_after(0, 9)] == [A, B]


async def test_j4_a_document_waits_for_room_on_a_full_disk_as_entries_do(journal: Refusing) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            journal.refusal = None

    async with toy(journal, sleep).opened() as ledger:
        journal.refusal = JournalFull("full")
        digest = await ledger.keep(b"a configuration")
        assert ledger.full is None
        assert slept == [carrier.FULL_RETRY_S] * 3
        assert await journal.payload(digest) == b"a configuration"


async def test_j4_leaving_while_the_disk_is_full_says_so(journal: Refusing) -> None:
    hopes = []

    async def use() -> None:
        async with toy(journal).opened() as ledger:
            journal.refusal = JournalFull("full")
            hopes.append(ledger.put([(A, Succeeded(1))], now=NOW, actor="x"))

    with pytest.raises(JournalFull):
        await use()
    with pytest.raises(JournalFull):
        await hopes[0]


@pytest.mark.parametrize("refusal", [VersionConflict("theirs"), StateUnusable("EIO"), JournalDamaged("torn")])
async def test_any_other_failure_breaks_the_ledger_and_stops_the_block(journal: Refusing, refusal: Exception) -> None:
    ledger = toy(journal)
    hopes = []

    async def use() -> None:
        async with ledger.opened():
            journal.refusal = refusal
            hopes.append(ledger.put([(A, Succeeded(1))], now=NOW, actor="x"))
            hopes.append(ledger.put([(B, Succeeded(1))], now=NOW, actor="x"))
            await asyncio.sleep(1_000)

    with pytest.raises(type(refusal)) as stopped:
        await use()
    assert stopped.value is refusal
    assert ledger.broken is refusal
    for each in hopes:
        with pytest.raises(type(refusal)):
            await each
        assert not each.durable
    with pytest.raises(type(refusal)):
        ledger.put([(B, Succeeded(2))], now=NOW, actor="x")
    assert journal.tried == [2]


async def test_who_waits_for_a_broken_ledger_hears_the_reason_and_nobody_is_cancelled_for_it(journal: Refusing) -> None:
    async def use() -> None:
        async with toy(journal).opened() as ledger:
            await ledger.put([(A, Succeeded(1))], now=NOW, actor="x")

    journal.refusal = VersionConflict("theirs")
    for _ in range(3):
        with pytest.raises(VersionConflict, match="theirs"):
            await use()
        await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_ledger_that_nobody_carries_for_refuses_at_once(journal: Refusing) -> None:
    ledger = toy(journal)
    await ledger.load()
    with pytest.raises(InvariantBroken, match=r"open the ledger with `async with ledger.opened\(\)`"):
        ledger.put([(A, Succeeded(1))], now=NOW, actor="x")
    assert ledger.service(A) is None


async def test_a_closed_ledger_takes_no_more(journal: Refusing) -> None:
    async with toy(journal).opened() as ledger:
        pass
    with pytest.raises(StateUnusable, match="closed"):
        ledger.put([(A, Succeeded(1))], now=NOW, actor="x")


async def test_what_may_wait_for_the_disk_is_bounded(journal: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "PENDING_ENTRIES_MAX", 2)
    async with toy(journal).opened() as ledger:
        await ledger.put([(A, Succeeded(1)), (A, Succeeded(2))], now=NOW, actor="x")
        ledger.put([(A, Succeeded(3))], now=NOW, actor="x")
        with pytest.raises(StateUnusable, match="1 entries wait for the disk"):
            ledger.put([(A, Succeeded(4)), (A, Succeeded(5))], now=NOW, actor="x")
        assert ledger.service(A) == (1, 2, 3)


async def test_loading_folds_rollouts_open_services_and_all_services_of_open_rollouts(
    journal: Refusing, entry: MakeEntry, closed: Closed
) -> None:
    await journal.append([entry("old", 1), entry("old/a#1", 1), entry("old/a#1", 2, closed)])
    await journal.append([entry("old", 2, OVER)], ended=[StreamName("old"), StreamName("old/a#1")])
    await journal.append([entry("r", 1), entry("r/a#1", 1), entry("r/a#1", 2, closed), entry("r/b#1", 1)], ended=[A])
    async with toy(journal).opened() as ledger:
        assert set(ledger.services()) == {A, B}
        assert ledger.rollouts() == {"old": ("Succeeded", "RolloutClosed"), "r": ("Succeeded",)}
        with pytest.raises(IllegalFact):
            ledger.put([(A, Succeeded(9))], now=NOW, actor="x")
        (recorded,) = await ledger.put([(B, Succeeded(9))], now=NOW, actor="x")
        assert recorded.entry.version == 2


@pytest.mark.parametrize("old", [0, 40, 4_000])
async def test_a_large_fleet_is_loaded_the_same_whatever_lies_around_it(
    path: Path, entry: MakeEntry, closed: Closed, old: int
) -> None:
    streams = [StreamName(f"r/{number:03}#1") for number in range(READ_AHEAD + 9)]
    async with SqliteJournal.opened(path) as journal:
        await journal.append([entry("old", 1), *(entry(f"old/{number}#1", 1) for number in range(old))])
        gone = [StreamName("old"), *(StreamName(f"old/{number}#1") for number in range(old))]
        await journal.append([entry("old", 2, OVER), *(entry(each, 2, closed) for each in gone[1:])], ended=gone)
        await journal.append([entry("r", 1), *(entry(each, 1, Succeeded(1)) for each in streams)])
        await journal.append([entry(each, 2, Succeeded(7)) for each in streams[::-1]])
        async with toy(journal).opened() as ledger:
            assert list(ledger.services().items()) == [(each, (1, 7)) for each in streams]
            assert list(ledger.rollouts()) == ["old", "r"]
            assert gc.isenabled()


async def test_an_ended_service_of_an_old_rollout_is_recalled_when_asked_for(
    journal: Refusing, entry: MakeEntry, closed: Closed
) -> None:
    old = StreamName("old/a#1")
    await journal.append([entry("old", 1, OVER), entry(old, 1), entry(old, 2, closed)], ended=[StreamName("old"), old])
    async with toy(journal).opened() as ledger:
        assert ledger.service(old) is None
        async with asyncio.TaskGroup() as group:
            two = [group.create_task(ledger.recall(old)) for _ in range(2)]
        assert tuple(each.result() for each in two) == ((1, 0), (1, 0))
        assert ledger.service(old) == (1, 0)
        assert await ledger.recall(StreamName("old/z#1")) is None
        assert await ledger.recall(StreamName("old")) is None


async def test_a_fact_that_does_not_follow_stops_the_start_and_is_named(journal: Refusing, entry: MakeEntry) -> None:
    await journal.append([entry(A, 1, Succeeded(5)), entry(A, 2, Succeeded(4))])
    with pytest.raises(JournalDamaged, match=r"r/a#1 version 2 does not follow .*: 4 does not rise"):
        await toy(journal).load()


async def test_j2_a_flipped_bit_stops_the_start_and_its_record_is_named(
    path: Path, entry: MakeEntry, raw: Callable[..., Any]
) -> None:
    async with SqliteJournal.opened(path) as disk:
        await disk.append([entry(R, 1), entry(A, 1), entry(A, 2), entry(B, 1)])
        raw("UPDATE entries SET payload = replace(payload, '2', '3') WHERE position = 3")
        with pytest.raises(JournalDamaged, match="record 3 does not fit the hash chain"):
            await toy(disk).load()


def service_plan(name: str) -> ServicePlan:
    return ServicePlan(
        rollout=ROLLOUT,
        target=Target("sub", ServiceName(name), Slot.PRODUCTION),
        change=UpgradePlan(Digest("1" * 64), "https://example/web.cspkg", Digest("2" * 64), "web"),
        health=HealthPlan(0.0, 1.0, 2.0, 1.0, ()),
        walk=WalkPlan(0.0, 60.0, allow_no_rollback=False),
        begin_timeout_s=60.0,
        timeout_s=600.0,
        on_failure=OnFailure.ROLLBACK,
        rollback=RollbackPlan(),
    )


async def test_the_real_folds_give_the_same_states_live_and_after_a_restart(path: Path) -> None:
    names = (ServiceName("a"), ServiceName("b"))
    plan = RolloutPlan(ROLLOUT, Digest("3" * 64), Digest("4" * 64), (WavePlan("all", names, 1, 0, strict=True),))
    async with SqliteJournal.opened(path) as disk, Ledger(disk, evolve, evolve_fleet).opened() as ledger:
        await ledger.put(opening(plan, (service_plan("a"), service_plan("b")), {}), now=NOW, actor="ada")
        await ledger.put([(R, WaveOpened("all"))], now=NOW, actor="policy")
        await ledger.put([(A, Admitted("all")), (R, ServiceAdmitted(names[0]))], now=NOW, actor="engine")
        with pytest.raises(IllegalFact):
            ledger.put([(B, Admitted("all")), (R, ServiceAdmitted(names[0]))], now=NOW, actor="engine")
        live = ledger.services(), ledger.rollouts()
        assert await disk.verify() == 6
    async with SqliteJournal.opened(path) as disk, Ledger(disk, evolve, evolve_fleet).opened() as ledger:
        assert (ledger.services(), ledger.rollouts()) == live
        assert [state.version for state in ledger.services().values()] == [2, 1]
