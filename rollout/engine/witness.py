"""Keeps how calls were sent and answered: heard at once, written down a moment later, many in one transaction.

No call waits for it. It is evidence for people and not the truth, so a full disk or a crash may lose the latest of it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

from structlog.typing import FilteringBoundLogger

from rollout.core.names import RolloutId, StreamName
from rollout.core.witnessed import Witnessed
from rollout.engine.clock import Clock
from rollout.errors import StateUnusable
from rollout.journal.exchanges import Exchanges
from rollout.journal.journal import VersionConflict

GATHER_S: Final = 1.0
"""What was heard within so long is written together; a crash loses at most this much."""
WAITING_MAX: Final = 2_000
"""Exchanges that may wait to be written; beyond it the oldest of them are lost."""


class ExchangeKeeper:
    """A Witness of the platform over a journal. Writes `at_work`; the rest of the time it only gathers."""

    def __init__(self, store: Exchanges, logger: FilteringBoundLogger) -> None:
        self._store = store
        self._logger = logger
        self._waiting: deque[Witnessed] = deque()
        self._heard = asyncio.Event()
        self._writing = asyncio.Lock()
        self.lost = 0
        """How many could not be kept."""

    def __call__(self, seen: Witnessed) -> None:
        """Hear of an exchange."""
        self._waiting.append(seen)
        if len(self._waiting) > WAITING_MAX:
            self._waiting.popleft()
            self.lost += 1
        self._heard.set()

    async def of(self, stream: StreamName) -> Sequence[Witnessed]:
        """Give what is known of a stream's calls, what was heard just now included, oldest first."""
        await self._write()
        return await self._store.exchanges(stream)

    async def gone_wrong(self, rollout: RolloutId) -> Sequence[Witnessed]:
        """Give those of a rollout's calls that did not go well, oldest first."""
        await self._write()
        return await self._store.exchanges_gone_wrong(rollout)

    @contextlib.asynccontextmanager
    async def at_work(self, clock: Clock) -> AsyncIterator[None]:
        """Write down what is heard for the time of a block, and what is left at its end."""
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self._keep_writing(clock), name="exchanges")
            try:
                yield
            finally:
                writing.cancel()
        await self._write()

    async def _keep_writing(self, clock: Clock) -> None:
        while True:
            await self._heard.wait()
            await clock.sleep_until(clock.now().t + GATHER_S)
            await self._write()

    async def _write(self) -> None:
        """Write what waits. Where nothing can be written it is lost, and said so: the ledger is who stops for that."""
        async with self._writing:
            self._heard.clear()
            seen = tuple(self._waiting)
            self._waiting.clear()
            if not seen:
                return
            try:
                await self._store.keep_exchanges(seen)
            except (StateUnusable, VersionConflict) as error:
                self.lost += len(seen)
                self._logger.warning("exchanges_lost", count=len(seen), why=str(error))
