"""Every entry once, in commit order, in handfuls: from memory while the reader keeps up, else from the journal."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from rollout.core.names import StreamName
from rollout.journal.journal import Recorded

BEHIND_MAX: Final = 2_000
"""Entries kept in memory for the reader; one that is further behind reads them from the journal."""
HANDFUL: Final = 200
"""Entries given at a time."""


class Past(Protocol):
    """The part of a journal that is read again."""

    async def read(self, stream: StreamName) -> Sequence[Recorded]:
        """Give one stream's entries in order."""
        ...

    async def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        """Give at most `limit` entries of all streams with a greater position, in order."""
        ...


class Feed:
    """One reader's place behind `position`. `hear` is told of what has just become durable."""

    def __init__(self, journal: Past, position: int, handful: int = HANDFUL) -> None:
        self.position = position
        """The last entry that was given."""
        self._handful = handful
        self._journal = journal
        self._kept: deque[Recorded] = deque()
        self._behind = True
        self._closed = False
        self._news = asyncio.Event()

    def hear(self, records: Sequence[Recorded]) -> None:
        """Keep these for the reader, unless it is too far behind."""
        if len(self._kept) + len(records) > BEHIND_MAX:
            self._kept.clear()
            self._behind = True
        elif not self._behind:
            self._kept.extend(records)
        self._news.set()

    def close(self) -> None:
        """Let the reader end once it has been given all there is."""
        self._closed = True
        self._news.set()

    async def handful(self, wait_s: float | None) -> list[Recorded] | None:
        """Give what comes next; nothing after `wait_s` without news; None = it was closed and all was given."""
        while not (found := await self._found()):
            if self._closed:
                return None
            try:
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
            except TimeoutError:
                return []
        self.position = found[-1].position
        return found

    async def _found(self) -> list[Recorded]:
        self._news.clear()
        if self._behind:
            self._behind = False  # what becomes durable during the read is kept, and what is met twice is skipped
            found = list(await self._journal.read_after(self.position, self._handful))
            self._behind = self._behind or len(found) == self._handful
            if self._behind:
                self._kept.clear()
            if found:
                return found
        found = []
        while self._kept and len(found) < self._handful:
            if (record := self._kept.popleft()).position > self.position:
                found.append(record)
        return found
