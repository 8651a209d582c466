"""The journal in one SQLite file: one writer, group commit, and no answer before the sync.

The writer is a chain of groups, not a task: a group begins when something is queued and none is under way, takes all
there is, and begins the next one when it ends. Callers only wait for their own answer, so cancelling one of them
cancels no write, and nothing here has to be started or guarded.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from rollout.core.event import Entry
from rollout.core.names import Digest, Now, RolloutId, StreamName, digest_of
from rollout.core.witnessed import Witnessed
from rollout.errors import InvariantBroken, StateUnusable
from rollout.journal import database
from rollout.journal.journal import Answered, Question, Recorded, StreamRow
from rollout.journal.offload import Offload, OneThread
from rollout.journal.outbox import Letter, Posted, Standing
from rollout.journal.record import ChainWalk, draft
from rollout.journal.scan import Scan
from rollout.journal.tables import Change, Connect, Tables

QUEUED_ROWS_MAX: Final = 100_000
"""Rows that may wait for the disk. More means that it does not keep up at all, and the process stops."""

GROUP_ROWS_MAX: Final = 2_000
"""Rows in one transaction; beyond it, a longer group is hardly faster and delays everybody in it."""

BLOB_BYTES_MAX: Final = 64 * 1024 * 1024
"""One payload: a policy, a configuration, a package reference."""

T = TypeVar("T")


class Waiting(msgspec.Struct, frozen=True):
    """One queued change, its number of rows, and who waits for its result."""

    change: Change
    rows: int
    answer: asyncio.Future[Any]


class SqliteJournal:
    """Open it with `opened`; it belongs to the loop it was opened on."""

    def __init__(self, path: Path, tables: Tables, offload: Offload) -> None:
        self.path = path
        self.incarnation = tables.epoch
        """Counts the openings of this journal; the newest alone may write."""
        self._tables = tables
        self._offload = offload
        self._queue: deque[Waiting] = deque()
        self._queued_rows = 0
        self._closing = False
        self._writing = False
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, path: Path, *, connect: Connect = database.connect, offload: Offload | None = None
    ) -> AsyncIterator["SqliteJournal"]:
        """Open or make the journal at `path` for the time of the block.

        Raises JournalDamaged for a file that is no journal, StateUnusable for one written by a later version. Leaving
        the block finishes what is queued. `connect` and `offload` are seams for faults and for virtual time.
        """
        offload = offload or OneThread()
        try:
            journal = cls(path, await _opened(path, connect, offload), offload)
            try:
                yield journal
            finally:
                await journal.close()
        finally:
            offload.close()

    async def append(
        self, entries: Sequence[Entry], ended: Sequence[StreamName] = (), answers: Sequence[Answered] = ()
    ) -> Sequence[Recorded]:
        """Write entries in one transaction, together with whatever else is queued."""
        drafts = [draft(entry) for entry in entries]
        rows = len(drafts) + len(ended) + len(answers)
        return await self._write(lambda tables: tables.append(drafts, ended, answers), rows=rows)

    async def beat(self, now: Now, said: str = "") -> None:
        """Note that the engine lived at `now`, and what it says of itself."""
        await self._write(lambda tables: tables.beat(now, said), rows=1)

    async def put(self, payload: bytes) -> Digest:
        """Store a blob. Raises InvariantBroken above BLOB_BYTES_MAX: documents are bounded where they are read."""
        if len(payload) > BLOB_BYTES_MAX:
            message = f"a payload of {len(payload)} bytes is larger than {BLOB_BYTES_MAX}"
            raise InvariantBroken(message)
        digest = digest_of(payload)
        await self._write(lambda tables: tables.put(digest, payload), rows=1)
        return digest

    async def read(self, stream: StreamName) -> Sequence[Recorded]:
        """Give one stream's entries in order."""
        return await self._read(lambda: self._tables.read(stream))

    async def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        """Give at most `limit` entries behind `position`, and never more than READ_LIMIT_MAX."""
        return await self._read(lambda: self._tables.read_after(position, limit))

    async def scan(self, rows: Sequence[StreamRow]) -> AsyncIterator[Sequence[Recorded]]:
        """Give all that lies in these streams, portion by portion."""
        scan = Scan(rows)
        while not scan.over:
            yield await self._read(lambda: self._tables.scan(scan))

    async def streams(self, *, open_only: bool = False) -> Sequence[StreamRow]:
        """Give the index of streams."""
        return await self._read(lambda: self._tables.streams(open_only=open_only))

    async def last_t(self) -> float:
        """Give the largest engine second known."""
        return await self._read(lambda: self._tables.t)

    async def payload(self, digest: Digest) -> bytes:
        """Give a blob back."""
        return await self._read(lambda: self._tables.payload(digest))

    async def post(self, question: Question) -> None:
        """Ask. Raises CommandRefused for a used key, an unfit question, or a full inbox."""
        await self._write(lambda tables: tables.post(question), rows=1)

    async def take(self, limit: int) -> Sequence[Question]:
        """Give the first questions without an answer; where there are none, nothing is written."""
        if not await self._read(self._tables.any_waiting):
            return []
        return await self._write(lambda tables: tables.take(limit), rows=limit)

    async def withdraw(self, key: str) -> bool:
        """Take a question back that no engine has read."""
        return await self._write(lambda tables: tables.withdraw(key), rows=1)

    async def answer_to(self, key: str) -> str | None:
        """Give the answer to a question, if there is one."""
        return await self._read(lambda: self._tables.answer_to(key))

    async def drawn_to(self) -> int:
        """Give the last entry that notices were drawn from."""
        return await self._read(self._tables.drawn_to)

    async def put_letters(self, letters: Sequence[Letter], position: int) -> None:
        """Put notices in, and move their cursor."""
        await self._write(lambda tables: tables.put_letters(letters, position), rows=len(letters) + 1)

    async def waiting_targets(self) -> Sequence[str]:
        """Give the targets that notices wait for."""
        return await self._read(self._tables.waiting_targets)

    async def waiting_letters(self, target: str, limit: int) -> Sequence[Posted]:
        """Give the first notices that wait for a target."""
        return await self._read(lambda: self._tables.waiting_letters(target, limit))

    async def wait_again(self, rollout: RolloutId | None) -> int:
        """Let notices that were given up wait anew."""
        return await self._write(lambda tables: tables.wait_again(rollout), rows=1)

    async def tried_letters(self, numbers: Sequence[int], state: Standing, wall: float, said: str) -> None:
        """Note an attempt at notices."""
        await self._write(lambda tables: tables.tried_letters(numbers, state, wall, said), rows=len(numbers))

    async def reserve(self, key: str, digest: str) -> str:
        """Let the key of a submission stand for a bundle, unless it stands for one already; gives for which."""
        return await self._write(lambda tables: tables.reserve(key, digest), rows=1)

    async def keep_exchanges(self, seen: Sequence[Witnessed]) -> None:
        """Keep how calls were sent and answered."""
        await self._write(lambda tables: tables.keep_exchanges(seen), rows=len(seen))

    async def exchanges(self, stream: StreamName) -> Sequence[Witnessed]:
        """Give how the calls of a stream were sent and answered, oldest first."""
        return await self._read(lambda: self._tables.exchanges(stream))

    async def exchanges_gone_wrong(self, rollout: RolloutId) -> Sequence[Witnessed]:
        """Give those of a rollout that did not go well, oldest first."""
        return await self._read(lambda: self._tables.exchanges_gone_wrong(rollout))

    async def verify(self) -> int:
        """Walk the whole chain, page by page, so that appends go on in between."""
        walk = ChainWalk()
        while not await self._read(lambda: self._tables.verify_page(walk)):
            pass
        return walk.position

    async def close(self) -> None:
        """Finish what is queued, then let go of the file; a cancellation waits that long. Once is enough."""
        if self._closing:
            return
        self._closing = True
        interrupted: asyncio.CancelledError | None = None
        while not self._idle.is_set():
            try:
                await self._idle.wait()
            except asyncio.CancelledError as error:
                interrupted = error
        await _finished(self._offload(self._tables.close))
        if interrupted is not None:
            raise interrupted

    async def _read(self, look: Callable[[], T]) -> T:
        self._refuse_if_closing()
        return await self._offload(look)

    async def _write(self, change: Callable[[Tables], T], *, rows: int) -> T:
        self._refuse_if_closing()
        if self._queued_rows + rows > QUEUED_ROWS_MAX:
            message = f"{self._queued_rows} rows wait for the disk under {self.path}, which does not keep up"
            raise StateUnusable(message)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(Waiting(change, rows, answer))
        self._queued_rows += rows
        self._begin_group()
        return await answer

    def _begin_group(self) -> None:
        """Take what is queued into one transaction, unless one is under way."""
        if self._writing or not self._queue:
            return
        group: list[Waiting] = []
        rows = 0
        while self._queue and (not group or rows + self._queue[0].rows <= GROUP_ROWS_MAX):
            group.append(self._queue.popleft())
            rows += group[-1].rows
        self._queued_rows -= rows
        self._writing = True
        self._idle.clear()
        written = self._offload(partial(self._tables.commit, [waiting.change for waiting in group]))
        written.add_done_callback(partial(self._end_group, group))

    def _end_group(self, group: Sequence[Waiting], written: asyncio.Future[list[object]]) -> None:
        """Wake everybody in the group, then begin the next one."""
        failure = written.exception()
        results = written.result() if failure is None else [failure] * len(group)
        for waiting, result in zip(group, results, strict=True):
            if waiting.answer.done():
                continue  # its caller was cancelled; the write was not
            if isinstance(result, BaseException):
                waiting.answer.set_exception(result)
            else:
                waiting.answer.set_result(result)
        self._writing = False
        self._begin_group()
        if not self._writing:
            self._idle.set()

    def _refuse_if_closing(self) -> None:
        if self._closing:
            message = f"the journal {self.path} is closed"
            raise StateUnusable(message)


async def _opened(path: Path, connect: Connect, offload: Offload) -> Tables:
    """Open the tables on their thread; a cancelled caller leaves no connection behind."""
    opening = offload(partial(Tables, path, connect))
    try:
        return await _finished(opening)
    except asyncio.CancelledError:
        if opening.exception() is None:
            await _finished(offload(opening.result().close))
        raise


async def _finished(work: asyncio.Future[T]) -> T:
    """Wait for `work` to the end, through cancellations, which arrive afterwards."""
    interrupted: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted
    return work.result()
