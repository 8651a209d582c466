"""Admits what the fleet rules allow, for one rollout, and says when nothing moves on by itself."""

import asyncio
from collections.abc import Callable, Sequence

from rollout.core import event, fleet_event
from rollout.core.drafts import Draft, voice
from rollout.core.fleet import (
    Admit,
    CloseRollout,
    FleetAction,
    Halt,
    OpenWave,
    RolloutState,
    Summary,
    decide_fleet,
    summarize,
)
from rollout.core.names import POLICY, RolloutId, ServiceName, StreamName, parse_service_stream, rollout_stream
from rollout.core.result import is_over
from rollout.core.service import ServiceRollout
from rollout.engine.clock import Clock
from rollout.engine.streams import RolloutLedger, newest_attempts, rollout_state, service_state


class Dispatcher:
    """One rollout's loop: summaries in, admissions out. It never touches a service's state but through the ledger."""

    def __init__(
        self, ledger: RolloutLedger, clock: Clock, rollout: RolloutId, spawn: Callable[[StreamName], None]
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._rollout = rollout
        self._spawn = spawn
        self._streams: dict[ServiceName, StreamName] = {}
        self._summaries: dict[ServiceName, Summary] = {}
        self._stale: set[ServiceName] = set()
        self._spawned: set[StreamName] = set()
        self._news = asyncio.Event()
        self._draining = False
        for service, stream in newest_attempts(ledger, rollout):
            self._streams[service] = stream
            self._stale.add(service)

    def nudge(self, state: ServiceRollout) -> None:
        """Hear that a service changed, perhaps of another rollout; a new attempt takes the place of the one before."""
        if state.plan.rollout != self._rollout:
            return
        if state.attempt > parse_service_stream(self._streams[state.plan.service])[2]:
            self._streams[state.plan.service] = state.stream
        self._stale.add(state.plan.service)
        self._news.set()

    def wake(self) -> None:
        """Hear that something was said to a rollout."""
        self._news.set()

    def drain(self) -> None:
        """Admit nothing more and return."""
        self._draining = True
        self._news.set()

    @property
    def state(self) -> RolloutState:
        """The rollout as the ledger knows it."""
        return rollout_state(self._ledger, self._rollout)

    async def run(self) -> bool:
        """Go on until the rollout is over (True) or the engine drains (False)."""
        while not self._draining:
            self._news.clear()
            now = self._clock.now()
            for name in self._stale.copy():
                self._summaries[name] = self._summary(name)
                self._set_going(name)
            self._stale.clear()
            action = decide_fleet(self.state, self._summaries, now)
            if action is not None:
                await self._act(action)
            elif is_over(self.state, self._summaries, now):
                return True
            else:
                await self._news.wait()
        return False

    async def _act(self, action: FleetAction) -> None:
        own = rollout_stream(self._rollout)
        match action:
            case OpenWave(wave=wave):
                await self._put([(own, fleet_event.WaveOpened(wave))])
            case Admit(wave=wave, services=services):
                # In one transaction: a word to one of them must not come between.
                streams = [self._streams[service] for service in services]
                drafts: list[Draft] = []
                for service, stream in zip(services, streams, strict=True):
                    drafts += [(stream, event.Admitted(wave)), (own, fleet_event.ServiceAdmitted(service))]
                self._stale.update(services)
                await self._put(drafts)
            case Halt(wave=wave, reason=reason, hold=hold):
                held = event.Held(event.HoldReason.HALT, POLICY, reason)
                self._stale.update(hold)
                halted: Draft = (own, fleet_event.Halted(wave, reason))
                # The ledger knows of an ending before it is on disk and heard of here; what has ended takes no word.
                moving = [service for service in hold if self._summary(service).outcome is None]
                await self._put([halted, *((self._streams[service], held) for service in moving)])
            case CloseRollout(failures=failures, reason=reason):
                await self._put([(own, fleet_event.RolloutClosed(failures, reason))])

    def _set_going(self, name: ServiceName) -> None:
        """Have a runner for whatever is on its way: admitted, recovered, or a new attempt that only goes back."""
        stream, summary = self._streams[name], self._summaries[name]
        if summary.admitted and summary.outcome is None and stream not in self._spawned:
            self._spawned.add(stream)
            self._spawn(stream)

    async def _put(self, drafts: Sequence[Draft]) -> None:
        await self._ledger.put(drafts, now=self._clock.now(), actor=voice(drafts[0][1]))

    def _summary(self, name: ServiceName) -> Summary:
        return summarize(service_state(self._ledger, self._streams[name]), self._clock.now())
