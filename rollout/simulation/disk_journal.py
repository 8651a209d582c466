"""The journal of a simulation: in memory what is durable, beside it the bytes on a disk from which it starts again.

An append is two steps, and a death may come between them: handing the bytes to the operating system, and the sync that
makes them durable and lets anybody see them.
"""

import asyncio
import errno
from collections.abc import Sequence
from typing import Final

import msgspec

from rollout.core.event import Entry
from rollout.core.names import Digest, Now, StreamName, digest_of
from rollout.errors import InvariantBroken, JournalFull, StateUnusable
from rollout.journal.index import StreamIndex
from rollout.journal.journal import Answered, Recorded, StreamRow
from rollout.journal.record import Stored, draft, seal
from rollout.simulation.book import Told
from rollout.simulation.disk import Disk
from rollout.simulation.frames import framed, read_frames
from rollout.simulation.mortal import MortalJournal
from rollout.simulation.process import Process


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """One transaction as it lies on the disk."""

    records: tuple[Stored, ...] = ()
    streams: tuple[StreamRow, ...] = ()
    answers: tuple[Answered, ...] = ()
    blob: bytes = b""
    t: float = 0.0


class Written(msgspec.Struct, frozen=True):
    """What the operating system has taken and no sync has made durable."""

    frame: Frame
    entries: tuple[Entry, ...]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Frame).decode


class DiskJournal(Told):
    """One journal for all lives of a world. What was posted by other processes is not its subject, and is kept."""

    def __init__(self, disk: Disk) -> None:
        super().__init__()
        self.torn = 0
        """How many torn tails were cut off."""
        self._disk = disk
        self._under_way: Written | None = None

    @property
    def closed(self) -> bool:
        """Whether it takes nothing any more, because a sync failed."""
        return self._closed

    # --- the two steps ---

    def hand_over(
        self, entries: Sequence[Entry], ended: Sequence[StreamName] = (), answers: Sequence[Answered] = ()
    ) -> Written:
        """Write one transaction, not yet durable. Raises what `append` raises; then nothing of it is left behind."""
        self._refuse_if_closed()
        if self._under_way is not None:
            raise InvariantBroken("two flushes at once: the journal has one writer")
        drafts = [draft(entry) for entry in entries]
        self._refuse_answered(answers)
        changed = self._index.accept(drafts, ended)
        records: list[Stored] = []
        position, link = len(self._records), self._link(len(self._records))
        for number, drafted in enumerate(drafts, position + 1):
            records.append(seal(drafted, number, link))
            link = records[-1].chain
        t = max((entry.now.t for entry in entries), default=0.0)
        frame = Frame(tuple(records), tuple(changed), tuple(answers), t=t)
        try:
            self._write(frame)
        except JournalFull:
            self._index.drop()
            for entry in entries:
                self.note_tried(entry, self._disk.now())
            raise
        self._under_way = Written(frame, tuple(entries))
        return self._under_way

    def publish(self, written: Written) -> Sequence[Recorded]:
        """Make it durable, and let it be seen."""
        self._sync()
        self._under_way = None
        self._take(written.frame)
        self._index.keep()
        self.tell()
        pairs = zip(written.frame.records, written.entries, strict=True)
        return [Recorded(record.position, entry, record.chain) for record, entry in pairs]

    async def append(
        self, entries: Sequence[Entry], ended: Sequence[StreamName] = (), answers: Sequence[Answered] = ()
    ) -> Sequence[Recorded]:
        """Take both steps, then give other tasks their turn."""
        recorded = self.publish(self.hand_over(entries, ended, answers))
        await asyncio.sleep(0)
        return recorded

    async def beat(self, now: Now, said: str = "") -> None:
        """Note that the engine lived at `now`."""
        self._refuse_if_closed()
        self.said = said
        if self._under_way is None:  # the transaction under way says as much
            self._write(Frame(t=now.t))
            self._sync()
        self._t = max(self._t, now.t)

    async def put(self, payload: bytes) -> Digest:
        """Store a blob."""
        self._refuse_if_closed()
        self._write(Frame(blob=payload))
        self._sync()
        return await super().put(payload)

    # --- what a death leaves ---

    def recover(self, *, power_lost: bool) -> None:
        """Start again from the bytes, as the next process does. Raises JournalDamaged."""
        if power_lost:
            self._disk.lose_power()
        payloads, believed = read_frames(bytes(self._disk.data))
        if believed < len(self._disk.data):
            self.torn += 1
            self._disk.cut(believed)
        self._disk.sync_all()
        acknowledged, self._records = self._records, []
        self._forget()
        for payload in payloads:
            self._take(_decode(payload))
        if self._records[: len(acknowledged)] != acknowledged:
            raise InvariantBroken(f"{len(acknowledged)} records were acknowledged, and not all of them came back")

    def _forget(self) -> None:
        """Lose what a process kept in memory."""
        self._streams.clear()
        self._index = StreamIndex(self._streams.get)
        self._blobs.clear()
        self._answers.clear()
        self._taken.clear()
        self._under_way, self._closed, self._t, self.said = None, False, 0.0, ""

    def _take(self, frame: Frame) -> None:
        self._records += frame.records
        self._streams.update((row.stream, row) for row in frame.streams)
        self._answers |= {each.key: each.answer for each in frame.answers}
        self._t = max(self._t, frame.t)
        if frame.blob:
            self._blobs[digest_of(frame.blob)] = frame.blob

    def _write(self, frame: Frame) -> None:
        """Hand over a whole frame, however few bytes are taken at a time. Raises JournalFull, and leaves nothing."""
        begin, left = len(self._disk.data), framed(_encode(frame))
        try:
            while left:
                left = left[self._disk.write(left) :]
        except OSError as error:
            self._disk.cut(begin)
            if error.errno != errno.ENOSPC:
                raise
            raise JournalFull("the disk is full: nothing new is begun, what is in flight is still watched") from error

    def _sync(self) -> None:
        try:
            self._disk.sync()
        except OSError as error:
            self._closed = True
            raise StateUnusable("a sync failed: what was acknowledged is on disk; nothing more is written") from error


class MortalDiskJournal(MortalJournal):
    """A disk's journal as one process sees it: it can die between the two steps of an append as well."""

    def __init__(self, process: Process, durable: DiskJournal, sync_s: float = 0.0) -> None:
        super().__init__(process, durable, sync_s)
        self._disk_journal = durable

    async def append(
        self, entries: Sequence[Entry], ended: Sequence[StreamName] = (), answers: Sequence[Answered] = ()
    ) -> Sequence[Recorded]:
        """Append, with a moment before, between and behind the steps."""
        about = self._about(entries, answers)
        await self._process.moment(f"not yet written: {about}")
        written = self._disk_journal.hand_over(entries, ended, answers)
        await self._process.moment(f"written, not synced: {about}")
        await asyncio.sleep(self._sync_s)
        await self._process.moment(f"within the sync: {about}")
        recorded = self._disk_journal.publish(written)
        await self._process.moment(f"durable, nobody told: {about}")
        return recorded
