"""The writer: groups, cancellation, virtual time and another engine that came after."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from rollout.core.event import Closed, Entry
from rollout.core.names import Now, StreamName
from rollout.errors import InvariantBroken, StateUnusable
from rollout.journal import database
from rollout.journal import sqlite as sqlite_module
from rollout.journal.journal import VersionConflict
from rollout.journal.sqlite import SqliteJournal
from rollout.journal.tables import CHECKPOINT_ROWS
from rollout.simulation import loop as virtual

T = TypeVar("T")
MakeEntry = Callable[..., Entry]


class Fault(Protocol):
    def connect(self, path: Path) -> Any: ...
    def count(self, statement: str) -> int: ...


class HeldWork:
    """Does nothing that it is given before it is let; then inline."""

    def __init__(self) -> None:
        self.held = False
        self._work: deque[Callable[[], None]] = deque()

    def __call__(self, work: Callable[[], T], /) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._work.append(partial(self._do, work, future))
        if not self.held:
            self.release()
        return future

    def release(self) -> None:
        self.held = False
        while self._work:
            self._work.popleft()()

    def close(self) -> None:
        assert not self._work

    @staticmethod
    def _do(work: Callable[[], T], future: asyncio.Future[T]) -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 -- it belongs to who awaits the future
            future.set_exception(error)


async def test_a_hundred_concurrent_appends_share_few_transactions(path: Path, entry: MakeEntry, fault: Fault) -> None:
    async with SqliteJournal.opened(path, connect=fault.connect) as journal:
        before = fault.count("COMMIT")
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(journal.append([entry(f"web/{number}#1", 1)]))
        assert 1 <= fault.count("COMMIT") - before <= 3
        assert await journal.verify() == 100


async def test_a_conflict_in_a_group_leaves_its_neighbours_alone(path: Path, entry: MakeEntry, fault: Fault) -> None:
    work = HeldWork()
    async with SqliteJournal.opened(path, connect=fault.connect, offload=work) as journal:
        work.held = True
        before = fault.count("COMMIT")
        first = asyncio.create_task(journal.append([entry("a", 1)]))
        await asyncio.sleep(0)
        wrong = asyncio.create_task(journal.append([entry("b", 1), entry("c", 5)]))
        ending = asyncio.create_task(journal.append([entry("a", 2)], ended=[StreamName("a")]))
        late = asyncio.create_task(journal.append([entry("a", 3)]))
        right = asyncio.create_task(journal.append([entry("b", 1)]))
        await asyncio.sleep(0)
        work.release()
        done, _ = await asyncio.wait([first, wrong, ending, late, right])
        assert len(done) == 5
        assert fault.count("COMMIT") - before == 2
        assert isinstance(wrong.exception(), VersionConflict)
        assert isinstance(late.exception(), VersionConflict)
        assert [(await each)[0].position for each in (first, ending, right)] == [1, 2, 3]
        assert await journal.verify() == 3


async def test_a_group_takes_so_many_rows_and_no_more(
    path: Path, entry: MakeEntry, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "GROUP_ROWS_MAX", 10)
    async with SqliteJournal.opened(path, connect=fault.connect) as journal:
        before = fault.count("COMMIT")
        async with asyncio.TaskGroup() as group:
            for number in range(25):
                group.create_task(journal.append([entry(f"{number}", 1), entry(f"{number}", 2)]))
        assert 5 <= fault.count("COMMIT") - before <= 7


async def test_a_queue_that_only_grows_is_refused(
    path: Path, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "QUEUED_ROWS_MAX", 3)
    work = HeldWork()
    async with SqliteJournal.opened(path, offload=work) as journal:
        work.held = True
        tasks = [asyncio.create_task(journal.append([entry(str(number), 1)])) for number in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(StateUnusable, match=r"3 rows wait for the disk .* does not keep up"):
            await journal.append([entry("more", 1)])
        work.release()
        await asyncio.wait(tasks)
        assert await journal.verify() == 4


async def test_a_write_is_finished_though_its_caller_is_cancelled(path: Path, entry: MakeEntry) -> None:
    work = HeldWork()
    async with SqliteJournal.opened(path, offload=work) as journal:
        work.held = True
        begun = asyncio.create_task(journal.append([entry("begun", 1)]))
        queued = asyncio.create_task(journal.append([entry("queued", 1)]))
        await asyncio.sleep(0)
        begun.cancel()
        queued.cancel()
        await asyncio.wait([begun, queued])
        assert begun.cancelled()
        assert queued.cancelled()
        work.release()
    async with SqliteJournal.opened(path) as journal:
        assert [each.entry.stream for each in await journal.read_after(0, 9)] == ["begun", "queued"]


async def test_a_cancelled_close_still_finishes_what_is_queued(path: Path, entry: MakeEntry) -> None:
    work = HeldWork()

    async def use() -> None:
        async with SqliteJournal.opened(path, offload=work) as journal:
            work.held = True
            asyncio.get_running_loop().call_soon(work.release)
            append = asyncio.create_task(journal.append([entry("web", 1)]))
            await asyncio.sleep(0)
            user.cancel()
            await append

    user = asyncio.create_task(use())
    await asyncio.wait([user])
    assert user.cancelled()
    async with SqliteJournal.opened(path) as journal:
        assert await journal.verify() == 1


async def test_an_opening_that_is_cancelled_leaves_no_connection_behind(path: Path) -> None:
    work, connections = HeldWork(), []

    def connect(where: Path) -> sqlite3.Connection:
        connections.append(database.connect(where))
        return connections[0]

    async def use() -> None:
        async with SqliteJournal.opened(path, connect=connect, offload=work):
            raise AssertionError

    work.held = True
    user = asyncio.create_task(use())
    await asyncio.sleep(0)
    user.cancel()
    await asyncio.sleep(0)
    work.release()
    await asyncio.wait([user])
    assert user.cancelled()
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        connections[0].execute("SELECT 1")


async def test_an_error_in_the_block_comes_out_as_it_is(path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with SqliteJournal.opened(path):
            raise ZeroDivisionError
    async with SqliteJournal.opened(path) as journal:
        assert journal.incarnation == 2


async def test_an_engine_that_another_one_followed_writes_no_more(path: Path, entry: MakeEntry) -> None:
    async with SqliteJournal.opened(path) as old:
        await old.append([entry("web", 1)])
        async with SqliteJournal.opened(path) as new:
            assert new.incarnation == old.incarnation + 1
            with pytest.raises(VersionConflict, match=r"another engine opened .* after this one"):
                await old.append([entry("web", 2)])
            with pytest.raises(VersionConflict):
                await old.beat(Now(1.0, 1.0))
            await new.append([entry("web", 2)])
            assert await new.verify() == 2


async def test_the_log_is_folded_into_the_file_now_and_then(path: Path, entry: MakeEntry, fault: Fault) -> None:
    checkpoint = "PRAGMA wal_checkpoint"
    async with SqliteJournal.opened(path, connect=fault.connect) as journal:
        await journal.append([entry("web", version) for version in range(1, CHECKPOINT_ROWS - 1)])
        assert fault.count(checkpoint) == 0
        await journal.append([entry("web", CHECKPOINT_ROWS - 1)])
        assert fault.count(checkpoint) == 1
        await journal.append([entry("web", CHECKPOINT_ROWS)])
        assert fault.count(checkpoint) == 1


async def test_a_payload_without_bound_is_our_own_mistake(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "BLOB_BYTES_MAX", 10)
    async with SqliteJournal.opened(path) as journal:
        assert await journal.put(b"x" * 10)
        with pytest.raises(InvariantBroken, match="11 bytes"):
            await journal.put(b"x" * 11)


def test_it_runs_on_virtual_time(path: Path, entry: MakeEntry, closed: Closed) -> None:
    async def use() -> int:
        async with SqliteJournal.opened(path) as journal:
            async with asyncio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(journal.append([entry(f"{number}", 1), entry(f"{number}", 2, closed)]))
            await asyncio.sleep(3_600)
            return await journal.verify()

    assert virtual.run(use()) == 40
