"""The engine: owns the ledger's streams, runs rollouts until they are over, and stops so that it can go on later.

Its root tasks never end by themselves while work is in hand; if one fails, everything stops and the journal is as it
was after the last append.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from rollout.core.command import Ask
from rollout.core.drafts import opening
from rollout.core.fleet import summarize
from rollout.core.names import ENGINE, RolloutId, ServiceName, StreamName, is_service_stream
from rollout.core.plan import RolloutPlan, ServicePlan
from rollout.core.reply import Reply
from rollout.core.result import Result, result
from rollout.core.service import ServiceRollout
from rollout.engine.dispatcher import Dispatcher
from rollout.engine.groups import unwrapped
from rollout.engine.inbox import INBOX_POLL_S, Inbox
from rollout.engine.kit import Kit
from rollout.engine.records import what_runs
from rollout.engine.runner import Runner
from rollout.engine.streams import newest_attempts, rollout_state, service_state
from rollout.engine.surroundings import Changes, Surroundings
from rollout.errors import JournalFull
from rollout.journal.journal import Journal, Recorded

HEARTBEAT_S = 5.0
"""A crash loses at most this much engine time."""


class Engine:
    """Runs rollouts of one journal. Use `run` once for each rollout that is to go on."""

    def __init__(
        self, journal: Journal, kit: Kit, *, inbox_poll_s: float = INBOX_POLL_S, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._journal = journal
        self._kit = kit
        self._runners: dict[StreamName, Runner] = {}
        self._dispatcher: Dispatcher | None = None
        self._draining = False
        self._heartbeat_s = heartbeat_s
        self._changes: Changes = {}
        self._inbox = Inbox(journal, kit.ledger, kit.clock, self._tell_dispatcher, inbox_poll_s)
        kit.ledger.listen(self._on_recorded)

    async def open_rollout(self, plan: RolloutPlan, services: Sequence[ServicePlan], *, actor: str = ENGINE) -> None:
        """Write the rollout and its services down, all or nothing; durable on return. `actor` is who asked for it."""
        known = await what_runs(self._kit.ledger, {each.service for each in services})
        drafts = opening(plan, tuple(services), known)
        await self._kit.ledger.put(drafts, now=self._kit.clock.now(), actor=actor)

    async def say(self, ask: Ask) -> Reply:
        """Answer a person's command; what it makes true is durable on return."""
        return await self._inbox.say(ask)

    def drain(self) -> None:
        """Stop resumable: effects in hand are finished and recorded, waits end at once. Safe to call repeatedly."""
        self._draining = True
        if self._dispatcher is not None:
            self._dispatcher.drain()
        for runner in self._runners.values():
            runner.drain()

    async def run(self, rollout: RolloutId, *, strict_exit: bool = False) -> Result | None:
        """Go on with `rollout` until it is over; None = drained before that."""
        for _, stream in newest_attempts(self._kit.ledger, rollout):
            await self._kit.ledger.recall(stream)
        with unwrapped():
            # What was asked while no engine ran may be what the rollout waits for.
            await self._inbox.answer_all()
            over = await self._run(rollout)
        return self.result(rollout, strict_exit=strict_exit) if over else None

    async def _run(self, rollout: RolloutId) -> bool:
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(self._kit.tracker.run(), name="tracker"),
                group.create_task(self._beat(), name="heartbeat"),
                group.create_task(self._inbox.run(), name="inbox"),
                group.create_task(Surroundings(self._kit, rollout, self._changes).run(), name="surroundings"),
            ]
            async with asyncio.TaskGroup() as services:
                over = await self._dispatch(rollout, services)
                for runner in self._runners.values():
                    runner.drain()
            for task in background:
                task.cancel()
        return over

    def services(self, rollout: RolloutId) -> Mapping[ServiceName, ServiceRollout]:
        """Give the services of a rollout as they stand, in fleet order."""
        ledger = self._kit.ledger
        return {service: service_state(ledger, stream) for service, stream in newest_attempts(ledger, rollout)}

    def result(self, rollout: RolloutId, *, strict_exit: bool = False) -> Result:
        """Judge a rollout that is over."""
        services, now = self.services(rollout), self._kit.clock.now()
        summaries = {name: summarize(each, now) for name, each in services.items()}
        return result(rollout_state(self._kit.ledger, rollout), summaries, services, strict_exit=strict_exit)

    async def _dispatch(self, rollout: RolloutId, group: asyncio.TaskGroup) -> bool:
        def spawn(stream: StreamName) -> None:
            runner = Runner(self._kit, stream)
            self._runners[stream] = runner
            group.create_task(runner.run(), name=f"runner {stream}")

        self._dispatcher = Dispatcher(self._kit.ledger, self._kit.clock, rollout, spawn)
        if self._draining:
            return False
        return await self._dispatcher.run()

    async def _beat(self) -> None:
        while True:
            now = self._kit.clock.now()
            with contextlib.suppress(JournalFull):  # the ledger tells of it; a beat that is missed costs engine time
                await self._journal.beat(now, self._kit.pacer.said())
            await self._kit.clock.sleep_until(now.t + self._heartbeat_s)

    def _on_recorded(self, recorded: Sequence[Recorded]) -> None:
        for each in recorded:
            stream = each.entry.stream
            if (runner := self._runners.get(stream)) is not None:
                runner.nudge()
            self._tell_dispatcher(stream)

    def _tell_dispatcher(self, stream: StreamName) -> None:
        if self._dispatcher is None:
            return
        state = self._kit.ledger.service(stream) if is_service_stream(stream) else None
        if state is not None:
            self._dispatcher.nudge(state)
        else:
            self._dispatcher.wake()
