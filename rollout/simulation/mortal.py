"""A mortal process's ways to the world, its journal and its wire: each is a place where it can die."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, TypeVar

from rollout.core.event import Entry
from rollout.core.names import Digest, Now, StreamName
from rollout.core.operation import Operation, describe
from rollout.journal.journal import Answered, Journal, Question, Recorded, StreamRow
from rollout.simulation.process import Process
from rollout.simulation.wire import Wire

T = TypeVar("T")

LATE_PER_TIMEOUT: Final = 3.6
"""A request arrives at most so many timeouts after it was written, even when its sender has died meanwhile."""


class MortalJournal:
    """The durable journal as one process sees it: it can die before an append is durable, or before it hears of it."""

    def __init__(self, process: Process, durable: Journal, sync_s: float = 0.0) -> None:
        """Take `sync_s` seconds to make an append durable."""
        self._process = process
        self._durable = durable
        self._sync_s = sync_s

    async def append(
        self, entries: Sequence[Entry], ended: Sequence[StreamName] = (), answers: Sequence[Answered] = ()
    ) -> Sequence[Recorded]:
        """Append, with a moment on each side."""
        about = self._about(entries, answers)
        self._process.refuse_if_dead()
        await asyncio.sleep(self._sync_s)
        await self._process.moment(f"not yet durable: {about}")
        recorded = await self._journal.append(entries, ended, answers)
        await self._process.moment(f"durable, nobody told: {about}")
        return recorded

    async def read(self, stream: StreamName) -> Sequence[Recorded]:
        """Give one stream's entries."""
        return await self._journal.read(stream)

    async def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        """Give entries behind a position."""
        return await self._journal.read_after(position, limit)

    async def scan(self, rows: Sequence[StreamRow]) -> AsyncIterator[Sequence[Recorded]]:
        """Give all that lies in some streams."""
        async for portion in self._journal.scan(rows):
            yield portion

    async def streams(self, *, open_only: bool = False) -> Sequence[StreamRow]:
        """Give the index of streams."""
        return await self._journal.streams(open_only=open_only)

    async def beat(self, now: Now, said: str = "") -> None:
        """Note that the engine lived."""
        await self._journal.beat(now, said)

    async def last_t(self) -> float:
        """Give the largest engine second known."""
        return await self._journal.last_t()

    async def put(self, payload: bytes) -> Digest:
        """Store a blob."""
        return await self._journal.put(payload)

    async def payload(self, digest: Digest) -> bytes:
        """Give a blob back."""
        return await self._journal.payload(digest)

    async def post(self, question: Question) -> None:
        """Ask."""
        await self._journal.post(question)

    async def take(self, limit: int) -> Sequence[Question]:
        """Give questions, with a moment behind them if there are any."""
        taken = await self._journal.take(limit)
        if taken:
            await self._process.moment(f"read, not answered: {', '.join(each.key for each in taken)}")
        return taken

    async def withdraw(self, key: str) -> bool:
        """Take a question back."""
        return await self._journal.withdraw(key)

    async def answer_to(self, key: str) -> str | None:
        """Give an answer."""
        return await self._journal.answer_to(key)

    async def reserve(self, key: str, digest: str) -> str:
        """Let a submission's key stand for a bundle, with a moment behind it."""
        stands_for = await self._journal.reserve(key, digest)
        await self._process.moment(f"reserved, not opened: {key}")
        return stands_for

    async def verify(self) -> int:
        """Walk the whole chain."""
        return await self._journal.verify()

    async def close(self) -> None:
        """Do nothing: the durable journal outlives its processes."""

    def _about(self, entries: Sequence[Entry], answers: Sequence[Answered]) -> str:
        about = ", ".join(f"{type(entry.fact).__name__} {entry.stream}:{entry.version}" for entry in entries)
        return about + "".join(f" answer {each.key}" for each in answers)

    @property
    def _journal(self) -> Journal:
        self._process.refuse_if_dead()
        return self._durable


class MortalWire:
    """A wire whose caller can die before a call is sent, with the call in flight, and with its answer on the way.

    A call that was in flight still arrives: `later` is told to deliver it after `late_s` seconds.
    """

    def __init__(
        self,
        process: Process,
        wire: Wire,
        later: Callable[[float, Callable[[], object]], None],
        late_s: float,
    ) -> None:
        self._process = process
        self._wire = wire
        self._later = later
        self._late_s = late_s

    async def reach(self, service: str, operation: Operation | None) -> None:
        """Get a connection."""
        self._process.refuse_if_dead()
        if operation is not None:
            await self._process.moment(f"not yet sent: {describe(operation)} {service}")
        await self._wire.reach(service, operation)

    async def exchange(self, service: str, operation: Operation | None, deliver: Callable[[], T]) -> T:
        """Exchange, with a moment on each side of the effect."""
        self._process.refuse_if_dead()
        if operation is None:
            return await self._wire.exchange(service, operation, deliver)
        about = f"{describe(operation)} {service}"
        await self._process.moment(f"in flight: {about}", lambda: self._later(self._late_s, deliver))
        answer = await self._wire.exchange(service, operation, deliver)
        await self._process.moment(f"answered, not recorded: {about}")
        return answer
