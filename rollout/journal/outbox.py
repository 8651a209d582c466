"""The outbox's table: what is to be told to whom, up to which entry it was drawn, and what became of each."""

import sqlite3
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, Protocol

import msgspec
from msgspec.structs import astuple

from rollout.core.names import RolloutId

KEPT_MAX: Final = 20_000
"""Notices kept once they were taken or given up; older ones are forgotten."""
LISTED_MAX: Final = 1_000
COLUMNS: Final = "number, key, target, rollout, body, made, state, attempts, tried, said"


class Standing(IntEnum):
    """How a notice stands."""

    WAITS = 0
    TAKEN = 1
    GIVEN_UP = 2


class Letter(msgspec.Struct, frozen=True):
    """One notice for one target, as it is put in."""

    key: str
    target: str
    rollout: RolloutId
    body: str
    made: float


class Posted(msgspec.Struct, frozen=True):
    """One line of the outbox; the fields are the table's columns in order."""

    number: int
    key: str
    target: str
    rollout: RolloutId
    body: str
    made: float
    state: Standing
    attempts: int
    tried: float | None
    said: str


class Outbox(Protocol):
    """The part of a journal that knows who is to be told what. Everything is durable on return."""

    async def drawn_to(self) -> int:
        """Give the last entry that notices were drawn from."""
        ...

    async def put_letters(self, letters: Sequence[Letter], position: int) -> None:
        """Put these in, those that are there already left out, and note that entries up to `position` are done."""
        ...

    async def waiting_targets(self) -> Sequence[str]:
        """Give the targets that something waits for."""
        ...

    async def waiting_letters(self, target: str, limit: int) -> Sequence[Posted]:
        """Give the first that wait for a target, in order."""
        ...

    async def wait_again(self, rollout: RolloutId | None) -> int:
        """Let what was given up wait anew, of one rollout if one is named; gives how many."""
        ...

    async def tried_letters(self, numbers: Sequence[int], state: Standing, wall: float, said: str) -> None:
        """Note an attempt at each of these, and how they stand after it."""
        ...


def drawn_to(connection: sqlite3.Connection) -> int:
    """Give the cursor."""
    (position,) = connection.execute("SELECT position FROM notice_cursor").fetchone()
    return int(position)


def put_letters(connection: sqlite3.Connection, letters: Sequence[Letter], position: int) -> None:
    """Inside a transaction: put them in and move the cursor, which never goes back."""
    connection.executemany(
        "INSERT OR IGNORE INTO notices (key, target, rollout, body, made) VALUES (?, ?, ?, ?, ?)",
        [astuple(letter) for letter in letters],
    )
    connection.execute("UPDATE notice_cursor SET position = max(position, ?)", (position,))


def waiting_targets(connection: sqlite3.Connection) -> list[str]:
    """Give the targets that something waits for."""
    return [row[0] for row in connection.execute("SELECT DISTINCT target FROM notices WHERE state = 0 ORDER BY target")]


def waiting_letters(connection: sqlite3.Connection, target: str, limit: int) -> list[Posted]:
    """Give the first that wait for a target."""
    query = f"SELECT {COLUMNS} FROM notices WHERE state = 0 AND target = ? ORDER BY number LIMIT ?"  # noqa: S608 -- the columns are the constant above
    return [_posted(row) for row in connection.execute(query, (target, limit))]


def tried_letters(
    connection: sqlite3.Connection, numbers: Sequence[int], state: Standing, wall: float, said: str
) -> None:
    """Inside a transaction: note an attempt, and forget what was settled long ago."""
    connection.executemany(
        "UPDATE notices SET state = ?, attempts = attempts + 1, tried = ?, said = ? WHERE number = ?",
        [(state.value, wall, said, number) for number in numbers],
    )
    connection.execute(
        "DELETE FROM notices WHERE state != 0 AND number <= (SELECT max(number) FROM notices) - ?", (KEPT_MAX,)
    )


def wait_again(connection: sqlite3.Connection, rollout: RolloutId | None) -> int:
    """Inside a transaction: let what was given up wait anew, of one rollout if one is named; gives how many."""
    which = "" if rollout is None else " AND rollout = ?"
    query = f"UPDATE notices SET state = 0, attempts = 0 WHERE state = 2{which}"  # noqa: S608 - one of two constants
    return connection.execute(query, () if rollout is None else (rollout,)).rowcount


def listed(connection: sqlite3.Connection, rollout: RolloutId | None, limit: int) -> list[Posted]:
    """Give the newest lines, of one rollout if one is named; what was given up first, then what waits."""
    which = "" if rollout is None else "WHERE rollout = ?"
    query = f"SELECT {COLUMNS} FROM notices {which} ORDER BY state = 2 DESC, state = 0 DESC, number DESC LIMIT ?"  # noqa: S608 -- constants
    values = (min(limit, LISTED_MAX),) if rollout is None else (rollout, min(limit, LISTED_MAX))
    return [_posted(row) for row in connection.execute(query, values)]


def _posted(row: tuple[object, ...]) -> Posted:
    return msgspec.convert(dict(zip(Posted.__struct_fields__, row, strict=True)), Posted)
