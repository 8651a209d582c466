"""The carrier: takes pending entries to the journal in their order, group after group, and tells of what is durable.

A full disk is only a slow one: what is pending stays in its order and is tried again until there is room. Any other
failure breaks the carrier for good: another process writes too, or the disk cannot be believed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Self

from rollout.core.names import Digest
from rollout.errors import InvariantBroken, JournalFull, StateUnusable
from rollout.journal.journal import Journal, Recorded, VersionConflict
from rollout.journal.pending import Pending

PENDING_ENTRIES_MAX: Final = 100_000
"""Entries that may wait for the disk. A full disk with every service waiting stays far below."""

APPEND_ENTRIES_MAX: Final = 2_000
"""Entries carried in one append, unless a single put has more."""

FULL_RETRY_S: Final = 1.0
"""How long to wait before a full disk is tried again."""

DRAIN_ROOM_S_MAX: Final = 10.0
"""How long an engine that stops waits for room on a full disk. Then it stops all the same: what was acknowledged is on
disk, and a later engine looks first at what was under way."""

STREAMS_NAMED_MAX: Final = 5

Listener = Callable[[Sequence[Recorded]], None]
"""Hears what became durable, in commit order, before whoever waits for it. Never blocks, never fails."""


class Carrier:
    """One queue in front of one journal, carried for the time of an `async with` block.

    Leaving the block finishes what is queued. A carrier that breaks cancels the block and raises the reason at its end.
    """

    def __init__(self, journal: Journal, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self.broken: Exception | None = None
        self.full: JournalFull | None = None
        self.sync_s = 0.0
        """How long the last append took to be durable."""
        self.listeners: list[Listener] = []
        self._journal = journal
        self._sleep = sleep
        self._queue: deque[Pending] = deque()
        self._queued_entries = 0
        self._group = asyncio.TaskGroup()
        self._work = asyncio.Event()
        self._over = asyncio.Event()
        self._running = False
        self._closing = False
        self._room_until: float | None = None
        """When waiting for room ends, in the loop's seconds; None = it does not."""

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._group.create_task(self._run(), name="ledger carrier")
        self._running = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish; then raise what broke the carrier, or let the block's own error pass as it is.

        The group hears of cancellations only: it would wrap any other error of the block.
        """
        interrupted = await self._finish() or (error if isinstance(error, asyncio.CancelledError) else None)
        try:
            await self._group.__aexit__(type(interrupted) if interrupted else None, interrupted, None)
        except BaseExceptionGroup as broken:
            raise broken.exceptions[0] from error

    def refuse_if_unable(self, entries: int) -> None:
        """Raise what broke the carrier, or StateUnusable when it cannot take so many entries more."""
        if self.broken is not None:
            raise self.broken
        if not self._running:
            message = "nobody carries what is put: open the ledger with `async with ledger.opened()`"
            raise InvariantBroken(message)
        if self._closing:
            message = "the ledger is closed"
            raise StateUnusable(message)
        if self._queued_entries + entries > PENDING_ENTRIES_MAX:
            message = f"{self._queued_entries} entries wait for the disk, which does not keep up"
            raise StateUnusable(message)

    def queue(self, pending: Pending) -> None:
        """Take entries behind all others."""
        self._queue.append(pending)
        self._queued_entries += len(pending.entries)
        self._work.set()

    def hurry(self) -> None:
        """Wait for room no longer than `DRAIN_ROOM_S_MAX` from now on: whoever puts entries wants to stop."""
        if self._room_until is None:
            self._room_until = asyncio.get_running_loop().time() + DRAIN_ROOM_S_MAX

    async def _run(self) -> None:
        try:
            while await self._wait_for_work():
                await self._carry()
        except (StateUnusable, VersionConflict, InvariantBroken) as error:
            self._break(error)
            raise
        finally:
            if self._queue:
                self._break(StateUnusable("the ledger was stopped before this was known to be durable"))
            self._over.set()

    async def _wait_for_work(self) -> bool:
        while not self._queue:
            if self._closing:
                return False
            self._work.clear()
            await self._work.wait()
        return True

    async def _carry(self) -> None:
        """Append the first puts in one transaction, and tell of them once it is durable."""
        group = self._first()
        entries = [entry for pending in group for entry in pending.entries]
        ended = [stream for pending in group for stream in pending.ended]
        answers = [each for pending in group for each in pending.answers]
        began = asyncio.get_running_loop().time()
        try:
            recorded = await self._journal.append(entries, ended, answers)
        except JournalFull as error:
            await self._wait_for_room(error)
            return
        self.full = None
        self.sync_s = asyncio.get_running_loop().time() - began
        for listener in self.listeners:
            listener(recorded)
        begin = 0
        for pending in group:
            self._queue.popleft()
            self._queued_entries -= len(pending.entries)
            pending.resolve(recorded[begin : begin + len(pending.entries)])
            begin += len(pending.entries)

    def _first(self) -> Sequence[Pending]:
        group: list[Pending] = []
        room = APPEND_ENTRIES_MAX
        for pending in self._queue:
            room -= len(pending.entries)
            if group and room < 0:
                break
            group.append(pending)
        return group

    async def keep(self, payload: bytes) -> Digest:
        """Store a document, and wait for room while the disk is full; raises JournalFull once the carrier closes."""
        while True:
            try:
                digest = await self._journal.put(payload)
            except JournalFull as error:
                await self._wait_for_room(error)
            else:
                self.full = None
                return digest

    async def _wait_for_room(self, error: JournalFull) -> None:
        too_late = self._room_until is not None and asyncio.get_running_loop().time() >= self._room_until
        if self._closing or too_late:
            raise JournalFull(self._left_behind(error)) from error
        self.full = error
        await self._sleep(FULL_RETRY_S)

    def _left_behind(self, error: JournalFull) -> str:
        """Say what does not become durable any more."""
        if not self._queue:
            return str(error)
        streams = list(dict.fromkeys(entry.stream for pending in self._queue for entry in pending.entries))
        more = f" and {len(streams) - STREAMS_NAMED_MAX} more" if len(streams) > STREAMS_NAMED_MAX else ""
        return (
            f"{error}. It stopped before {self._queued_entries} entries could be written down, about "
            f"{', '.join(streams[:STREAMS_NAMED_MAX])}{more}. Nothing that was answered or shown is among them; the "
            "next start looks first at what was under way"
        )

    async def _finish(self) -> asyncio.CancelledError | None:
        """Take no more and wait until all is durable, the carrier is broken, or a try finds the disk still full.

        A cancellation waits that long, so that what was done is also written down, and is given back.
        """
        self._closing = True
        self._work.set()
        interrupted: asyncio.CancelledError | None = None
        while True:
            try:
                await asyncio.sleep(0)  # a carrier that has just broken cancels the block here, and not its caller
                await self._over.wait()
            except asyncio.CancelledError as error:
                interrupted = error
            else:
                return interrupted

    def _break(self, error: Exception) -> None:
        self.broken = error
        while self._queue:
            self._queue.popleft().fail(error)
        self._queued_entries = 0
