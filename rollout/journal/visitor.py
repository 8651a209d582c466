"""A second process at the journal: it reads what is durable and asks through the inbox. It takes no lock, and no part.

Only engines hold the state directory and give the journal its schema. The directory's rules hold for visitors, too.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import quote

from rollout.core.names import Digest, Now, RolloutId, StreamName, digest_of
from rollout.core.witnessed import Witnessed
from rollout.errors import StateUnusable
from rollout.journal import blobs, database, exchanges, inbox, outbox
from rollout.journal.journal import Question, Recorded, StreamRow
from rollout.journal.mounts import Mount, read_mounts
from rollout.journal.outbox import Posted
from rollout.journal.pages import Pages
from rollout.journal.record import READ_LIMIT_MAX, ChainWalk, Stored
from rollout.journal.state import JOURNAL_NAME, refuse_network, refuse_shared


class Visitor:
    """One connection to the journal of a state directory. Made by `opened`; everything here blocks."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._pages = Pages(connection, path)

    @classmethod
    @contextlib.contextmanager
    def opened(cls, state: Path, *, asks: bool = False, mounts: Sequence[Mount] | None = None) -> Iterator[Self]:
        """Visit the journal in `state` for the time of the block; only with `asks` can anything be written.

        Raises StateUnusable where there is none, where other users could reach it, where it lies on a network, or where
        its schema is not this version's.
        """
        path = _journal_in(state, read_mounts() if mounts is None else mounts)
        with database.translated(path), contextlib.ExitStack() as undo:
            address = f"file:{quote(str(path))}?mode={'rw' if asks else 'ro'}"
            connection = sqlite3.connect(address, uri=True, timeout=database.BUSY_TIMEOUT_S, isolation_level=None)
            undo.callback(connection.close)
            connection.text_factory = lambda text: text.decode(errors="surrogateescape")
            database.check_schema(connection, path)
            _refuse_old(connection, path)
            if asks:
                database.write_ahead(connection, path)
            yield cls(connection, path)

    @contextlib.contextmanager
    def moment(self) -> Iterator[None]:
        """Read one and the same moment for the time of the block, whatever the engine writes meanwhile."""
        with self._transaction("BEGIN"):
            yield

    def streams(self) -> Sequence[StreamRow]:
        """Give the index of streams, in order of their first entries."""
        return self._pages.streams(open_only=False)

    def read(self, stream: StreamName) -> Sequence[Recorded]:
        """Give one stream's entries, each checked against the link before it."""
        return self._pages.read(stream)

    def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        """Give at most `limit` entries of all streams with a greater position, in order."""
        return self._pages.read_after(position, limit)

    def position(self) -> int:
        """Give the last entry's position; 0 = there is none."""
        return int(self._connection.execute("SELECT coalesce(max(position), 0) FROM entries").fetchone()[0])

    def records(self, after: int, limit: int) -> Sequence[Stored]:
        """Give the next records as they are stored, unchecked."""
        return [self._pages.stored(row) for row in self._pages.page(after, limit)]

    def verify(self) -> ChainWalk:
        """Walk the whole chain and hold it against the last heartbeat and the index; best within one `moment`.

        Raises JournalDamaged naming the first record that does not fit.
        """
        self._pages.check()
        walk = ChainWalk()
        while found := self.records(walk.position, READ_LIMIT_MAX):
            for stored in found:
                walk.step(stored)
        tip = self._connection.execute("SELECT position, chain FROM heartbeat").fetchone()
        walk.refuse_other_end(tip[0], tip[1], {row.stream: row.version for row in self.streams()})
        return walk

    def heard(self) -> Now:
        """Give the last moment of which an engine told."""
        return Now(*self._connection.execute("SELECT t, wall FROM heartbeat").fetchone())

    def said(self) -> str:
        """Give what the engine said of itself then."""
        return str(self._connection.execute("SELECT said FROM heartbeat").fetchone()[0])

    def copy_to(self, file: Path) -> None:
        """Copy the journal as it is at one moment into a new private file, whatever the engine writes meanwhile."""
        with database.translated(self._path):
            database.copy(self._connection, file)

    def letters(self, rollout: RolloutId | None, limit: int) -> Sequence[Posted]:
        """Give notices and what became of them: those given up first, then those that wait, the newest first."""
        with database.translated(self._path):
            return outbox.listed(self._connection, rollout, limit)

    def wait_again(self, rollout: RolloutId | None) -> int:
        """Let notices that were given up wait anew, for an engine to send; durable on return. Gives how many."""
        with self._transaction("BEGIN IMMEDIATE"):
            return outbox.wait_again(self._connection, rollout)

    def exchanges(self, stream: StreamName) -> Sequence[Witnessed]:
        """Give how the calls of a stream were sent and answered, oldest first."""
        with database.translated(self._path):
            return exchanges.kept(self._connection, stream)

    def exchanges_gone_wrong(self, rollout: RolloutId) -> Sequence[Witnessed]:
        """Give how the calls of a rollout were sent and answered that did not go well, oldest first."""
        with database.translated(self._path):
            return exchanges.gone_wrong(self._connection, rollout)

    def payload(self, digest: Digest) -> bytes:
        """Give a document that an entry names. Raises JournalDamaged."""
        with database.translated(self._path):
            return blobs.payload(self._connection, self._path, digest)

    def keep(self, payload: bytes) -> Digest:
        """Store a document that a question names by its digest; durable on return."""
        digest = digest_of(payload)
        with self._transaction("BEGIN IMMEDIATE"):
            blobs.put(self._connection, digest, payload)
        return digest

    def post(self, question: Question) -> None:
        """Ask, durable on return. Raises CommandRefused for a used key or a full inbox."""
        with self._transaction("BEGIN IMMEDIATE"):
            inbox.post(self._connection, question)

    def withdraw(self, key: str) -> bool:
        """Take a question back; False = there is none, or an engine has read it."""
        with self._transaction("BEGIN IMMEDIATE"):
            return inbox.withdraw(self._connection, key)

    def answer_to(self, key: str) -> str | None:
        """Give the answer to a question, if there is one."""
        with database.translated(self._path):
            return inbox.answer_to(self._connection, key)

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        with database.translated(self._path):
            self._connection.execute(begin)
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def _journal_in(state: Path, mounts: Sequence[Mount]) -> Path:
    real = Path(os.path.realpath(state))
    path = real / JOURNAL_NAME
    try:
        if not path.exists():
            message = f"{real} holds no journal: nothing has run with this state directory; name another with --state"
            raise StateUnusable(message)
        refuse_network(real, mounts)
        refuse_shared(real)
    except OSError as error:
        message = f"the state directory {real} cannot be used: {error.strerror or error}"
        raise StateUnusable(message) from error
    return path


def _refuse_old(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    newest = database.schema_scripts()[-1][0]
    if version < newest:
        message = f"{path} has schema {version} and not {newest}: `rollout run` brings it up to date, then ask again"
        raise StateUnusable(message)
