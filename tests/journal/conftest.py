"""What the journal's tests share: entries to write, raw looks at the file, and the switch for long searches."""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rollout.core.ending import Outcome
from rollout.core.event import Closed, Entry, Fact, Succeeded
from rollout.core.names import ENGINE, Now, StreamName
from rollout.journal import database

MakeEntry = Callable[..., Entry]
Raw = Callable[..., list[Any]]


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Leave the long searches out unless they are asked for."""
    if os.environ.get("ROLLOUT_LONG"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="a long search; runs with ROLLOUT_LONG=1"))


@pytest.fixture
def entry() -> MakeEntry:
    """Make a small valid entry."""

    def make(stream: str, version: int, fact: Fact | None = None, t: float = 1.0) -> Entry:
        return Entry(StreamName(stream), version, Now(t, 1_700_000_000.0), ENGINE, fact or Succeeded(version))

    return make


@pytest.fixture
def closed() -> Closed:
    return Closed(Outcome.SUCCEEDED, ENGINE, "all domains are done")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


class WatchedConnection(sqlite3.Connection):
    """Tells of every statement before it is run; what hears of it may raise."""

    hear: Callable[[sqlite3.Connection, str], None]

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self.hear(self, sql)
        return super().execute(sql, parameters)


class Fault:
    """A connection to order: counts commits, raises at a statement, or has no room for more pages."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.at: str | None = None
        self.code = sqlite3.SQLITE_IOERR_FSYNC
        self.pages_max: int | None = None

    def connect(self, path: Path) -> sqlite3.Connection:
        factory = type("Ordered", (WatchedConnection,), {"hear": staticmethod(self._hear)})
        return database.connect(path, factory)

    def count(self, statement: str) -> int:
        return sum(each.startswith(statement) for each in self.statements)

    def _hear(self, connection: sqlite3.Connection, statement: str) -> None:
        self.statements.append(statement)
        if statement == "BEGIN IMMEDIATE" and self.pages_max is not None:
            sqlite3.Connection.execute(connection, f"PRAGMA max_page_count = {self.pages_max}")
        if self.at is not None and statement.startswith(self.at):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error


@pytest.fixture
def fault() -> Fault:
    return Fault()


@pytest.fixture
def raw(path: Path) -> Raw:
    """Run one statement on the file behind the journal's back."""

    def run(statement: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()

    return run
