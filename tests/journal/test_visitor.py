"""A second process at the journal: it sees what is durable, asks without the lock, and keeps the directory's rules."""

import stat
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path, PurePosixPath

import pytest

from rollout.core.event import Entry
from rollout.core.names import Now, StreamName
from rollout.errors import CommandRefused, JournalDamaged, StateUnusable
from rollout.journal import database
from rollout.journal.inbox import ANSWERED_KEPT_MAX
from rollout.journal.journal import Answered, Question
from rollout.journal.mounts import Mount
from rollout.journal.sqlite import SqliteJournal
from rollout.journal.state import StateDirectory
from rollout.journal.visitor import Visitor

MakeEntry = Callable[..., Entry]
A = StreamName("web/a#1")


def asked(key: str) -> Question:
    return Question(key, "ann", "because", "{}", 5.0)


def modes_in(folder: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
async def journal(state: Path) -> AsyncIterator[SqliteJournal]:
    """An engine that holds the state directory."""
    with StateDirectory.open(state, command="rollout run", started_wall=0.0) as held:
        async with SqliteJournal.opened(held.journal) as opened:
            yield opened


async def test_a_visitor_reads_what_is_durable_while_an_engine_writes(
    state: Path, journal: SqliteJournal, entry: MakeEntry
) -> None:
    await journal.append([entry(A, 1, t=3.0)])
    with Visitor.opened(state) as visitor:
        with visitor.moment():
            assert [row.stream for row in visitor.streams()] == [A]
            await journal.append([entry(A, 2, t=4.0)])
            assert len(visitor.read(A)) == 1
        assert len(visitor.read(A)) == 2
        assert visitor.heard() == Now(4.0, 1_700_000_000.0)
    await journal.append([entry(A, 3)])


async def test_a_question_of_a_visitor_is_answered_by_the_engine(
    state: Path, journal: SqliteJournal, entry: MakeEntry
) -> None:
    with Visitor.opened(state, asks=True) as visitor:
        visitor.post(asked("k1"))
        assert visitor.answer_to("k1") is None
        assert await journal.take(10) == [asked("k1")]
        await journal.append([entry(A, 1)], answers=[Answered("k1", "yes", 6.0)])
        assert visitor.answer_to("k1") == "yes"
        visitor.post(asked("k1"))
        assert await journal.take(10) == []


async def test_a_visitor_withdraws_what_no_engine_has_read(state: Path, journal: SqliteJournal) -> None:
    with Visitor.opened(state, asks=True) as visitor:
        visitor.post(asked("k1"))
        visitor.post(asked("k2"))
        await journal.take(1)
        assert [visitor.withdraw("k1"), visitor.withdraw("k2")] == [False, True]
        with pytest.raises(CommandRefused):
            visitor.post(Question("k1", "ann", "because", "other", 5.0))


async def test_visitors_come_without_an_engine_and_leave_no_door_open(state: Path, journal: SqliteJournal) -> None:
    await journal.close()
    with Visitor.opened(state) as visitor:
        assert visitor.streams() == []
    with Visitor.opened(state, asks=True) as visitor:
        visitor.post(asked("k1"))
    assert modes_in(state) == {0o600}
    async with SqliteJournal.opened(state / "journal.sqlite") as again:
        assert await again.take(10) == [asked("k1")]


async def test_a_reader_cannot_write(state: Path, journal: SqliteJournal) -> None:
    await journal.beat(Now(1.0, 1.0))
    with Visitor.opened(state) as visitor, pytest.raises(StateUnusable, match="readonly"):
        visitor.post(asked("k1"))
    await journal.beat(Now(2.0, 2.0))


async def test_old_answers_are_forgotten_one_day(path: Path) -> None:
    async with SqliteJournal.opened(path) as journal:
        for key, number in (("first", 1), ("second", ANSWERED_KEPT_MAX), ("third", ANSWERED_KEPT_MAX + 1)):
            await journal.post(asked(key))
            with closing(database.connect(path)) as connection:
                connection.execute("UPDATE inbox SET number = ? WHERE key = ?", (number, key))
            await journal.append([], answers=[Answered(key, "yes", 5.0)])
            assert (await journal.answer_to("first") is None) == (key == "third")
        assert await journal.answer_to("second") == "yes"


# --- the directory's rules ---


def test_where_nothing_has_run_there_is_nothing_to_see_and_nothing_is_made(state: Path) -> None:
    with pytest.raises(StateUnusable, match="holds no journal: nothing has run"), Visitor.opened(state):
        pass
    assert not state.exists()


@pytest.mark.parametrize(("name", "mode"), [(".", 0o755), ("journal.sqlite", 0o644)])
async def test_a_state_that_others_can_open_is_refused(
    state: Path, journal: SqliteJournal, name: str, mode: int
) -> None:
    await journal.beat(Now(1.0, 1.0))
    (state / name).chmod(mode)
    with pytest.raises(StateUnusable, match="open to other users"), Visitor.opened(state, asks=True):
        pass


async def test_a_state_on_a_network_is_refused(state: Path, journal: SqliteJournal) -> None:
    await journal.beat(Now(1.0, 1.0))
    mounts = [Mount(PurePosixPath("/"), "nfs4")]
    with pytest.raises(StateUnusable, match="network file system"), Visitor.opened(state, mounts=mounts):
        pass


def test_a_journal_of_an_older_schema_is_left_to_the_engine(state: Path) -> None:
    state.mkdir(mode=0o700)
    with database.connect(state / "journal.sqlite") as connection:
        database.migrate(connection)
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    with pytest.raises(StateUnusable, match="schema 1 and not 6: `rollout run` brings it up"), Visitor.opened(state):
        pass


def test_what_is_no_journal_is_refused(state: Path) -> None:
    state.mkdir(mode=0o700)
    file = state / "journal.sqlite"
    file.touch(mode=0o600)
    file.write_bytes(b"x" * 4096)
    with pytest.raises(JournalDamaged), Visitor.opened(state):
        pass


async def test_a_journal_of_schema_1_gets_an_inbox_and_keeps_its_entries(path: Path, entry: MakeEntry) -> None:
    async with SqliteJournal.opened(path) as journal:
        await journal.append([entry(A, 1)])
    connection = database.connect(path)
    connection.executescript(
        "DROP TABLE inbox; DROP TABLE notices; DROP TABLE notice_cursor; DROP TABLE exchanges; DROP TABLE submissions;"
    )
    connection.executescript("ALTER TABLE heartbeat DROP COLUMN said; PRAGMA user_version = 1;")
    connection.close()
    async with SqliteJournal.opened(path) as journal:
        await journal.post(asked("k1"))
        assert await journal.verify() == 1


async def test_what_the_engine_says_of_itself_is_read_until_it_says_something_else(
    state: Path, journal: SqliteJournal
) -> None:
    await journal.beat(Now(1.0, 1.0), "sub passes 2.0 reads/s; 14 wait")
    with Visitor.opened(state) as visitor:
        assert visitor.said() == "sub passes 2.0 reads/s; 14 wait"
    await journal.beat(Now(2.0, 2.0))
    with Visitor.opened(state) as visitor:
        assert visitor.said() == ""
