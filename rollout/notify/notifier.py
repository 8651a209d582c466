"""Notices for the time of a block: drawn, sent, and at its end whatever can still be sent. No rollout waits for it.

If something here is broken by our own mistake, that is logged and the heartbeat ends, so that somebody is paged; the
rollouts go on, and a later start goes on from the durable place in the journal.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter
from structlog.typing import FilteringBoundLogger

from rollout.core.names import StreamName, rollout_stream
from rollout.engine.clock import Clock
from rollout.engine.groups import unwrapped
from rollout.engine.streams import RolloutLedger
from rollout.errors import StateUnusable
from rollout.journal.journal import Journal
from rollout.journal.outbox import Outbox
from rollout.notify.drawer import Drawer
from rollout.notify.feed import HANDFUL, Feed
from rollout.notify.folds import Folds
from rollout.notify.heads import Heads
from rollout.notify.heartbeat import Heartbeat
from rollout.notify.sender import Count, Sender, Wire
from rollout.notify.targets import Targets

DRAIN_S: Final = 5.0
"""How long the end of a run waits for receivers; what they do not take by then is sent by the next start."""


class Notifier:
    """All parts of it over one journal."""

    def __init__(
        self,
        journal: Journal,
        outbox: Outbox,
        ledger: RolloutLedger,
        clock: Clock,
        *,
        heartbeat: Heartbeat | None = None,
        handful: int = HANDFUL,
        logger: FilteringBoundLogger | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._journal = journal
        self._outbox = outbox
        self._ledger = ledger
        self._clock = clock
        self._heartbeat = heartbeat
        self._handful = handful
        self._logger = logger
        self._registry = registry
        self._heads = Heads(logger)
        self._log = logger or structlog.get_logger("rollout.notify")

    @contextlib.asynccontextmanager
    async def at_work(self, targets: Targets, wire: Wire, draw: Callable[[], float]) -> AsyncIterator[None]:
        """Tell people for the time of the block."""
        feed = Feed(self._journal, await self._outbox.drawn_to(), self._handful)
        drawer = Drawer(self._outbox, feed, Folds(self._journal, targets.wanted), targets, self._clock)
        count = None if self._registry is None else _counted(self._registry)
        sender = Sender(self._outbox, targets, wire, self._clock, draw, logger=self._logger, count=count)
        self._ledger.listen(feed.hear)
        self._ledger.listen(self._heads.hear)
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._heads.run(self._clock), name="journal heads")]
            if self._heartbeat is not None:
                beating = self._heartbeat.run(self._ledger.rollouts, self._heads)
                beside.append(group.create_task(beating, name="heartbeat of notices"))
            telling = group.create_task(self._tell(drawer, sender, beside), name="notices")
            try:
                yield
            finally:
                feed.close()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DRAIN_S):
                        await asyncio.wait([telling])
                for task in (telling, *beside):
                    task.cancel()
                self._heads.say()

    async def _tell(self, drawer: Drawer, sender: Sender, beside: Sequence[asyncio.Task[None]]) -> None:
        """Draw and send until the feed ends and everything was sent that can be."""
        try:
            with unwrapped():
                await self._draw_and_send(drawer, sender)
        except StateUnusable as error:
            self._log.warning("notices_stopped", reason=str(error))  # whoever appends next meets it, too
        except Exception as error:  # noqa: BLE001 - the edge: a mistake of ours here must not stop a rollout
            self._log.error("notices_stopped", reason=f"a mistake of ours: {type(error).__name__}: {error}")
            for task in beside:
                task.cancel()

    async def _draw_and_send(self, drawer: Drawer, sender: Sender) -> None:
        await drawer.watch(_timed(self._ledger))
        async with asyncio.TaskGroup() as workers:

            def start(target: str) -> None:
                workers.create_task(sender.work(target), name=f"notices to {target[:20]}")

            for target in await self._outbox.waiting_targets():
                sender.tell(target, start)
            while (news := await drawer.draw()) is not None:
                for target in await self._outbox.waiting_targets() if drawer.idle else news:
                    sender.tell(target, start)
            sender.end()


def _counted(registry: CollectorRegistry) -> Count:
    """Count what became of notices for whoever scrapes the registry."""
    notices = Counter("rolloutd_notices", "Posts of notices, by what became of each.", ["outcome"], registry=registry)
    return lambda outcome, number: notices.labels(outcome).inc(number)


def _timed(ledger: RolloutLedger) -> list[StreamName]:
    """Name the open streams that hold an alert which tells by itself: a stop, or an approval that is waited for."""
    stopped = [stream for stream, state in ledger.services().items() if state.stop is not None and state.ended is None]
    asking = [
        rollout_stream(rollout)
        for rollout, state in ledger.rollouts().items()
        if state.closed is None and any(each.given is None for each in state.approvals.values())
    ]
    return [*stopped, *asking]
