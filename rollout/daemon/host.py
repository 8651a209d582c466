"""The host: one engine that goes on with every open rollout of a state directory and takes new ones while it runs.

HTTP and embedding share it. A rollout that meets a mistake of our own is stopped alone, and said to be; the others go
on. What concerns the journal or the tracker ends all of them, for nothing can be done safely without these two.
"""

import asyncio
import contextlib
import hashlib
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Final, Self

import structlog
from structlog.typing import FilteringBoundLogger

from rollout.assembly import NO_FUNCTIONS, Admitted, assembled
from rollout.core.command import Ask
from rollout.core.compile_revert import SUFFIX
from rollout.core.drafts import Draft
from rollout.core.freeze_event import TriedAgain
from rollout.core.names import RolloutId
from rollout.core.reply import Reply
from rollout.core.result import Result
from rollout.core.stopped import reply_stopped
from rollout.daemon.knowledge import Knowledge, Works
from rollout.daemon.lag import LoopLag
from rollout.daemon.mistakes import broken, where
from rollout.daemon.reverting import admit as take_back
from rollout.engine.bus import Bus, follow
from rollout.engine.groups import leaves, unwrapped
from rollout.errors import CommandRefused, RolloutError, StateUnusable, Stopping
from rollout.gates.python import CheckFunction
from rollout.journal.journal import Recorded
from rollout.planning.foresight import Foresight
from rollout.policy.bundle import Bundle
from rollout.settings import RunSettings

OPEN_MAX: Final = 200
"""Rollouts that may be open at once."""


class Host(Knowledge):
    """Use `opened`, or `at_work` over an engine put together otherwise."""

    def __init__(self, works: Works) -> None:
        super().__init__(works)
        self.lag = LoopLag(works.kit.clock)
        self.failed: dict[RolloutId, str] = {}
        """Rollouts that this process stopped because of a mistake of its own, and what that was."""
        self.started_wall = 0.0
        self.draining = False
        self._group: asyncio.TaskGroup | None = None
        self._keepers: dict[RolloutId, asyncio.Task[None]] = {}
        self._gates: weakref.WeakValueDictionary[RolloutId, asyncio.Lock] = weakref.WeakValueDictionary()
        self._waiters: dict[RolloutId, set[asyncio.Future[None]]] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls,
        settings: RunSettings,
        *,
        checks: Mapping[str, CheckFunction] = NO_FUNCTIONS,
        command: str = "rollout",
        logger: FilteringBoundLogger | None = None,
    ) -> AsyncIterator[Self]:
        """Open the state directory and go on with what is open there, for the time of the block.

        Leaving it drains: effects in hand are finished and recorded. Raises as `assembled` does. `logger` is told of
        every entry; None = whatever structlog is configured to.
        """
        logger = logger or structlog.get_logger("rollout.engine")
        foresee = Foresight(settings)
        async with assembled(settings, checks=checks, command=command, logger=logger, foresee=foresee) as assembly:
            works = Works(
                assembly.engine,
                assembly.kit,
                assembly.journal,
                assembly.compile,
                assembly.take,
                partial(take_back, assembly),
                assembly.metrics,
                logger,
                settings,
                assembly.exchanges,
            )
            async with cls(works).at_work() as host:
                yield host

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[Self]:
        """Go on with every open rollout for the time of the block, then drain."""
        self.started_wall = self.now().wall
        # Positions count from 1 without gaps, so the versions of all streams make the last one.
        self.bus = Bus(position=sum(row.version for row in await self.journal.streams()))
        self._ledger.listen(self.bus.publish)
        self._ledger.listen(self._take_up)
        self._engine.answer_first(self._of_stopped)
        with unwrapped():
            async with self._engine.at_work():
                await self._engine.catch_up()
                async with asyncio.TaskGroup() as self._group:
                    measuring = self._group.create_task(self.lag.run(), name="loop lag")
                    for rollout, state in self.rollouts().items():
                        if state.closed is None:
                            self._keep(rollout)
                    try:
                        yield self
                    finally:
                        await self.drained()
                        measuring.cancel()

    # --- what people say ---

    async def submit(self, bundle: Bundle, *, actor: str, key: str = "") -> Admitted:
        """Open the bundle's rollout and begin with it; the same documents again find the same rollout.

        Raises PolicyError, EndpointUnreachable, Stopping, and CommandRefused with the diff where the id is known with
        other documents, or where the key was used for another bundle, in this process or an earlier one.
        """
        self._refuse_if_unable()
        rollout = RolloutId(bundle.policy.rollout)
        await self._reserve(key, bundle)
        # Whoever gives the same id at the same time waits, and then finds what this one opened.
        gate = self._gates.setdefault(rollout, asyncio.Lock())
        async with gate:
            self._refuse_crowd(rollout)
            admitted = await self.works.admit(bundle, actor)
            if self.rollouts()[rollout].closed is None:
                self._keep(rollout)
        return admitted

    async def revert(self, rollout: RolloutId, *, actor: str, reason: str, partial: bool = False) -> Admitted:
        """Open the rollout that takes an ended one back and begin with it, or find it.

        Raises UsageError for an unknown one, CommandRefused, EndpointUnreachable, Stopping.
        """
        self._refuse_if_unable()
        self.rollout(rollout)
        own = RolloutId(f"{rollout}{SUFFIX}")
        async with self._gates.setdefault(own, asyncio.Lock()):
            self._refuse_crowd(own)
            created = own not in self.rollouts()
            await self.works.take_back(rollout, reason, who=actor, partial=partial)
            if self.rollouts()[own].closed is None:
                self._keep(own)
        return Admitted(own, created)

    async def say(self, ask: Ask) -> Reply:
        """Answer a command exactly once for each key, in this process or a later one; durable on return.

        Raises CommandRefused for a key that was used for another command, JournalFull, Stopping.
        """
        self._refuse_if_unable()
        return await self._engine.hear(ask)

    def weigh(self, ask: Ask) -> Reply:
        """Say what a command would be answered just now; nothing is done."""
        return self._engine.weigh(ask)

    def drain(self) -> None:
        """Take nothing more, and stop resumable."""
        self.draining = True
        self._engine.drain()

    async def drained(self) -> None:
        """Drain, and wait until everything in hand is done; then nobody hears anything more."""
        self.drain()
        if self._keepers:
            await asyncio.wait(self._keepers.values())
        self.bus.close()
        for rollout in tuple(self._waiters):
            self._wake(rollout)

    # --- what comes ---

    async def outcome(self, rollout: RolloutId, *, strict_exit: bool = False) -> Result:
        """Wait until a rollout is over or only people move it on. Whoever is cancelled has merely looked away.

        Raises RolloutError where this process stopped it because of a mistake of its own, and Stopping.
        """
        await self.recall(rollout)
        while (found := self.result(rollout, strict_exit=strict_exit)) is None:
            if rollout in self.failed:
                raise RolloutError(broken(rollout, self.failed[rollout]))
            self._refuse_if_unable()
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.setdefault(rollout, set()).add(waiter)
            await waiter
        return found

    def follow(self, after: int | None = None) -> AsyncGenerator[Recorded, None]:
        """Give every entry after position `after`, first from the journal, then live; None = from now on.

        Ends when the host has drained. Raises CommandRefused where too many follow already.
        """
        return follow(self.journal, self.bus, self.position if after is None else after)

    def trouble_of(self, rollout: RolloutId) -> str | None:
        """Say why this engine does not go on with a rollout, if a mistake of its own is the reason."""
        return broken(rollout, self.failed[rollout]) if rollout in self.failed else None

    def trouble(self) -> str | None:
        """Say why this engine does not do all it should; None = it does."""
        if self._ledger.broken is not None:
            return f"nothing is recorded any more: {self._ledger.broken}"
        if self._ledger.full is not None:
            return f"the disk is full, so nothing new is begun: {self._ledger.full}"
        if self.failed:
            return "; ".join(broken(rollout, why) for rollout, why in self.failed.items())
        return "it is stopping" if self.draining else None

    # --- one rollout's life ---

    def _keep(self, rollout: RolloutId) -> None:
        """Have somebody go on with a rollout, unless somebody does, or it was stopped."""
        if self._group is not None and rollout not in self._keepers and rollout not in self.failed:
            self._keepers[rollout] = self._group.create_task(self._going_on(rollout), name=f"rollout {rollout}")

    async def _going_on(self, rollout: RolloutId) -> None:
        try:
            await self._engine.keep(rollout, lambda: self._wake(rollout))
        except Exception as error:
            if self._ledger.broken is not None or isinstance(error, StateUnusable):
                raise
            self._stop(rollout, error)
        finally:
            del self._keepers[rollout]
            if self.rollout(rollout).closed is not None:
                self.keep_in_memory(rollout)
            self._wake(rollout)

    def _stop(self, rollout: RolloutId, error: Exception) -> None:
        """Note that a rollout stands still because of us. Its journal is as it was after the last append."""
        first = leaves(error)[0]
        self.failed[rollout] = f"{type(first).__name__}: {first}"
        self.works.logger.error("rollout_stopped", rollout=rollout, why=self.failed[rollout], where=where(first))

    def _take_up(self, recorded: Sequence[Recorded]) -> None:
        """Go on with a rollout that was stopped, once somebody's word for it is durable."""
        for each in recorded:
            match each.entry.fact:
                case TriedAgain(rollout=name) if self.failed.pop(RolloutId(name), None) is not None:
                    self._keep(RolloutId(name))
                case _:
                    pass

    def _wake(self, rollout: RolloutId) -> None:
        for waiter in self._waiters.pop(rollout, ()):
            if not waiter.done():
                waiter.set_result(None)

    # --- refusals ---

    def _refuse_if_unable(self) -> None:
        if self.draining:
            raise Stopping("this engine is stopping; ask again when it runs, nothing of this was done")
        if self._ledger.full is not None:
            raise self._ledger.full

    def _refuse_crowd(self, rollout: RolloutId) -> None:
        known = self.rollouts()
        open_now = sum(state.closed is None for state in known.values())
        if rollout not in known and open_now >= OPEN_MAX:
            raise CommandRefused(f"{open_now} rollouts are open already: end some of them, then submit again")

    async def _reserve(self, key: str, bundle: Bundle) -> None:
        """Let a key stand for this bundle before anything is opened, so that no death makes it good for another."""
        digest = digest_of(bundle)
        if key and await self.journal.reserve(key, digest) != digest:
            raise CommandRefused(f"the key {key} was used for another bundle: choose a new one")

    def _of_stopped(self, ask: Ask) -> tuple[Reply, tuple[Draft, ...]] | None:
        """Answer for a rollout that this process does not go on with: nobody would do what another word says."""
        if ask.rollout not in self.failed:
            return None
        return reply_stopped(ask, broken(ask.rollout, self.failed[ask.rollout]))


def digest_of(bundle: Bundle) -> str:
    """Tell bundles apart: by what was written, what it came to, and every file they name."""
    parts = [repr(bundle.policy), repr(bundle.fleet)]
    parts += [source.digest for source in bundle.sources]
    named = [file for each in bundle.services for file in (each.configuration, each.rollback_configuration) if file]
    return hashlib.sha256("\n".join([*parts, *(file.digest for file in named)]).encode()).hexdigest()
