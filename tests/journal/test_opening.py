"""J8: opening a journal reads what is open, not what there is."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import astuple

from rollout.core.event import Closed, Entry, Lost
from rollout.core.names import StreamName
from rollout.journal import database
from rollout.journal.codec import GENESIS
from rollout.journal.pages import LINKED
from rollout.journal.record import draft, seal
from rollout.journal.sqlite import SqliteJournal

GIGABYTE = 1_000_000_000
FACT_BYTES = 4_000

MakeEntry = Callable[..., Entry]


def grow(path: Path, entry: MakeEntry, bytes_min: int) -> int:
    """Fill a journal with ended streams of ten entries and one open one; give the number of entries."""
    head, position = GENESIS, 0
    with closing(database.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        while position * FACT_BYTES < bytes_min:
            first, rows = position + 1, []
            for version in range(1, 11):
                record = seal(draft(entry(f"r/{first}#1", version, Lost(1, "x" * FACT_BYTES))), position + 1, head)
                position, head = record.position, record.chain
                rows.append(astuple(record))
            connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            ended = position * FACT_BYTES < bytes_min
            connection.execute("INSERT INTO streams VALUES (?, ?, 10, ?)", (first, f"r/{first}#1", ended))
        connection.execute("UPDATE heartbeat SET position = ?, chain = ?", (position, head))
        connection.execute("COMMIT")
    return position


async def test_j8_opening_looks_at_one_entry_however_many_there_are(
    path: Path, entry: MakeEntry, closed: Closed, fault: Any
) -> None:
    async with SqliteJournal.opened(path) as journal:
        await journal.append([entry("r", 1), *(entry(f"r/{number}#1", 1) for number in range(500))])
        ended = [StreamName(f"r/{number}#1") for number in range(500)]
        await journal.append([entry(stream, 2, closed) for stream in ended], ended)
    async with SqliteJournal.opened(path, connect=fault.connect) as journal:
        assert [row.stream for row in await journal.streams(open_only=True)] == ["r"]
        assert len(await journal.read(StreamName("r"))) == 1
        await journal.append([entry("r", 2)])
    reads = [statement for statement in fault.statements if "FROM entries" in statement]
    assert len(reads) == 2
    assert reads[0] == "SELECT position, chain FROM entries ORDER BY position DESC LIMIT 1"
    assert reads[1].endswith("WHERE e.stream = ? ORDER BY e.version")


async def test_j8_none_of_these_looks_scans_a_table(path: Path, entry: MakeEntry, raw: Callable[..., Any]) -> None:
    async with SqliteJournal.opened(path) as journal:
        await journal.append([entry("r", 1)])
    for statement in (
        "SELECT position, chain FROM entries ORDER BY position DESC LIMIT 1",
        f"{LINKED} WHERE e.stream = 'r' ORDER BY e.version",
        "SELECT stream, version, ended FROM streams WHERE ended = 0 ORDER BY first",
    ):
        plan = [row[3] for row in raw(f"EXPLAIN QUERY PLAN {statement}")]
        allowed = ("SEARCH", "SCAN entries", "SCAN streams USING INDEX streams_open")
        assert all(step.startswith(allowed) for step in plan), plan
        assert not any("TEMP B-TREE" in step for step in plan), plan


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_j8_a_journal_of_a_gigabyte_opens_in_less_than_ten_seconds(path: Path, entry: MakeEntry) -> None:
    def prepare() -> int:
        with closing(database.connect(path)) as connection:
            database.migrate(connection)
        return grow(path, entry, GIGABYTE)

    entries = prepare()
    began = time.monotonic()
    async with SqliteJournal.opened(path) as journal:
        (row,) = await journal.streams(open_only=True)
        assert len(await journal.read(row.stream)) == 10
        took = time.monotonic() - began
        await journal.append([entry(row.stream, 11)])
        assert await journal.verify() == entries + 1
    assert took < 10
    path.unlink()  # noqa: ASYNC240 -- pytest would keep the gigabyte
