"""Drives one service rollout: decide, act, record, again. One sequential loop; it never branches on policy."""

import asyncio
from typing import Final

from rollout.core.action import (
    Action,
    LookAtDeployment,
    PollOperation,
    Prepare,
    ProbeHealth,
    Record,
    Submit,
    Wait,
    Watch,
)
from rollout.core.change_event import Slow
from rollout.core.deadline import deadline
from rollout.core.decide import decide
from rollout.core.drafts import voice, with_companions
from rollout.core.event import Evidence, ServiceFact, TakenOver, Verdict
from rollout.core.interpret import interpret_look, interpret_poll
from rollout.core.judge import interpret_probe
from rollout.core.names import Now, StreamName, standing_in
from rollout.core.outcome import Progress, Unreachable
from rollout.core.phase import call_of
from rollout.core.service import ServiceRollout
from rollout.core.sight_event import Blinded, Sighted
from rollout.core.slots import slot_to_see
from rollout.core.snapshot import Look
from rollout.engine.caller import call
from rollout.engine.darkness import Darkness
from rollout.engine.kit import Kit
from rollout.engine.line import NEAR_S
from rollout.engine.pacer import Lane
from rollout.engine.papers import keep_documents, prepared
from rollout.engine.past import kind_of
from rollout.engine.strangers import named
from rollout.engine.streams import service_state
from rollout.engine.tracker import Tell, Tracked
from rollout.engine.turn import Turn
from rollout.engine.waiting import until_news

LAG_S_MAX: Final = 5.0
"""What comes so much later than it can is no evidence any more: this process, or its machine, stood still."""
SAYS_NOTHING: Final = Blinded | Sighted | Slow
"""Facts that a look can mean without having shown whether the next call may be made."""
PATIENCE_S: Final = 60.0
"""A round of checks that waits longer for its turn is no evidence; it keeps its place in the line."""


class Runner:
    """One service rollout's loop. Waits end early when its stream gets an entry from elsewhere; effects do not."""

    def __init__(self, kit: Kit, stream: StreamName) -> None:
        self._kit = kit
        self._stream = stream
        self._news: asyncio.Future[None] | None = None
        self._draining = False
        self._decided_at = 0
        self._turn = Turn(kit.pacer, stream)
        self._looked = False
        """It has seen the deployment itself. Nobody knows how old another life's look is: time stood still since."""

    @property
    def waiting_for(self) -> str:
        """Say which permit it waits for and how that line moves; empty = none."""
        return self._turn.waiting_for

    def nudge(self) -> None:
        """End the wait in hand if its stream got an entry since it was decided on, or the engine drains."""
        if self._news is None or self._news.done():
            return
        if self._draining or self._state.version != self._decided_at:
            self._news.set_result(None)

    def drain(self) -> None:
        """End after the effect in hand, if there is one. Everything is on disk; a later engine goes on from there."""
        self._draining = True
        self.nudge()

    async def run(self) -> None:
        """Go on until the attempt has ended, or the engine drains."""
        try:
            await self._run()
        finally:
            self._turn.leave()

    async def _run(self) -> None:
        while not self._draining:
            self._news = asyncio.get_running_loop().create_future()
            state = self._state
            self._decided_at = state.version
            action = decide(state, self._kit.clock.now())
            if not isinstance(action, Submit) and not _only_looks(action):
                self._turn.leave()
            match action:
                case None:
                    return
                case Record(fact=fact):
                    await self._record(fact)
                case Submit() as action:
                    await self._call(action, self._news)
                case Watch() as action:
                    await self._watch(action, self._news)
                case Wait(until_t=until_t):
                    await self._wait(until_t, self._news)
                case Prepare(order=order):
                    await self._record(await prepared(self._kit, order))

    @property
    def _state(self) -> ServiceRollout:
        return service_state(self._kit.ledger, self._stream)

    async def _call(self, action: Submit, news: asyncio.Future[None]) -> None:
        """Make a call, but not on what another life has seen, nor while calls of an old host may still arrive."""
        now_t, quiet_until_t = self._kit.clock.now().t, self._kit.ledger.engine().quiet_until_t
        if now_t < quiet_until_t:
            self._looked = False
            await self._wait(quiet_until_t, news)
        elif not self._looked:
            look = LookAtDeployment(slot_to_see(self._state.phase))
            await self._watch(Watch((look,), deadline(self._state, now_t).t), news)
        else:
            await call(self._kit, self._stream, action, news, self._turn)

    async def _record(self, fact: ServiceFact) -> None:
        drafts = with_companions(self._state, fact)
        await self._kit.ledger.put(drafts, now=self._kit.clock.now(), actor=voice(fact))

    async def _wait(self, until_t: float | None, news: asyncio.Future[None]) -> None:
        if until_t is None:
            await news
        else:
            await until_news(self._kit.clock.sleep_until(until_t), news, name=f"wait {self._stream}")

    async def _watch(self, action: Watch, news: asyncio.Future[None]) -> None:
        watch = _Watching(self._kit, self._stream, news, self._turn)
        probe = next((source for source in action.sources if isinstance(source, ProbeHealth)), None)
        try:
            watch.ask(action)
            if probe is not None:
                await until_news(watch.probe(probe, action.due_t), news, name=f"probe {self._stream}")
            else:
                await news
        finally:
            watch.close()
        if (fact := watch.fact) is None or watch.outdated or self._kit.clock.now().t > watch.fact_t + LAG_S_MAX:
            return  # what was seen before this process stood still is seen again
        await keep_documents(self._kit, fact, watch.seen)
        if isinstance(fact, TakenOver):
            fact = await named(self._kit, self._state, fact, self._kit.clock.now())
        if not watch.outdated:
            self._looked = self._looked or (watch.seen is not None and not isinstance(fact, SAYS_NOTHING))
            await self._record(fact)


class _Watching:
    """One watch: it asks its sources and keeps the first fact that an answer means."""

    def __init__(self, kit: Kit, stream: StreamName, news: asyncio.Future[None], turn: Turn) -> None:
        self.fact: ServiceFact | None = None
        self.fact_t = 0.0
        self._kit = kit
        self._stream = stream
        self._news = news
        self._turn = turn
        self._version = service_state(kit.ledger, stream).version
        self._previous: Look | None = None
        self._darkness = Darkness(kit.clock.now().t)
        self._tracked: list[Tracked] = []

    def ask(self, action: Watch) -> None:
        """Register polls and looks with the tracker."""
        state = self._state
        lane = Lane.LOOK_BEFORE_WRITE if self._turn.keeps else self._kit.forward
        if state.turned_back:
            lane = Lane.GOING_BACK
        for source in action.sources:
            match source:
                case PollOperation(number=number, handle=handle):
                    call = call_of(state.phase)
                    tracked = self._kit.tracker.poll(
                        handle,
                        self._on_poll(number),
                        due_t=action.due_t,
                        going_back=state.turned_back,
                        since_t=None if call is None else call.accepted_t,
                        kind="" if call is None else kind_of(call.operation),
                        share=state.plan.rollout,
                    )
                    self._tracked.append(tracked)
                case LookAtDeployment(slot=slot):
                    target = state.target if slot is None else standing_in(state.target, slot)
                    scope = self._kit.platform.write_scope(target)
                    tracked = self._kit.tracker.look(
                        target, scope, self._on_look, due_t=action.due_t, lane=lane, share=state.plan.rollout
                    )
                    self._tracked.append(tracked)
                case ProbeHealth():
                    pass

    async def probe(self, source: ProbeHealth, due_t: float) -> None:
        """Ask the checks round by round, once soon after `due_t` in any case, until a round means a fact."""
        kit = self._kit
        checks = kit.probe_of(self._state.plan)
        next_t = source.first_t
        while self.fact is None:
            await kit.clock.sleep_until(next_t)
            if not await self._may_look(checks.looks(source.checks)):
                self._keep(interpret_probe(self._state, (self._crowded(),), kit.clock.now()))
                continue
            asked_t = kit.clock.now().t
            evidence = await checks.round(
                self._state.plan.rollout,
                self._state.target,
                source.domains,
                source.checks,
                moment=source.moment,
                since_t=source.first_t,
                interval_s=source.interval_s,
            )
            now = kit.clock.now()
            if (stale := self._stale(now.t - asked_t)) is not None:
                self._keep(interpret_probe(self._state, (stale,), now))
                continue
            self._keep(interpret_probe(self._state, evidence, now))
            next_t = now.t + source.interval_s
            if now.t < due_t < next_t:
                next_t = due_t

    async def _may_look(self, looks: int) -> bool:
        """Have the permits of one round; False = it waits so long that this counts as no evidence."""
        now_t = self._kit.clock.now().t
        scope = self._kit.platform.write_scope(self._state.target)
        # The end of a gate's own clock is no deadline: if it were, gates alone would use up a slow subscription.
        near = now_t > deadline(self._state, now_t).t - NEAR_S
        lane = max(Lane.NEAR_DEADLINE, self._kit.forward) if near else self._kit.forward
        return await self._turn.to_look(scope, lane, looks, now_t + PATIENCE_S)

    def _stale(self, took_s: float) -> Evidence | None:
        """Refuse a round that took longer than its checks may: this process stood still, and what they saw is old."""
        longest_s = max((check.timeout_s for check in self._state.plan.health.checks), default=0.0)
        if took_s <= longest_s + LAG_S_MAX:
            return None
        return Evidence("engine", Verdict.UNKNOWN, f"stood still: a round of checks came back after {took_s:.0f} s")

    def _crowded(self) -> Evidence:
        scope = self._kit.platform.write_scope(self._state.target)
        return Evidence(
            "pacer", Verdict.UNKNOWN, f"no turn to look within {PATIENCE_S:g} s: {self._kit.pacer.why(scope)}"
        )

    def close(self) -> None:
        """Ask nobody any more."""
        for tracked in self._tracked:
            tracked.cancel()

    @property
    def seen(self) -> Look | None:
        """The look that meant the fact, if a look did."""
        return self._previous

    @property
    def outdated(self) -> bool:
        """Whether somebody else's word moved the state on since the watch began; what was seen is asked anew."""
        return self._version != self._state.version

    @property
    def _state(self) -> ServiceRollout:
        return service_state(self._kit.ledger, self._stream)

    def _on_poll(self, number: int) -> Tell:
        def tell(progress: Progress, now: Now) -> bool:
            dark_s = self._darkness.until(now.t, usable=not isinstance(progress, Unreachable))
            return self._keep(interpret_poll(self._state, number, progress, now, dark_s=dark_s))

        return tell

    def _on_look(self, look: Look) -> bool:
        dark_s = self._darkness.until(look.now.t, usable=not isinstance(look.observation, Unreachable))
        fact = interpret_look(self._state, self._previous, look, dark_s=dark_s)
        self._previous = look
        return self._keep(fact)

    def _keep(self, fact: ServiceFact | None) -> bool:
        """Keep the first fact, unless the state moved on since the watch began: then the answer is out of date."""
        if self.outdated:
            return True
        if fact is None or self.fact is not None:
            return self.fact is not None
        self.fact, self.fact_t = fact, self._kit.clock.now().t
        if not self._news.done():
            self._news.set_result(None)
        return True


def _only_looks(action: Action | None) -> bool:
    return isinstance(action, Watch) and all(isinstance(source, LookAtDeployment) for source in action.sources)
