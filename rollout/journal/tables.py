"""The journal's tables behind one connection: transactions that write a whole group, and checked reads.

Everything here blocks, and runs on the one thread that owns the connection.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import astuple, replace

from rollout.core.names import Digest, Now, RolloutId, StreamName
from rollout.core.witnessed import Witnessed
from rollout.errors import CommandRefused, JournalDamaged, JournalFull, StateUnusable
from rollout.journal import blobs, database, exchanges, inbox, outbox, submissions
from rollout.journal.codec import GENESIS
from rollout.journal.index import StreamIndex
from rollout.journal.journal import Answered, Question, Recorded, StreamRow, VersionConflict
from rollout.journal.pages import Pages
from rollout.journal.record import READ_LIMIT_MAX, ChainWalk, Draft, Stored, seal
from rollout.journal.scan import Scan

CHECKPOINT_ROWS: Final = 2_000
"""The log is folded into the file after about so many rows; a few megabytes, so that a start replays little."""

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
        self._since_checkpoint = 0
        with database.translated(path), contextlib.ExitStack() as undo:
            self._connection = connect(path)
            undo.callback(self._connection.close)
            database.migrate(self._connection)
            self.epoch = database.claim(self._connection)
            self._pages = Pages(self._connection, path)
            self._index = StreamIndex(self._pages.find)
            self._tip = self._staged = self._read_tip()
            undo.pop_all()

    # --- writing ---

    def commit(self, changes: Sequence[Change]) -> list[object]:
        """Make all changes in one transaction with one sync, and give their results in order.

        A change that raises VersionConflict or CommandRefused has that as its result and leaves its neighbours alone.
        Raises JournalFull when the disk took nothing, after which the next commit may succeed. Any other failure is
        final: a sync that failed may have dropped what the next one would seem to save.
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

    def append(
        self, drafts: Sequence[Draft], ended: Sequence[StreamName], answers: Sequence[Answered] = ()
    ) -> Sequence[Recorded]:
        """Inside a commit: write entries and answers, or raise VersionConflict and write none of them."""
        inbox.refuse_unanswerable(self._connection, answers)
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
        if answers:
            inbox.answer(self._connection, answers)
        self._since_checkpoint += len(sealed)
        return [
            Recorded(record.position, drafted.entry, record.chain)
            for record, drafted in zip(sealed, drafts, strict=True)
        ]

    def beat(self, now: Now, said: str) -> None:
        """Inside a commit: note a moment, and what the engine says of itself."""
        self._connection.execute("UPDATE heartbeat SET said = ?", (said,))
        self._staged = replace(self._staged, t=max(self._staged.t, now.t), wall=now.wall)

    def put(self, digest: Digest, payload: bytes) -> None:
        """Inside a commit: store a blob once."""
        blobs.put(self._connection, digest, payload)

    def post(self, question: Question) -> None:
        """Inside a commit: ask. Raises CommandRefused, and then nothing was asked."""
        inbox.post(self._connection, question)

    def take(self, limit: int) -> Sequence[Question]:
        """Inside a commit: give the first questions without an answer."""
        return inbox.take(self._connection, limit)

    def withdraw(self, key: str) -> bool:
        """Inside a commit: take a question back."""
        return inbox.withdraw(self._connection, key)

    def put_letters(self, letters: Sequence[outbox.Letter], position: int) -> None:
        """Inside a commit: put notices in, and move their cursor."""
        outbox.put_letters(self._connection, letters, position)

    def wait_again(self, rollout: RolloutId | None) -> int:
        """Inside a commit: let notices that were given up wait anew."""
        return outbox.wait_again(self._connection, rollout)

    def tried_letters(self, numbers: Sequence[int], state: outbox.Standing, wall: float, said: str) -> None:
        """Inside a commit: note an attempt at notices."""
        outbox.tried_letters(self._connection, numbers, state, wall, said)

    def reserve(self, key: str, digest: str) -> str:
        """Inside a commit: let the key of a submission stand for a bundle; gives for which it does."""
        return submissions.reserve(self._connection, key, digest)

    def keep_exchanges(self, seen: Sequence[Witnessed]) -> None:
        """Inside a commit: keep how calls were sent and answered."""
        exchanges.keep(self._connection, seen)

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
        except (VersionConflict, CommandRefused) as refused:
            return refused

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
            return self._pages.read(stream)

    def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        """Give the next entries of all streams."""
        with self._reading():
            return self._pages.read_after(position, limit)

    def scan(self, scan: Scan) -> Sequence[Recorded]:
        """Take a scan one portion further."""
        with self._reading():
            return self._pages.scan(scan)

    def streams(self, *, open_only: bool) -> Sequence[StreamRow]:
        """Give the index, in order of first entries."""
        with self._reading():
            return self._pages.streams(open_only=open_only)

    def any_waiting(self) -> bool:
        """Tell whether a question waits in the inbox."""
        with self._reading():
            return inbox.any_waiting(self._connection)

    def answer_to(self, key: str) -> str | None:
        """Give the answer to a question."""
        with self._reading():
            return inbox.answer_to(self._connection, key)

    def exchanges(self, stream: StreamName) -> Sequence[Witnessed]:
        """Give how the calls of a stream were sent and answered."""
        with self._reading():
            return exchanges.kept(self._connection, stream)

    def exchanges_gone_wrong(self, rollout: RolloutId) -> Sequence[Witnessed]:
        """Give how the calls of a rollout were sent and answered that did not go well."""
        with self._reading():
            return exchanges.gone_wrong(self._connection, rollout)

    def drawn_to(self) -> int:
        """Give the last entry that notices were drawn from."""
        with self._reading():
            return outbox.drawn_to(self._connection)

    def waiting_targets(self) -> Sequence[str]:
        """Give the targets that notices wait for."""
        with self._reading():
            return outbox.waiting_targets(self._connection)

    def waiting_letters(self, target: str, limit: int) -> Sequence[outbox.Posted]:
        """Give the first notices that wait for a target."""
        with self._reading():
            return outbox.waiting_letters(self._connection, target, limit)

    def payload(self, digest: Digest) -> bytes:
        """Give a blob back, compared with its digest."""
        with self._reading():
            return blobs.payload(self._connection, self._path, digest)

    def verify_page(self, walk: ChainWalk) -> bool:
        """Walk one page further; True when the last record has been seen and agrees with heartbeat and index."""
        with self._reading():
            if walk.position == 0:
                self._pages.check()
            rows = self._pages.page(walk.position, READ_LIMIT_MAX)
            for row in rows:
                walk.step(self._pages.stored(row))
            if len(rows) == READ_LIMIT_MAX:
                return False
            index = {row.stream: row.version for row in self.streams(open_only=False)}
        walk.refuse_other_end(self._tip.position, self._tip.chain, index)
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

    def _reading(self) -> contextlib.AbstractContextManager[None]:
        self._refuse_if_unusable()
        return database.translated(self._path)

    def _refuse_if_unusable(self) -> None:
        if self._unusable is not None:
            raise self._unusable
