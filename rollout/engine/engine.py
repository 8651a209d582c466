"""The engine: owns the ledger's streams, runs rollouts until they are over, and stops so that it can go on later.

Its root tasks never end by themselves while work is in hand; if one fails, everything stops and the journal is as it
was after the last append.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rollout.core.admission import Scene
from rollout.core.around import Around
from rollout.core.command import Ask
from rollout.core.conflict import handover, refusal
from rollout.core.drafts import opening
from rollout.core.foreseen import Foreseen
from rollout.core.names import ENGINE, RolloutId, ServiceName, StreamName, is_service_stream
from rollout.core.plan import RolloutPlan, ServicePlan
from rollout.core.reply import NOBODY, Reply
from rollout.core.result import Result, result
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize
from rollout.core.waiting import stuck
from rollout.core.word_approval import Groups
from rollout.engine.bucket import Lane
from rollout.engine.crew import Crew
from rollout.engine.dispatcher import Dispatcher
from rollout.engine.groups import unwrapped
from rollout.engine.inbox import INBOX_POLL_S, First, Inbox
from rollout.engine.kit import Kit
from rollout.engine.neighbours import Neighbours
from rollout.engine.records import what_runs
from rollout.engine.streams import newest_attempts, rollout_state, service_state
from rollout.engine.surroundings import Changes, Surroundings
from rollout.errors import CommandRefused, JournalFull
from rollout.journal.journal import Journal, Recorded

if TYPE_CHECKING:
    from rollout.engine.runner import Runner

HEARTBEAT_S = 5.0
"""A crash loses at most this much engine time."""


class Engine:
    """Runs rollouts of one journal. Use `run` once for each rollout that is to go on; several at once `at_work`.

    `groups` are the people who may approve.
    """

    def __init__(
        self,
        journal: Journal,
        kit: Kit,
        *,
        inbox_poll_s: float = INBOX_POLL_S,
        heartbeat_s: float = HEARTBEAT_S,
        groups: Groups = NOBODY,
    ) -> None:
        self._journal = journal
        self._runners: dict[StreamName, Runner] = {}
        self._dispatchers: dict[RolloutId, Dispatcher] = {}
        self._draining = False
        self._working = False
        self._heartbeat_s = heartbeat_s
        self._changes: Changes = {}
        self._around = Neighbours(kit.ledger, kit.room, self._dispatchers)
        self._kit = dataclasses.replace(kit, hold_before=self._around.hold_before)
        self.groups = groups
        self._inbox = Inbox(journal, kit.ledger, kit.clock, self._tell_dispatchers, inbox_poll_s, groups=groups)
        kit.ledger.listen(self._on_recorded)

    async def open_rollout(
        self,
        plan: RolloutPlan,
        services: Sequence[ServicePlan],
        *,
        actor: str = ENGINE,
        foreseen: Foreseen | None = None,
    ) -> None:
        """Write the rollout and its services down, all or nothing; durable on return. `actor` is who asked for it.

        Raises CommandRefused where another rollout has what it wants and the policy does not say what happens then.
        """
        known = await what_runs(self._kit.ledger, {each.service for each in services})
        # From here on nothing is awaited: of two that want the same at once, the second one sees the first.
        if refused := refusal(plan, services, self._around.claims(but=plan.rollout)):
            raise CommandRefused(refused)
        drafts = (
            *opening(plan, tuple(services), known, foreseen),
            *handover(plan, services, self._around.claims(), actor),
        )
        pending = self._kit.ledger.put(drafts, now=self._kit.clock.now(), actor=actor)
        self._around.forget()
        await pending

    async def say(self, ask: Ask) -> Reply:
        """Answer a person's command; what it makes true is durable on return."""
        return await self._inbox.say(ask)

    async def hear(self, ask: Ask) -> Reply:
        """Answer a person's command once for each key, whatever dies in between; durable on return.

        Raises CommandRefused for a key that was used for another command, and JournalFull.
        """
        return await self._inbox.hear(ask)

    def weigh(self, ask: Ask) -> Reply:
        """Say what a command would be answered just now; nothing is done."""
        return self._inbox.weigh(ask)

    def answer_first(self, first: First) -> None:
        """Let somebody answer words to rollouts before they are weighed, from wherever they come."""
        self._inbox.first = first

    async def catch_up(self) -> None:
        """Answer what was asked while no engine ran, before anything is decided on what was true before."""
        await self._inbox.answer_all()
        self._look_at_all()

    async def keep(self, rollout: RolloutId, rested: Callable[[], None]) -> bool:
        """Go on with `rollout` until it is closed (True) or this drains (False), through whatever waits for people.

        `rested` is called whenever nothing but a person's word moves it on. Within `at_work`, after `catch_up`.
        """
        with unwrapped():
            return await self._dispatch(rollout, rested)

    def rests(self, rollout: RolloutId) -> bool:
        """Tell whether only a person's word moves a rollout on that is kept; False for any other one."""
        dispatcher = self._dispatchers.get(rollout)
        return dispatcher is not None and dispatcher.rests

    def drain(self) -> None:
        """Stop resumable: effects in hand are finished and recorded, waits end at once. Safe to call repeatedly.

        A full disk is waited for only so long; then the ledger breaks, saying what was not recorded.
        """
        self._draining = True
        self._kit.ledger.hurry()
        for dispatcher in self._dispatchers.values():
            dispatcher.drain()
        for runner in self._runners.values():
            runner.drain()

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Listen to people and follow what is in flight, for the time of a block; `run` does so by itself."""
        if self._working:
            yield
            return
        self._working = True
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self._kit.tracker.run(), name="tracker"),
                    group.create_task(self._beat(), name="heartbeat"),
                    group.create_task(self._inbox.run(), name="inbox"),
                ]
                yield
                for task in background:
                    task.cancel()
        finally:
            self._working = False

    async def run(self, rollout: RolloutId, *, strict_exit: bool = False) -> Result | None:
        """Go on with `rollout` until it is over; None = drained before that.

        Whoever has what it waits for is gone on with, too, as long as it waits.
        """
        for _, stream in newest_attempts(self._kit.ledger, rollout):
            await self._kit.ledger.recall(stream)
        with unwrapped():
            # What was asked while no engine ran may be what the rollout waits for.
            await self._inbox.answer_all()
            async with self.at_work():
                over = await self._run(rollout)
        return self.result(rollout, strict_exit=strict_exit) if over else None

    def _look_at_all(self) -> None:
        """Count what is under way, of whichever rollout, before anything is begun."""
        for claim in self._around.claims():
            for state in claim.services.values():
                self._around.told(state.stream)

    async def _run(self, rollout: RolloutId) -> bool:
        self._look_at_all()
        beside = [other for other in self._around.before(rollout) if other not in self._dispatchers]
        async with asyncio.TaskGroup() as group:
            for other in beside:
                group.create_task(self._dispatch(other), name=f"rollout {other}")
            over = await self._dispatch(rollout)
            for other in beside:
                if other in self._dispatchers:
                    self._dispatchers[other].drain()
        return over

    async def _dispatch(self, rollout: RolloutId, rested: Callable[[], None] | None = None) -> bool:
        """Drive one rollout and its services until it is over (True) or drains."""
        async with asyncio.TaskGroup() as group:
            urgent = rollout_state(self._kit.ledger, rollout).plan.urgent
            kit = dataclasses.replace(self._kit, forward=Lane.URGENT) if urgent else self._kit
            crew = Crew(group, kit, self._runners)
            dispatcher = Dispatcher(kit, rollout, crew.spawn, crew.start, self._around, rested=rested)
            self._dispatchers[rollout] = dispatcher
            if self._draining:
                dispatcher.drain()
            looking = crew.start(Surroundings(kit, rollout, self._changes).run(), f"surroundings {rollout}")
            try:
                over = await dispatcher.run()
            finally:
                looking.cancel()
                del self._dispatchers[rollout]
                self._changes.pop(rollout, None)
                self._wake_all()
                crew.drain()
        return over

    def services(self, rollout: RolloutId) -> Mapping[ServiceName, ServiceRollout]:
        """Give the services of a rollout as they stand, in fleet order."""
        ledger = self._kit.ledger
        return {service: service_state(ledger, stream) for service, stream in newest_attempts(ledger, rollout)}

    def around(self, rollout: RolloutId) -> Around:
        """Give what decisions about a rollout depend on besides itself."""
        return self._around.around(rollout, self._kit.clock.now())

    def result(self, rollout: RolloutId, *, strict_exit: bool = False) -> Result:
        """Judge a rollout that is over."""
        services, now = self.services(rollout), self._kit.clock.now()
        summaries = {name: summarize(each, now) for name, each in services.items()}
        state = rollout_state(self._kit.ledger, rollout)
        kept = stuck(Scene(state, summaries, now, self._around.around(rollout, now)))
        return result(state, summaries, services, strict_exit=strict_exit, stuck=kept)

    async def _beat(self) -> None:
        while True:
            now = self._kit.clock.now()
            said = [
                each
                for each in (self._kit.ledger.engine().said(now), self._kit.pacer.said(), self._kit.room.said())
                if each
            ]
            with contextlib.suppress(JournalFull):  # the ledger tells of it; a beat that is missed costs engine time
                await self._journal.beat(now, "; ".join(said))
            await self._kit.clock.sleep_until(now.t + self._heartbeat_s)

    def _on_recorded(self, recorded: Sequence[Recorded]) -> None:
        for each in recorded:
            stream = each.entry.stream
            if (runner := self._runners.get(stream)) is not None:
                runner.nudge()
            self._tell_dispatchers(stream)

    def _tell_dispatchers(self, stream: StreamName) -> None:
        """Tell whose service it was; what began or ended may be what another rollout waits for."""
        state = self._kit.ledger.service(stream) if is_service_stream(stream) else None
        if state is None:
            self._wake_all()
        elif (dispatcher := self._dispatchers.get(state.plan.rollout)) is not None:
            dispatcher.nudge(state)
        if state is not None:
            self._around.told(stream)
            if state.ended is not None:
                self._wake_all()

    def _wake_all(self) -> None:
        for dispatcher in self._dispatchers.values():
            dispatcher.wake()
