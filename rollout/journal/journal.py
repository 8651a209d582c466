"""What a journal is: the append-only truth. One contract suite runs on every implementation."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from rollout.core.event import Entry
from rollout.core.names import Digest, Now, StreamName


class Recorded(msgspec.Struct, frozen=True):
    """An entry as it lies in the journal.

    `position` counts from 1 over all streams, in commit order, without gaps. `chain` is the SHA-256 over the previous
    record's chain and this record's bytes, as 64 hex digits.
    """

    position: int
    entry: Entry
    chain: str


class StreamRow(msgspec.Struct, frozen=True):
    """One line of the index of streams."""

    stream: StreamName
    version: int
    ended: bool


class Question(msgspec.Struct, frozen=True):
    """What somebody asks from another process. `command` is the whole ask as JSON; `asked_wall` POSIX seconds."""

    key: str
    actor: str
    reason: str
    command: str
    asked_wall: float


class Answered(msgspec.Struct, frozen=True):
    """The one answer to the question `key`, as JSON."""

    key: str
    answer: str
    wall: float


class VersionConflict(Exception):
    """Another process wrote to a stream this one owns. This process stops; it never retries."""


class Journal(Protocol):
    """Durable entries, an index of streams, a heartbeat, content-addressed blobs, and the inbox."""

    async def append(
        self, entries: Sequence[Entry], ended: Sequence[StreamName] = (), answers: Sequence[Answered] = ()
    ) -> Sequence[Recorded]:
        """Write entries of one or several streams in one transaction: all or none, durable on return.

        `ended` names streams that take no further entry after these. `answers` are written with the entries that make
        them true. Raises VersionConflict where a version is not its stream's next, its stream has ended, a question is
        unknown or was answered, or another engine has opened the journal since; JournalFull when the disk is full (the
        journal stays readable, and the next append tries again); StateUnusable when a sync failed (the journal refuses
        everything from then on: the kernel may have dropped the pages).
        Once called, a write is finished even when the caller is cancelled.
        """
        ...

    async def read(self, stream: StreamName) -> Sequence[Recorded]:
        """Give one stream's entries in order; empty for an unknown stream. Raises JournalDamaged."""
        ...

    async def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        """Give at most `limit` entries of all streams with a greater position, in order; 10,000 at the very most."""
        ...

    def scan(self, rows: Sequence[StreamRow]) -> AsyncIterator[Sequence[Recorded]]:
        """Give all that lies in these streams of the index, in order of position, portion by portion.

        It goes past everything in the journal: for most of it, that is quicker than a `read` for each stream. Raises
        JournalDamaged.
        """
        ...

    async def streams(self, *, open_only: bool = False) -> Sequence[StreamRow]:
        """Give the index of streams, in order of their first entry."""
        ...

    async def beat(self, now: Now, said: str = "") -> None:
        """Note that the engine lived at `now`; bounds how much engine time a crash can lose.

        `said` is what it tells people in another process of itself; the last word stands.
        """
        ...

    async def last_t(self) -> float:
        """Give the largest engine second that entries or heartbeats know; 0.0 for a new journal."""
        ...

    async def put(self, payload: bytes) -> Digest:
        """Store a blob, durable on return; the same bytes are stored once."""
        ...

    async def payload(self, digest: Digest) -> bytes:
        """Give a blob back; an unknown or altered one raises JournalDamaged."""
        ...

    async def post(self, question: Question) -> None:
        """Ask, durable on return; the same question under the same key is asked once.

        Raises CommandRefused for a key used for another question, an unfit question, or a full inbox.
        """
        ...

    async def take(self, limit: int) -> Sequence[Question]:
        """Give the first questions without an answer, in order; none of them can be withdrawn from now on."""
        ...

    async def withdraw(self, key: str) -> bool:
        """Take a question back; False = there is none, or an engine has read it."""
        ...

    async def answer_to(self, key: str) -> str | None:
        """Give the answer to a question; None = there is none yet."""
        ...

    async def reserve(self, key: str, digest: str) -> str:
        """Let the key of a submission stand for a bundle, durable on return; gives the one that it stands for.

        That is an earlier one where the key was used before. Raises CommandRefused for a key that is too long or empty.
        """
        ...

    async def verify(self) -> int:
        """Walk the whole chain and return its length; the first record that does not fit raises JournalDamaged."""
        ...

    async def close(self) -> None:
        """Finish what is being written and let go of the store."""
        ...
