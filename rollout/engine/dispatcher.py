"""Carries out what the fleet rules want of one rollout, and says when nothing moves on by itself."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from rollout.core import change_event, event, fleet_event
from rollout.core.admission import Scene, admissible
from rollout.core.around import ALONE
from rollout.core.caps import refuse_admission
from rollout.core.drafts import Draft, voice
from rollout.core.fleet import consider_fleet
from rollout.core.fleet_action import (
    Admit,
    AskApproval,
    BeginBake,
    CloseRollout,
    FleetAction,
    Halt,
    OpenBarrier,
    OpenWave,
    Release,
    TakeBack,
)
from rollout.core.fleet_state import RolloutState, Summary
from rollout.core.names import ENGINE, POLICY, RolloutId, ServiceName, StreamName, parse_service_stream, rollout_stream
from rollout.core.result import is_over
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize
from rollout.core.taking_back import back_drafts
from rollout.engine.baker import Baker
from rollout.engine.kit import Kit
from rollout.engine.neighbours import Neighbours
from rollout.engine.streams import newest_attempts, rollout_state, service_state

WALL_LOOK_S: Final = 60.0
"""How long people's clock is believed to go on as it does: it may be set, and windows and dates go by it."""
WALL_LOOK_S_MIN: Final = 0.01
"""A date that the clock has all but reached is waited for without haste."""

Start = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
"""Starts a named task beside the runners."""


class Dispatcher:
    """One rollout's loop: summaries in, admissions out. It never touches a service's state but through the ledger."""

    def __init__(
        self,
        kit: Kit,
        rollout: RolloutId,
        spawn: Callable[[StreamName], None],
        start: Start,
        around: Neighbours,
        *,
        rested: Callable[[], None] | None = None,
    ) -> None:
        """With `rested` it goes on until the rollout is closed, and calls that whenever only people move it on."""
        self._kit = kit
        self._ledger = kit.ledger
        self._rollout = rollout
        self._spawn = spawn
        self._start = start
        self._around = around
        self._rested = rested
        self._rests = False
        self._streams: dict[ServiceName, StreamName] = {}
        self._summaries: dict[ServiceName, Summary] = {}
        self._stale: dict[ServiceName, None] = {}  # in order: a set of names has another one in every process
        self._spawned: set[StreamName] = set()
        self._news = asyncio.Event()
        self._moved = True
        """Something changed on which decisions depend."""
        self._draining = False
        self._bakers: dict[tuple[str, float], asyncio.Task[None]] = {}
        for service, stream in newest_attempts(kit.ledger, rollout):
            self._streams[service] = stream
            self._stale[service] = None

    def nudge(self, state: ServiceRollout) -> None:
        """Hear that a service changed, perhaps of another rollout; a new attempt takes the place of the one before."""
        if state.plan.rollout != self._rollout:
            return
        if state.attempt > parse_service_stream(self._streams[state.plan.service])[2]:
            self._streams[state.plan.service] = state.stream
        self._stale[state.plan.service] = None
        self._news.set()

    def wake(self) -> None:
        """Hear that something was said to a rollout, or that the world around it changed."""
        self._moved = True
        self._news.set()

    def drain(self) -> None:
        """Admit nothing more and return."""
        self._draining = True
        self._news.set()

    @property
    def state(self) -> RolloutState:
        """The rollout as the ledger knows it."""
        return rollout_state(self._ledger, self._rollout)

    @property
    def rests(self) -> bool:
        """Whether only people move it on, as far as everything that was heard has been considered."""
        return self._rests and not self._moved and not self._stale

    @property
    def urgent(self) -> bool:
        """Whether it comes before others where room is short."""
        return self.state.plan.urgent

    @property
    def wanted(self) -> int:
        """How many services it would begin at once if no cap were shared."""
        if self.state.halted is not None:
            return 0
        scene = Scene(self.state, self._summaries, self._kit.clock.now(), ALONE)
        known = len(self._summaries) == len(self._streams)
        return sum(len(admissible(scene, wave)) for wave in self.state.opened_waves) if known else 0

    async def run(self) -> bool:
        """Go on until the rollout is over (True) or the engine drains (False)."""
        try:
            return await self._run()
        finally:
            for task in self._bakers.values():
                task.cancel()

    async def _run(self) -> bool:
        until_wall: float | None = None
        while not self._draining:
            self._news.clear()
            self._summarize()
            if not self._moved:
                await self._idle(until_wall)
                continue
            self._moved = self._rests = False
            self._watch()
            now = self._kit.clock.now()
            around = self._around.around(self._rollout, now)
            course = consider_fleet(self.state, self._summaries, now, around)
            until_wall = course.until_wall
            if course.action is not None:
                self._moved = True
                await self._act(course.action)
            elif is_over(self.state, self._summaries, now, around):
                if self._rested is None or self.state.closed is not None:
                    return True
                self._rests = True
                self._rested()
        return False

    def _summarize(self) -> None:
        """Look again at whoever has news; most of it, such as a poll's answer, is nothing to the fleet."""
        for name in self._stale:
            summary = self._summary(name)
            if summary != self._summaries.get(name):
                self._summaries[name] = summary
                self._moved = True
            self._set_going(name)
        self._stale.clear()

    async def _idle(self, until_wall: float | None) -> None:
        """Wait for news, or until people's clock may show `until_wall`."""
        left_s = None
        if until_wall is not None:
            left_s = max(min(until_wall - self._kit.clock.now().wall, WALL_LOOK_S), WALL_LOOK_S_MIN)
        try:
            async with asyncio.timeout(left_s):
                await self._news.wait()
        except TimeoutError:
            self._moved = True

    def _watch(self) -> None:
        """Have every bake watched."""
        for bake in self.state.bakes:
            plan = self.state.wave(bake.wave).bake
            key = (bake.wave, bake.began_t)
            if plan is not None and key not in self._bakers:
                baker = Baker(self._kit, self._rollout, bake, self._streams)
                self._bakers[key] = self._start(baker.run(plan), f"bake {self._rollout} {bake.wave}")

    async def _act(self, action: FleetAction) -> None:
        own = rollout_stream(self._rollout)
        match action:
            case OpenWave(wave=wave):
                await self._put([(own, fleet_event.WaveOpened(wave))])
            case Admit(wave=wave, services=services):
                await self._admit(wave, services)
            case Halt(wave=wave, reason=reason, hold=hold, back=back, overdue=overdue):
                held = event.Held(event.HoldReason.HALT, POLICY, reason)
                self._stale |= dict.fromkeys(hold)
                halted: Draft = (own, fleet_event.Halted(wave, reason, back=back, overdue=overdue))
                # The ledger knows of an ending before it is on disk and heard of here; what has ended takes no word.
                moving = [service for service in hold if self._summary(service).outcome is None]
                await self._put([halted, *((self._streams[service], held) for service in moving)])
            case TakeBack(services=services, reason=reason):
                self._stale |= dict.fromkeys(services)
                now = self._kit.clock.now()
                states = [service_state(self._ledger, self._streams[service]) for service in services]
                await self._put([draft for state in states for draft in back_drafts(state, reason, now)])
            case BeginBake(wave=wave, first=first, services=services):
                await self._put([(own, fleet_event.BakeBegan(wave, first, services))])
            case AskApproval(scope=scope, by=by, until_wall=until_wall, digest=digest):
                await self._put([(own, fleet_event.ApprovalAsked(scope, by, until_wall, digest))])
            case Release(holds=holds):
                self._stale |= dict.fromkeys(service for service, _ in holds)
                released = [(self._streams[name], event.Released(reason, POLICY)) for name, reason in holds]
                await self._put(released)
            case OpenBarrier(services=services, detail=detail):
                self._stale |= dict.fromkeys(services)
                await self._put([(self._streams[name], change_event.BarrierOpened(detail)) for name in services])
            case CloseRollout(failures=failures, reason=reason):
                await self._put([(own, fleet_event.RolloutClosed(failures, reason))])

    async def _admit(self, wave: str, services: Sequence[ServiceName]) -> None:
        """Let services begin. In one transaction: a word to one of them must not come between."""
        own = rollout_stream(self._rollout)
        streams = [self._streams[service] for service in services]
        for stream in streams:
            self._around.refuse_second_owner(stream)
        drafts: list[Draft] = []
        for service, stream in zip(services, streams, strict=True):
            drafts += [(stream, event.Admitted(wave)), (own, fleet_event.ServiceAdmitted(service))]
        self._stale |= dict.fromkeys(services)
        pending = self._ledger.put(drafts, now=self._kit.clock.now(), actor=ENGINE)
        self._refuse_excess(wave, services)
        for stream in streams:
            self._around.told(stream)
            self._kit.room.check(service_state(self._ledger, stream))
        await pending

    def _set_going(self, name: ServiceName) -> None:
        """Have a runner for whatever is on its way: admitted, recovered, or a new attempt that only goes back."""
        stream = self._streams[name]
        if self._summaries[name].in_flight and stream not in self._spawned:
            self._spawned.add(stream)
            self._spawn(stream)

    def _refuse_excess(self, wave: str, begun: Sequence[ServiceName]) -> None:
        """Look at what was begun with other eyes than those that chose it."""
        now = self._kit.clock.now()
        summaries = self._summaries | {name: self._summary(name) for name in begun}
        refuse_admission(Scene(self.state, summaries, now, ALONE), self.state.wave(wave))

    async def _put(self, drafts: Sequence[Draft]) -> None:
        if drafts:
            await self._ledger.put(drafts, now=self._kit.clock.now(), actor=voice(drafts[0][1]))

    def _summary(self, name: ServiceName) -> Summary:
        return summarize(service_state(self._ledger, self._streams[name]), self._kit.clock.now())
