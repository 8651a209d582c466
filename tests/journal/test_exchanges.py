"""How calls were sent and answered is kept for each stream, the newest, and outlives the process."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from rollout.core.names import RolloutId, StreamName
from rollout.core.witnessed import Witnessed
from rollout.journal import exchanges
from rollout.journal.exchanges import KEPT_MAX, KEPT_PER_STREAM, WRONG_MAX, gone_wrong, keep, kept
from rollout.journal.sqlite import SqliteJournal

A, B = StreamName("web/a#1"), StreamName("web/b#1")


def seen(stream: StreamName, number: int, request_id: str = "", what: str = "upgrade") -> Witnessed:
    return Witnessed(
        stream, number, what, 5.0, "POST", "/", sent=True, status=202, request="a", answer="b", request_id=request_id
    )


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    script = Path(exchanges.__file__).parent / "schema" / "005_exchanges.sql"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script.read_text(encoding="utf-8"))
        yield connection


def test_each_stream_has_its_own_in_order(table: sqlite3.Connection) -> None:
    keep(table, [seen(A, 1), seen(B, 1), seen(A, 2)])
    assert kept(table, A) == [seen(A, 1), seen(A, 2)]
    assert kept(table, B) == [seen(B, 1)]


def test_the_outcome_of_an_operation_goes_to_the_call_that_began_it(table: sqlite3.Connection) -> None:
    failed = seen(StreamName(""), 0, "ab" * 16)
    keep(table, [seen(A, 7, "ab" * 16, "walk of domain 2"), failed, seen(B, 7, "cd" * 16)])
    keep(table, [failed])
    assert len(kept(table, A)) == 3
    assert (
        kept(table, A)[1]
        == kept(table, A)[2]
        == replace(failed, stream=A, number=7, what="outcome of the walk of domain 2")
    )
    assert len(kept(table, B)) == 1


def test_an_outcome_that_belongs_to_nobody_is_left_out(table: sqlite3.Connection) -> None:
    keep(table, [seen(A, 1), seen(StreamName(""), 0, "ab" * 16), seen(StreamName(""), 0)])
    assert table.execute("SELECT count(*) FROM exchanges").fetchone() == (1,)


def test_a_stream_keeps_its_newest_and_the_table_is_bounded(table: sqlite3.Connection) -> None:
    keep(table, [seen(A, number) for number in range(KEPT_PER_STREAM + 5)])
    assert [each.number for each in kept(table, A)] == list(range(5, KEPT_PER_STREAM + 5))
    keep(table, [seen(StreamName(f"web/s{number}#1"), 1) for number in range(KEPT_MAX)])
    assert table.execute("SELECT count(*) FROM exchanges").fetchone() == (KEPT_MAX,)
    assert kept(table, A) == []


def test_what_went_wrong_in_a_rollout_is_found_without_its_neighbours(table: sqlite3.Connection) -> None:
    other, later = StreamName("web0/a#1"), StreamName("web-2/a#1")
    lost = replace(seen(A, 3), status=None)
    failed = replace(seen(StreamName(""), 0, "ab" * 16), method="GET", status=200)
    refused = replace(seen(B, 1), status=409)
    keep(table, [seen(A, 1, "ab" * 16), lost, refused, failed, replace(refused, stream=other), seen(later, 1)])
    found = gone_wrong(table, RolloutId("web"))
    assert [(each.stream, each.status) for each in found] == [(A, None), (B, 409), (A, 200)]
    keep(table, [replace(refused, stream=StreamName(f"many/s{n}#1"), number=n) for n in range(WRONG_MAX + 2)])
    assert [each.number for each in gone_wrong(table, RolloutId("many"))] == list(range(2, WRONG_MAX + 2))


async def test_they_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal.opened(path) as journal:
        await journal.keep_exchanges([seen(A, 1)])
    async with SqliteJournal.opened(path) as journal:
        assert await journal.exchanges(A) == [seen(A, 1)]
