"""J1 to J5 and J7: what a journal does about damage, a full disk, a failed sync and a later version's file."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollout.core.event import Entry, Lost
from rollout.core.names import Now, StreamName
from rollout.errors import JournalDamaged, JournalFull, StateUnusable
from rollout.journal.codec import FORMAT, chain
from rollout.journal.database import APPLICATION_ID
from rollout.journal.journal import Recorded, VersionConflict
from rollout.journal.record import covered
from rollout.journal.sqlite import SqliteJournal

MakeEntry = Callable[..., Entry]
Raw = Callable[..., list[Any]]
WEB = StreamName("web")


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


async def fill(path: Path, entry: MakeEntry, count: int = 6) -> None:
    async with SqliteJournal.opened(path) as journal:
        for version in range(1, count + 1):
            await journal.append([entry("web", version)])


async def scanned(journal: SqliteJournal) -> list[Recorded]:
    return [each async for portion in journal.scan(await journal.streams()) for each in portion]


async def every_way_of_reading_fails(path: Path, match: str) -> None:
    async with SqliteJournal.opened(path) as journal:
        for read in (journal.read(WEB), journal.read_after(0, 100), journal.verify()):
            with pytest.raises(JournalDamaged, match=match):
                await read


@pytest.mark.parametrize("cut", [1, 24, 100, 5_000])
async def test_j1_a_torn_tail_is_cut_and_nothing_before_it_is_lost(path: Path, entry: MakeEntry, cut: int) -> None:
    torn = path.with_name("torn.sqlite")
    async with SqliteJournal.opened(path) as journal:
        await journal.append([entry("web", version) for version in range(1, 4)])
        await journal.append([entry("web", 4)])
        shutil.copy(path, torn)
        log = path.with_name(path.name + "-wal").read_bytes()
    torn.with_name(torn.name + "-wal").write_bytes(log[:-cut])
    async with SqliteJournal.opened(torn) as journal:
        assert await journal.verify() == 3
        await journal.append([entry("web", 4)])
        assert await journal.verify() == 4


@pytest.mark.parametrize(
    ("column", "expression"),
    [
        ("payload", "replace(payload, '3', '2')"),
        ("payload", "CAST(payload AS BLOB)"),
        ("payload", "CAST(x'ff' || payload AS TEXT)"),
        ("stream", "'web'||x'00'"),
        ("t", "t + 1e-9"),
        ("wall", "-wall"),
        ("actor", "'Engine'"),
        ("chain", "replace(chain, substr(chain, 1, 1), 'x')"),
    ],
)
async def test_j2_a_flipped_bit_in_the_middle_is_found_and_its_record_named(
    path: Path, entry: MakeEntry, raw: Raw, column: str, expression: str
) -> None:
    await fill(path, entry)
    raw(f"UPDATE entries SET {column} = {expression} WHERE position = 3")  # noqa: S608 -- both are literals above
    async with SqliteJournal.opened(path) as journal:
        for read in (journal.read_after(0, 100), journal.verify()):
            with pytest.raises(JournalDamaged, match="record 3 "):
                await read
        with pytest.raises(JournalDamaged, match=r"record 3 |web holds versions"):
            await journal.read(WEB)
        with pytest.raises(JournalDamaged, match=r"record 3 |entries are missing"):
            await scanned(journal)


@pytest.mark.parametrize(
    "condition", ["position = 2", "position = 3", "position = (SELECT max(position) FROM entries)"]
)
async def test_j2_a_scan_finds_what_is_missing(path: Path, entry: MakeEntry, raw: Raw, condition: str) -> None:
    await fill(path, entry)
    async with SqliteJournal.opened(path) as journal:
        whole = await scanned(journal)
        raw(f"DELETE FROM entries WHERE {condition}")  # noqa: S608 -- a literal above
        with pytest.raises(JournalDamaged, match=r"is missing|entries are missing"):
            await scanned(journal)
    assert [each.position for each in whole] == list(range(1, len(whole) + 1))


async def test_j2_a_record_that_fits_its_chain_and_is_no_fact_is_named_by_a_scan(
    path: Path, entry: MakeEntry, raw: Raw
) -> None:
    await fill(path, entry)
    ((*numbers, stream, actor, before),) = raw(
        "SELECT e.position, e.version, e.format, e.t, e.wall, e.stream, e.actor, p.chain"
        " FROM entries e JOIN entries p ON p.position = 2 WHERE e.position = 3"
    )
    forged = chain(before, covered(tuple(numbers), stream.encode(), actor.encode(), b"{}"))
    raw("UPDATE entries SET payload = '{}', chain = ? WHERE position = 3", forged)
    async with SqliteJournal.opened(path) as journal:
        with pytest.raises(JournalDamaged, match=r"record 3, web version 3, is no fact"):
            await scanned(journal)


async def test_j2_a_format_that_was_changed_is_damage_and_no_future(path: Path, entry: MakeEntry, raw: Raw) -> None:
    await fill(path, entry)
    raw("UPDATE entries SET format = 7 WHERE position = 3")
    await every_way_of_reading_fails(path, "record 3 does not fit the hash chain")


async def test_j2_damage_of_the_file_itself_is_found(path: Path, entry: MakeEntry) -> None:
    await fill(path, entry, count=200)
    damaged = bytearray(content_of(path))
    damaged[3 * 4096 : 3 * 4096 + 64] = b"\xaa" * 64
    overwrite(path, bytes(damaged))
    with pytest.raises(JournalDamaged, match="restore the state from a backup"):
        async with SqliteJournal.opened(path) as journal:
            await journal.verify()


async def test_j3_a_removed_record_breaks_the_chain(path: Path, entry: MakeEntry, raw: Raw) -> None:
    await fill(path, entry)
    raw("DELETE FROM entries WHERE position = 3")
    await every_way_of_reading_fails(path, "record 3 is missing")


async def test_j3_a_removed_last_record_is_found_at_the_start(path: Path, entry: MakeEntry, raw: Raw) -> None:
    await fill(path, entry)
    raw("DELETE FROM entries WHERE position = 6")
    with pytest.raises(JournalDamaged, match="the last record written was 6, the last one there is 5"):
        async with SqliteJournal.opened(path):
            pass


async def test_j3_a_stream_whose_last_entries_are_gone_is_found_by_the_index(
    path: Path, entry: MakeEntry, raw: Raw
) -> None:
    async with SqliteJournal.opened(path) as journal:
        await journal.append([entry("web", 1), entry("web", 2), entry("other", 1)])
    raw("UPDATE streams SET version = 3 WHERE stream = 'web'")
    async with SqliteJournal.opened(path) as journal:
        with pytest.raises(JournalDamaged, match=r"web holds versions .* entries are missing"):
            await journal.read(WEB)
        with pytest.raises(JournalDamaged, match="index of streams does not agree"):
            await journal.verify()


async def test_an_altered_payload_is_damage(path: Path, raw: Raw) -> None:
    async with SqliteJournal.opened(path) as journal:
        digest = await journal.put(b"policy")
        raw("UPDATE blobs SET payload = ?", b"Policy")
        with pytest.raises(JournalDamaged, match="was changed"):
            await journal.payload(digest)


async def test_j4_a_full_disk_is_reported_reading_goes_on_and_room_is_used_again(
    path: Path, entry: MakeEntry, fault: Any
) -> None:
    large = Lost(1, "x" * 40_000)
    async with SqliteJournal.opened(path, connect=fault.connect) as journal:
        await journal.append([entry("web", 1)])
        fault.pages_max = 20
        for _ in range(2):
            with pytest.raises(JournalFull, match=r"full: nothing new is begun.*free some space"):
                await journal.append([entry("web", 2, large), entry("new", 1, large)])
            assert await journal.verify() == 1
            assert [row.stream for row in await journal.streams()] == ["web"]
        await journal.append([entry("web", 2)])
        fault.pages_max = 2_000
        await journal.append([entry("web", 3, large), entry("new", 1, large)])
        assert await journal.verify() == 4
    async with SqliteJournal.opened(path) as journal:
        assert await journal.verify() == 4


async def test_j4_everybody_in_a_group_hears_of_the_full_disk(path: Path, entry: MakeEntry, fault: Any) -> None:
    async with SqliteJournal.opened(path, connect=fault.connect) as journal:
        fault.pages_max = 20
        large = Lost(1, "x" * 40_000)
        writes = [asyncio.create_task(journal.append([entry(str(number), 1, large)])) for number in range(5)]
        await asyncio.wait(writes)
        assert all(isinstance(write.exception(), JournalFull) for write in writes[1:])


@pytest.mark.parametrize("moment", ["COMMIT", "INSERT", "UPDATE heartbeat", "BEGIN"])
async def test_j5_after_a_failed_sync_nothing_is_synced_or_believed_again(
    path: Path, entry: MakeEntry, fault: Any, moment: str
) -> None:
    async with SqliteJournal.opened(path, connect=fault.connect) as journal:
        await journal.append([entry("web", 1)])
        digest = await journal.put(b"policy")
        fault.at = moment if moment != "INSERT" else "INSERT OR IGNORE INTO blobs"
        with pytest.raises(StateUnusable, match=r"SQLITE_IOERR_FSYNC.*What was acknowledged is on disk"):
            await (journal.put(b"other") if moment == "INSERT" else journal.append([entry("web", 2)]))
        fault.at = None
        fault.statements.clear()
        for attempt in (
            journal.append([entry("web", 2)]),
            journal.beat(Now(9.0, 9.0)),
            journal.put(b"more"),
            journal.read(WEB),
            journal.payload(digest),
            journal.verify(),
        ):
            with pytest.raises(StateUnusable, match="SQLITE_IOERR_FSYNC"):
                await attempt
        assert fault.statements == []
    async with SqliteJournal.opened(path) as journal:
        assert await journal.verify() == 1


async def test_j5_a_failed_checkpoint_is_a_failed_sync(path: Path, entry: MakeEntry, fault: Any) -> None:
    async with SqliteJournal.opened(path, connect=fault.connect) as journal:
        fault.at = "PRAGMA wal_checkpoint"
        with pytest.raises(StateUnusable, match="SQLITE_IOERR_FSYNC"):
            await journal.append([entry("web", version) for version in range(1, 2_001)])
        with pytest.raises(StateUnusable, match="SQLITE_IOERR_FSYNC"):
            await journal.read(WEB)


async def test_a_checkpoint_without_room_costs_nothing_but_a_longer_log(
    path: Path, entry: MakeEntry, fault: Any
) -> None:
    async with SqliteJournal.opened(path, connect=fault.connect) as journal:
        fault.at, fault.code = "PRAGMA wal_checkpoint", sqlite3.SQLITE_FULL
        await journal.append([entry("web", version) for version in range(1, 2_001)])
        assert await journal.verify() == 2_000


async def test_a_lock_that_is_not_given_back_stops_us(path: Path, entry: MakeEntry, fault: Any) -> None:
    async with SqliteJournal.opened(path, connect=fault.connect) as journal:
        fault.at, fault.code = "BEGIN", sqlite3.SQLITE_BUSY
        with pytest.raises(StateUnusable, match=r"another process keeps .* locked"):
            await journal.append([entry("web", 1)])


async def test_a_row_written_behind_our_back_is_a_conflict(path: Path, entry: MakeEntry, raw: Raw) -> None:
    async with SqliteJournal.opened(path) as journal:
        await journal.append([entry("web", 1)])
        raw("INSERT INTO entries VALUES (2, 'web', 2, 0, 0, 'x', 1, '{}', 'x')")
        with pytest.raises(VersionConflict, match="another process wrote to"):
            await journal.append([entry("web", 2)])
        with pytest.raises(VersionConflict):
            await journal.read(WEB)


async def test_j7_a_schema_from_the_future_is_refused_and_left_alone(path: Path, entry: MakeEntry, raw: Raw) -> None:
    await fill(path, entry)
    raw("PRAGMA user_version = 99")
    before = content_of(path)
    with pytest.raises(StateUnusable, match="schema 99, and this version of rollout knows up to 6"):
        async with SqliteJournal.opened(path):
            pass
    assert content_of(path) == before


async def test_j7_entries_of_a_format_from_the_future_are_refused_at_the_start(
    path: Path, entry: MakeEntry, raw: Raw
) -> None:
    await fill(path, entry)
    raw("UPDATE meta SET value = ? WHERE key = 'format'", FORMAT + 1)
    with pytest.raises(StateUnusable, match=f"format {FORMAT + 1}, and this version of rollout knows up to {FORMAT}"):
        async with SqliteJournal.opened(path):
            pass
    assert raw("SELECT value FROM meta WHERE key = 'epoch'") == [(1,)]


@pytest.mark.parametrize("content", [b"this is no database at all, but long enough to have a header " * 20, b"x"])
async def test_a_file_that_is_no_database_is_damage(path: Path, content: bytes) -> None:
    overwrite(path, content)
    with pytest.raises(JournalDamaged, match="is damaged or no journal"):
        async with SqliteJournal.opened(path):
            pass
    assert content_of(path) == content


async def test_a_database_of_somebody_else_is_refused_and_left_alone(path: Path, raw: Raw) -> None:
    raw("CREATE TABLE theirs (x)")
    before = content_of(path)
    with pytest.raises(JournalDamaged, match="no journal of rollout"):
        async with SqliteJournal.opened(path):
            pass
    assert content_of(path) == before


async def test_a_place_where_no_file_can_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateUnusable, match="cannot be made: No such file or directory"):
        async with SqliteJournal.opened(tmp_path / "missing" / "journal.sqlite"):
            pass


async def test_the_file_says_what_it_is(path: Path, entry: MakeEntry, raw: Raw) -> None:
    await fill(path, entry, count=1)
    assert raw("PRAGMA application_id") == [(APPLICATION_ID,)]
    assert raw("PRAGMA user_version") == [(6,)]
    assert raw("PRAGMA journal_mode") == [("wal",)]
    assert raw("SELECT stream, version, actor, payload FROM entries") == [
        ("web", 1, "engine", '{"type":"succeeded","number":1}')
    ]
