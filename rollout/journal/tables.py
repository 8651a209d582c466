"""The journal's tables behind one connection: transactions that write a whole group, and checked reads.

Everything here blocks, and runs on the one thread that owns the connection.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import astuple, replace

from rollout.core.names import Digest, Now, StreamName
from rollout.errors import JournalDamaged, JournalFull, StateUnusable
from rollout.journal import database
from rollout.journal.codec import GENESIS
from rollout.journal.index import StreamIndex
from rollout.journal.journal import Recorded, StreamRow, VersionConflict
from rollout.journal.record import READ_LIMIT_MAX, ChainWalk, Draft, Stored, seal, unseal

CHECKPOINT_ROWS: Final = 2_000
"""The log is folded into the file after about so many rows; a few megabytes, so that a start replays little."""

COLUMNS: Final = "e.position, e.stream, e.version, e.t, e.wall, e.actor, e.format, e.payload, e.chain"
LINKED: Final = f"SELECT {COLUMNS}, p.chain FROM entries e LEFT JOIN entries p ON p.position = e.position - 1"  # noqa: S608 -- the columns are the constant above
"""Each record with the link before it, so that any single record can be checked without walking to it."""

Connect = Callable[[Path], sqlite3.Connection]
"""The seam for faults: tests give a connection that fails, counts or has a page limit."""

Change = Callable[["Tables"], object]
"""One caller's part of a group, called inside the transaction."""


class Tip(msgspec.Struct, frozen=True):
    """Where the chain ends, and the latest moment known; the columns of the heartbeat row in order."""

    position: int
    chain: str
    t: float
    wall: float


class Tables:
    """Opens the journal at `path`. Raises JournalDamaged for a file that is none, StateUnusable for a later schema."""

    def __init__(self, path: Path, connect: Connect = database.connect) -> None:
        self._path = path
        self._unusable: StateUnusable | VersionConflict | None = None
        self._index = StreamIndex(self._find)
        self._since_checkpoint = 0
        with database.translated(path), contextlib.ExitStack() as undo:
            self._connection = connect(path)
            undo.callback(self._connection.close)
            database.migrate(self._connection)
            self.epoch = database.claim(self._connection)
            self._tip = self._staged = self._read_tip()
            undo.pop_all()

    # --- writing ---

    def commit(self, changes: Sequence[Change]) -> list[object]:
        """Make all changes in one transaction with one sync, and give their results in order.

        A change that raises VersionConflict has that as its result and leaves its neighbours alone. Raises JournalFull
        when the disk took nothing, after which the next commit may succeed. Any other failure is final: a sync that
        failed may have dropped what the next one would seem to save.
        """
        self._refuse_if_unusable()
        self._staged = self._tip
        self._index.drop()
        try:
            with database.translated(self._path):
                results = self._transact(changes)
                self._tip = self._staged
                self._index.keep()
                self._checkpoint_if_due()
        except JournalFull:
            raise
        except (StateUnusable, VersionConflict) as error:
            self._unusable = error
            raise
        return results

    def append(self, drafts: Sequence[Draft], ended: Sequence[StreamName]) -> Sequence[Recorded]:
        """Inside a commit: write entries, or raise VersionConflict and write none of them."""
        changed = self._index.accept(drafts, ended)
        sealed = [self._seal_next(drafted) for drafted in drafts]
        firsts = {record.stream: record.position for record in reversed(sealed)}
        self._connection.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [astuple(row) for row in sealed]
        )
        self._connection.executemany(
            "INSERT INTO streams VALUES (?, ?, ?, ?)"
            " ON CONFLICT (stream) DO UPDATE SET version = excluded.version, ended = excluded.ended",
            [(firsts.get(row.stream), row.stream, row.version, row.ended) for row in changed],
        )
        self._since_checkpoint += len(sealed)
        return [
            Recorded(record.position, drafted.entry, record.chain)
            for record, drafted in zip(sealed, drafts, strict=True)
        ]

    def beat(self, now: Now) -> None:
        """Inside a commit: note a moment."""
        self._staged = replace(self._staged, t=max(self._staged.t, now.t), wall=now.wall)

    def put(self, digest: Digest, payload: bytes) -> None:
        """Inside a commit: store a blob once."""
        self._connection.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (digest, payload))

    def _transact(self, changes: Sequence[Change]) -> list[object]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._refuse_if_outlived()
            results = [self._result_of(change) for change in changes]
            self._connection.execute(
                "UPDATE heartbeat SET position = ?, chain = ?, t = ?, wall = ?",
                astuple(self._staged),
            )
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self._since_checkpoint += 1
        return results

    def _result_of(self, change: Change) -> object:
        try:
            return change(self)
        except VersionConflict as conflict:
            return conflict

    def _refuse_if_outlived(self) -> None:
        """Stop an engine that another one has followed, even where somebody removed the lock file between them."""
        (epoch,) = self._connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        if epoch != self.epoch:
            message = f"another engine opened {self._path} after this one (incarnation {epoch}, ours is {self.epoch})"
            raise VersionConflict(message)

    def _seal_next(self, drafted: Draft) -> Stored:
        record = seal(drafted, self._staged.position + 1, self._staged.chain)
        self._staged = Tip(record.position, record.chain, max(self._staged.t, record.t), record.wall)
        return record

    def _checkpoint_if_due(self) -> None:
        if self._since_checkpoint < CHECKPOINT_ROWS:
            return
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.OperationalError as error:
            # The commit before it is durable in the log, which may grow until there is room again.
            if not isinstance(database.meaning(error, self._path), JournalFull):
                raise
        self._since_checkpoint = 0

    # --- reading ---

    @property
    def t(self) -> float:
        """The largest engine second that is durable."""
        return self._tip.t

    def read(self, stream: StreamName) -> Sequence[Recorded]:
        """Give one stream's entries, each checked against the link before it."""
        with self._reading():
            known = self._find(stream)
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
        with self._reading():
            rows = self._page(position, min(limit, READ_LIMIT_MAX))
        records = [self._unseal(row) for row in rows]
        for expected, record in enumerate(records, start=position + 1):
            if record.position != expected:
                message = f"the chain breaks: record {expected} is missing, the next is {record.position}"
                raise JournalDamaged(message)
        return records

    def streams(self, *, open_only: bool) -> Sequence[StreamRow]:
        """Give the index, in order of first entries."""
        which = "WHERE ended = 0" if open_only else ""
        with self._reading():
            rows = self._connection.execute(f"SELECT stream, version, ended FROM streams {which} ORDER BY first")  # noqa: S608 -- one of two constants
            return [StreamRow(stream, version, ended=bool(ended)) for stream, version, ended in rows]

    def payload(self, digest: Digest) -> bytes:
        """Give a blob back, compared with its digest."""
        with self._reading():
            row = self._connection.execute("SELECT payload FROM blobs WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            message = f"{self._path} holds no payload {digest}"
            raise JournalDamaged(message)
        payload: bytes = row[0]
        if hashlib.sha256(payload).hexdigest() != digest:
            message = f"{self._path}: payload {digest} was changed; restore the state from a backup"
            raise JournalDamaged(message)
        return payload

    def verify_page(self, walk: ChainWalk) -> bool:
        """Walk one page further; True when the last record has been seen and agrees with heartbeat and index."""
        with self._reading():
            if walk.position == 0:
                self._check_pages()
            rows = self._page(walk.position, READ_LIMIT_MAX)
            for row in rows:
                walk.step(self._stored(row))
            if len(rows) == READ_LIMIT_MAX:
                return False
            index = {row.stream: row.version for row in self.streams(open_only=False)}
        if (walk.position, walk.head) != (self._tip.position, self._tip.chain):
            message = f"the journal ends with record {walk.position}, the last one written was {self._tip.position}"
            raise JournalDamaged(message)
        if index != walk.versions:
            message = f"{self._path}: the index of streams does not agree with the entries"
            raise JournalDamaged(message)
        return True

    def close(self) -> None:
        """Let go of the file; the last to leave folds the log into it."""
        self._connection.close()

    def _read_tip(self) -> Tip:
        """Find where the chain goes on. Reads one entry, however many there are."""
        known = Tip(*self._connection.execute("SELECT position, chain, t, wall FROM heartbeat").fetchone())
        last = self._connection.execute("SELECT position, chain FROM entries ORDER BY position DESC LIMIT 1").fetchone()
        if (known.position, known.chain) != (last or (0, GENESIS)):
            there = last[0] if last else "none"
            message = f"{self._path}: the last record written was {known.position}, the last one there is {there}"
            raise JournalDamaged(message)
        return known

    def _find(self, stream: StreamName) -> StreamRow | None:
        row = self._connection.execute("SELECT version, ended FROM streams WHERE stream = ?", (stream,)).fetchone()
        return StreamRow(stream, row[0], ended=bool(row[1])) if row else None

    def _page(self, position: int, limit: int) -> list[tuple[object, ...]]:
        query = f"{LINKED} WHERE e.position > ? ORDER BY e.position LIMIT ?"
        return self._connection.execute(query, (position, limit)).fetchall()

    def _check_pages(self) -> None:
        (verdict,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            message = f"{self._path} is damaged: {verdict}; restore the state from a backup"
            raise JournalDamaged(message)

    def _unseal(self, row: tuple[object, ...]) -> Recorded:
        stored, previous = self._stored(row), row[-1]
        if stored.position == 1:
            previous = GENESIS
        if not isinstance(previous, str):
            message = f"the chain breaks: record {stored.position - 1} is missing"
            raise JournalDamaged(message)
        return unseal(stored, previous)

    def _stored(self, row: tuple[object, ...]) -> Stored:
        try:
            return msgspec.convert(dict(zip(Stored.__struct_fields__, row, strict=False)), Stored)
        except msgspec.ValidationError as error:
            message = f"record {row[0]} is damaged: {error}; restore the state from a backup"
            raise JournalDamaged(message) from error

    def _reading(self) -> contextlib.AbstractContextManager[None]:
        self._refuse_if_unusable()
        return database.translated(self._path)

    def _refuse_if_unusable(self) -> None:
        if self._unusable is not None:
            raise self._unusable
