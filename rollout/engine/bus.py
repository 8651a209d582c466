"""The bus: hands every recorded entry, in commit order, to whoever follows; nobody who is slow holds up the rest."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from rollout.errors import CommandRefused, InvariantBroken
from rollout.journal.journal import Recorded

BEHIND_MAX: Final = 1_000
"""Entries a subscription may be behind before it is dropped."""
SUBSCRIPTIONS_MAX: Final = 256
REPLAY_BATCH: Final = 500
"""Entries read from the journal at a time."""


class Dropped(Exception):
    """The reader fell too far behind, or began before what the bus still has. Resume from the journal.

    `position` is the last one the reader was given; None = it was given none.
    """

    def __init__(self, position: int | None) -> None:
        self.position = position
        super().__init__(f"fell behind after position {position}; read on from the journal")


class Bus:
    """Live entries. It keeps none: the journal does.

    `position` is the journal's last one when the bus begins; None = it is learned from the first entry.
    """

    def __init__(self, behind_max: int = BEHIND_MAX, *, position: int | None = None) -> None:
        self._behind_max = behind_max
        self._position = position
        self._subscriptions: dict[Subscription, None] = {}
        self._closed = False

    @property
    def position(self) -> int:
        """The last position that was published, or that the bus began at; 0 = none."""
        return self._position or 0

    def publish(self, records: Sequence[Recorded]) -> None:
        """Hand out what has just become durable. Positions go up by one, over all calls."""
        for record in records:
            if self._position is not None and record.position != self._position + 1:
                raise InvariantBroken(f"position {record.position} was published after {self._position}")
            self._position = record.position
        for subscription in tuple(self._subscriptions):
            if not subscription.offer(records):
                del self._subscriptions[subscription]

    def subscribe(self, after: int | None = None) -> "Subscription":
        """Follow what is published from now on; None = all of it, else what has a position greater than `after`.

        Where entries after `after` are gone already, the reader is Dropped at its first step.
        """
        if len(self._subscriptions) >= SUBSCRIPTIONS_MAX:
            raise CommandRefused(f"{SUBSCRIPTIONS_MAX} readers follow the events already; close one and try again")
        subscription = Subscription(self, after, self._behind_max)
        if after is not None and self._position is not None and after < self._position:
            subscription.drop()
        elif self._closed:
            subscription.end()
        else:
            self._subscriptions[subscription] = None
        return subscription

    def close(self) -> None:
        """End every subscription once it has given what it holds; later ones end at once."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.end()
        self._subscriptions.clear()

    def forget(self, subscription: "Subscription") -> None:
        """Hand nothing more to this one."""
        self._subscriptions.pop(subscription, None)


class Subscription:
    """One reader's place: `async with bus.subscribe() as live: async for recorded in live`. For one task."""

    def __init__(self, bus: Bus, after: int | None, behind_max: int) -> None:
        self._bus = bus
        self._given = after
        self._behind_max = behind_max
        self._kept: deque[Recorded] = deque()
        self._news = asyncio.Event()
        self._dropped = False
        self._ended = False

    def offer(self, records: Sequence[Recorded]) -> bool:
        """Keep `records` for the reader; False = it was too far behind and is dropped."""
        wanted = [record for record in records if self._given is None or record.position > self._given]
        if len(self._kept) + len(wanted) > self._behind_max:
            self.drop()
            return False
        self._kept.extend(wanted)
        self._news.set()
        return True

    def drop(self) -> None:
        """Give up on this reader; what it has not read is in the journal."""
        self._kept.clear()
        self._dropped = True
        self._news.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Recorded:
        """Give the next entry; raises Dropped where the reader was too slow."""
        while not self._kept:
            if self._dropped:
                raise Dropped(self._given)
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        record = self._kept.popleft()
        self._given = record.position
        return record

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.forget(self)
        self.end()


class Past(Protocol):
    """The part of a journal that a follower reads."""

    async def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        """Give at most `limit` entries of all streams with a greater position, in order."""
        ...


async def follow(journal: Past, bus: Bus, after: int = 0) -> AsyncGenerator[Recorded, None]:
    """Give every entry after position `after`, first from the journal, then live: none left out, none twice.

    A reader that was dropped goes on from the journal without noticing. Ends when the bus is closed.
    """
    position = after
    while True:
        # Subscribed first: what becomes durable during the replay waits here, and what is met twice is skipped.
        async with bus.subscribe() as live:
            while records := await journal.read_after(position, REPLAY_BATCH):
                for record in records:
                    yield record
                    position = record.position
            try:
                async for record in live:
                    if record.position > position:
                        yield record
                        position = record.position
            except Dropped:
                continue
            return
