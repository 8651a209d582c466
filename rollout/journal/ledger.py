"""The ledger: the one owner of every stream in a process. It evolves, numbers and carries facts to the journal.

Memory runs ahead of the disk by what is pending, and nobody acts on that: effects, answers to people and listeners all
wait until an entry is durable. While the disk is full no intent becomes durable, so nothing new is begun, and what is
in flight is watched as before.
"""

import asyncio
import contextlib
from collections import ChainMap
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Final, Generic, Protocol, Self, TypeVar

from rollout.core.event import Closed, Entry, Fact
from rollout.core.evolve import IllegalFact
from rollout.core.fleet_event import RolloutClosed
from rollout.core.freeze import NO_FREEZE, EngineState, evolve_engine
from rollout.core.names import (
    ENGINE_STREAM,
    Digest,
    Now,
    RolloutId,
    StreamName,
    is_service_stream,
    parse_service_stream,
    rollout_stream,
)
from rollout.errors import JournalDamaged, JournalFull
from rollout.journal.carrier import Carrier, Listener
from rollout.journal.journal import Answered, Journal, Recorded, StreamRow
from rollout.journal.pending import Pending
from rollout.journal.uncollected import uncollected

READ_AHEAD: Final = 64
"""Streams read at once at the start: a journal behind a thread is then asked 64 times less often."""
SCAN_SHARE: Final = 0.25
"""From this share of all entries on, going past the whole journal is quicker than searching it for one's own."""

S = TypeVar("S")
R = TypeVar("R")


class Fold(Protocol[S]):
    """The state after an entry; raises IllegalFact, and then the state is as it was."""

    def __call__(self, state: S | None, entry: Entry, /) -> S:
        """Fold one entry."""
        ...


class Ledger(Generic[S, R]):
    """States of services (S) and rollouts (R), folded from the journal and from every fact put since. Use `opened`."""

    def __init__(
        self,
        journal: Journal,
        fold_service: Fold[S],
        fold_rollout: Fold[R],
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._journal = journal
        self._fold_service = fold_service
        self._fold_rollout = fold_rollout
        self._carrier = Carrier(journal, sleep)
        self._services: dict[StreamName, S] = {}
        self._rollouts: dict[StreamName, R] = {}
        self._engine: dict[StreamName, EngineState] = {}
        self._index: dict[StreamName, StreamRow] = {}

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """Load the journal and carry what is put for the time of the block; leaving it finishes what is pending.

        A ledger that breaks cancels the block and raises the reason at its end.
        """
        await self.load()
        async with self._carrier:
            yield self

    @property
    def broken(self) -> Exception | None:
        """Why nothing is recorded any more, if so; the process has to stop."""
        return self._carrier.broken

    @property
    def full(self) -> JournalFull | None:
        """Set while the disk is full: health is red, and commands are best refused with it."""
        return self._carrier.full

    def hurry(self) -> None:
        """Hear that the engine wants to stop: a full disk is waited for only so long (`DRAIN_ROOM_S_MAX`)."""
        self._carrier.hurry()

    @property
    def sync_s(self) -> float:
        """How long the last append took to be durable."""
        return self._carrier.sync_s

    # --- what is true ---

    def service(self, stream: StreamName) -> S | None:
        """Give a service rollout's state; None for one unknown, or ended in a rollout that was over at the start."""
        return self._services.get(stream)

    def services(self) -> Mapping[StreamName, S]:
        """Give the service rollouts in memory, as they are now."""
        return dict(self._services)

    def rollout(self, rollout: RolloutId) -> R | None:
        """Give a rollout's state; None for one unknown."""
        return self._rollouts.get(rollout_stream(rollout))

    def rollouts(self) -> Mapping[RolloutId, R]:
        """Give all rollouts as they are now, in the order in which they were opened."""
        return {RolloutId(stream): state for stream, state in self._rollouts.items()}

    def engine(self) -> EngineState:
        """Give what was said to the engine as a whole."""
        return self._engine.get(ENGINE_STREAM, NO_FREEZE)

    def row(self, stream: StreamName) -> StreamRow | None:
        """Give a stream's last version and whether it has ended; None for a stream that has not begun."""
        return self._index.get(stream)

    # --- loading ---

    async def load(self) -> None:
        """Fold all rollouts, and every service that is open or belongs to an open rollout.

        Raises JournalDamaged, naming stream and version, where a fact does not follow from those before.
        """
        rows = await self._journal.streams()
        self._index = {row.stream: row for row in rows}
        wanted = [row for row in rows if self._wanted(row)]
        share = sum(row.version for row in wanted) / max(sum(row.version for row in rows), 1)
        with uncollected():
            if len(wanted) > READ_AHEAD and share >= SCAN_SHARE:
                async for entries in self._journal.scan(wanted):
                    self._fold_into(entries, self._services, self._rollouts, self._engine)
            else:
                await self._load_singly(wanted)

    async def _load_singly(self, wanted: Sequence[StreamRow]) -> None:
        for first in range(0, len(wanted), READ_AHEAD):
            batch = wanted[first : first + READ_AHEAD]
            read = await asyncio.gather(*(self._journal.read(row.stream) for row in batch))
            for entries in read:
                self._fold(entries)

    def ended_services(self) -> Sequence[StreamName]:
        """Give the streams of services that have ended, in order of their first entry."""
        return [row.stream for row in self._index.values() if row.ended and is_service_stream(row.stream)]

    async def entries(self, stream: StreamName) -> Sequence[Recorded]:
        """Give what is durable of one stream."""
        return await self._journal.read(stream)

    async def keep(self, payload: bytes) -> Digest:
        """Store a document that entries will name by its digest; durable on return, however long the disk is full."""
        return await self._carrier.keep(payload)

    async def recall(self, stream: StreamName) -> S | None:
        """Give the state of any service rollout, folding it from the journal if it ended before the start."""
        row = self._index.get(stream)
        if stream not in self._services and row is not None and is_service_stream(stream):
            self._fold(await self._journal.read(stream))
        return self._services.get(stream)

    async def look_up(self, stream: StreamName) -> S | None:
        """Give the state of any service rollout, and keep none in memory for that; None for one unknown."""
        if stream in self._services or self._index.get(stream) is None:
            return self._services.get(stream)
        services: dict[StreamName, S] = {}
        self._fold_into(await self._journal.read(stream), services, {}, {})
        return services.get(stream)

    def let_go(self, rollout: RolloutId) -> None:
        """Keep the services of a rollout that is over in memory no longer; `recall` has them back."""
        row = self._index.get(rollout_stream(rollout))
        if row is not None and row.ended:
            gone = [each for each in self._services if parse_service_stream(each)[0] == rollout]
            for stream in gone:
                del self._services[stream]

    def _wanted(self, row: StreamRow) -> bool:
        if not row.ended or not is_service_stream(row.stream):
            return True
        rollout, _, _ = parse_service_stream(row.stream)
        parent = self._index.get(rollout_stream(rollout))
        return parent is not None and not parent.ended

    def _fold(self, entries: Sequence[Recorded]) -> None:
        services: dict[StreamName, S] = {}
        rollouts: dict[StreamName, R] = {}
        engine: dict[StreamName, EngineState] = {}
        self._fold_into(entries, services, rollouts, engine)
        self._services |= services
        self._rollouts |= rollouts
        self._engine |= engine

    def _fold_into(
        self,
        entries: Sequence[Recorded],
        services: dict[StreamName, S],
        rollouts: dict[StreamName, R],
        engine: dict[StreamName, EngineState],
    ) -> None:
        for recorded in entries:
            entry = recorded.entry
            try:
                self._evolve(entry, services, rollouts, engine)
            except IllegalFact as error:
                message = f"{entry.stream} version {entry.version} does not follow from what is recorded: {error}"
                raise JournalDamaged(message) from error

    # --- recording ---

    def put(
        self,
        drafts: Sequence[tuple[StreamName, Fact]],
        *,
        now: Now,
        actor: str,
        answers: Sequence[Answered] = (),
    ) -> Pending:
        """Evolve at once, number the entries, and queue them as one transaction; await the result to know it durable.

        `answers` to the inbox become durable with them. All or nothing: IllegalFact for any of them changes no state.
        Raises what broke the ledger once it is broken.
        """
        self._carrier.refuse_if_unable(len(drafts))
        services = ChainMap[StreamName, S]({}, self._services)
        rollouts = ChainMap[StreamName, R]({}, self._rollouts)
        engine = dict(self._engine)
        index: dict[StreamName, StreamRow] = {}
        entries = []
        for stream, fact in drafts:
            entry = Entry(stream, self._next_version(stream, index.get(stream)), now, actor, fact)
            self._evolve(entry, services, rollouts, engine)
            index[stream] = StreamRow(stream, entry.version, ended=isinstance(fact, Closed | RolloutClosed))
            entries.append(entry)
        self._services |= services.maps[0]
        self._rollouts |= rollouts.maps[0]
        self._engine = engine
        self._index |= index
        pending = Pending(entries, [row.stream for row in index.values() if row.ended], answers)
        self._carrier.queue(pending)
        return pending

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of everything that becomes durable from now on."""
        self._carrier.listeners.append(listener)

    def _evolve(
        self,
        entry: Entry,
        services: MutableMapping[StreamName, S],
        rollouts: MutableMapping[StreamName, R],
        engine: MutableMapping[StreamName, EngineState],
    ) -> None:
        if entry.stream == ENGINE_STREAM:
            engine[ENGINE_STREAM] = evolve_engine(engine.get(ENGINE_STREAM), entry)
            return
        if is_service_stream(entry.stream):
            services[entry.stream] = self._fold_service(services.get(entry.stream), entry)
        else:
            rollouts[entry.stream] = self._fold_rollout(rollouts.get(entry.stream), entry)

    def _next_version(self, stream: StreamName, staged: StreamRow | None) -> int:
        row = staged or self._index.get(stream)
        if row is None:
            return 1
        if row.ended:
            message = f"{stream} ended with version {row.version} and takes no further fact"
            raise IllegalFact(message)
        return row.version + 1
