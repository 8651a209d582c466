"""Checked reads of the journal's tables over any connection, the engine's own or a reader's."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from rollout.core.names import StreamName
from rollout.errors import JournalDamaged
from rollout.journal.codec import GENESIS
from rollout.journal.journal import Recorded, StreamRow
from rollout.journal.record import READ_LIMIT_MAX, Stored, unseal
from rollout.journal.scan import Scan

COLUMNS: Final = "e.position, e.stream, e.version, e.t, e.wall, e.actor, e.format, e.payload, e.chain"
LINKED: Final = f"SELECT {COLUMNS}, p.chain FROM entries e LEFT JOIN entries p ON p.position = e.position - 1"  # noqa: S608 -- the columns are the constant above
"""Each record with the link before it, so that any single record can be checked without walking to it."""

Row = tuple[object, ...]


class Pages:
    """Reads through `connection`; SQLite's own errors are the caller's to translate."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def read(self, stream: StreamName) -> Sequence[Recorded]:
        """Give one stream's entries, each checked against the link before it."""
        known = self.find(stream)
        rows = self._connection.execute(f"{LINKED} WHERE e.stream = ? ORDER BY e.version", (stream,)).fetchall()
        records = [self._unseal(row) for row in rows]
        versions = [record.entry.version for record in records]
        if versions != list(range(1, (known.version if known else 0) + 1)):
            message = (
                f"{stream} holds versions {versions[:3]}…{versions[-3:]}, the index says {known}: entries are missing"
            )
            raise JournalDamaged(message)
        return records

    def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        """Give the next entries of all streams."""
        records = [self._unseal(row) for row in self.page(position, min(limit, READ_LIMIT_MAX))]
        for expected, record in enumerate(records, start=position + 1):
            if record.position != expected:
                message = f"the chain breaks: record {expected} is missing, the next is {record.position}"
                raise JournalDamaged(message)
        return records

    def scan(self, scan: Scan) -> Sequence[Recorded]:
        """Take a scan one portion further."""
        return scan.portion(self._connection, self._record)

    def streams(self, *, open_only: bool) -> Sequence[StreamRow]:
        """Give the index, in order of first entries."""
        which = "WHERE ended = 0" if open_only else ""
        rows = self._connection.execute(f"SELECT stream, version, ended FROM streams {which} ORDER BY first")  # noqa: S608 -- one of two constants
        return [StreamRow(stream, version, ended=bool(ended)) for stream, version, ended in rows]

    def find(self, stream: StreamName) -> StreamRow | None:
        """Give one line of the index."""
        row = self._connection.execute("SELECT version, ended FROM streams WHERE stream = ?", (stream,)).fetchone()
        return StreamRow(stream, row[0], ended=bool(row[1])) if row else None

    def page(self, position: int, limit: int) -> list[Row]:
        """Give the next rows as they are stored, unchecked."""
        query = f"{LINKED} WHERE e.position > ? ORDER BY e.position LIMIT ?"
        return self._connection.execute(query, (position, limit)).fetchall()

    def stored(self, row: Row) -> Stored:
        """Give a row as a record. Raises JournalDamaged for one that is none."""
        try:
            return msgspec.convert(dict(zip(Stored.__struct_fields__, row, strict=False)), Stored)
        except msgspec.ValidationError as error:
            message = f"record {row[0]} is damaged: {error}; restore the state from a backup"
            raise JournalDamaged(message) from error

    def check(self) -> None:
        """Have SQLite look at its pages. Raises JournalDamaged."""
        (verdict,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            message = f"{self._path} is damaged: {verdict}; restore the state from a backup"
            raise JournalDamaged(message)

    def _record(self, position: int) -> Recorded:
        row = self._connection.execute(f"{LINKED} WHERE e.position = ?", (position,)).fetchone()
        return self._unseal(row)

    def _unseal(self, row: Row) -> Recorded:
        stored, previous = self.stored(row), row[-1]
        if stored.position == 1:
            previous = GENESIS
        if not isinstance(previous, str):
            message = f"the chain breaks: record {stored.position - 1} is missing"
            raise JournalDamaged(message)
        return unseal(stored, previous)
