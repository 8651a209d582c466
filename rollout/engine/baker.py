"""Watches what is done: one loop for each bake asks the checks of its services and records what is new.

It decides nothing: `interpret_round` says what a round means.
"""

from typing import Final

from rollout.core.bake import Answer, interpret_round
from rollout.core.check_plan import Moment
from rollout.core.drafts import Draft, voice
from rollout.core.event import Evidence, Verdict
from rollout.core.fleet_state import Bake
from rollout.core.judge import sum_up
from rollout.core.names import RolloutId, ServiceName, StreamName, rollout_stream
from rollout.core.wave_plan import BakePlan
from rollout.engine.kit import Kit
from rollout.engine.pacer import Lane
from rollout.engine.runner import PATIENCE_S
from rollout.engine.streams import rollout_state, service_state
from rollout.engine.turn import Turn

WELL: Final = {Verdict.PASS: True, Verdict.FAIL: False, Verdict.ABORT: False}
"""Any other verdict is missing evidence."""


class Baker:
    """One bake's loop. It ends with the bake, or when it is cancelled: nothing of it is in flight but questions."""

    def __init__(self, kit: Kit, rollout: RolloutId, bake: Bake, streams: dict[ServiceName, StreamName]) -> None:
        self._kit = kit
        self._rollout = rollout
        self._wave = bake.wave
        self._began_t = bake.began_t
        self._streams = {service: streams[service] for service in bake.services}
        self._turn = Turn(kit.pacer, f"bake of {rollout} {bake.wave}")

    async def run(self, plan: BakePlan) -> None:
        """Ask until the bake is over."""
        try:
            while self._bake is not None:
                began_t = self._kit.clock.now().t
                answers = {service: await self._ask(stream) for service, stream in self._streams.items()}
                await self._record(answers, began_t)
                await self._kit.clock.sleep_until(began_t + plan.interval_s)
        finally:
            self._turn.leave()

    @property
    def _bake(self) -> Bake | None:
        bake = rollout_state(self._kit.ledger, self._rollout).bake_of(self._wave)
        return bake if bake is not None and bake.began_t == self._began_t else None

    async def _ask(self, stream: StreamName) -> Answer:
        """Ask the checks of one service, about all its walked domains."""
        kit, state = self._kit, service_state(self._kit.ledger, stream)
        scope, now_t = kit.platform.write_scope(state.target), kit.clock.now().t
        probe, health = kit.probe_of(state.plan), state.plan.health
        names = health.names(Moment.BAKE)
        if not await self._turn.to_look(scope, Lane.FORWARD, probe.looks(names), now_t + PATIENCE_S):
            return Answer(None, f"no turn to look within {PATIENCE_S:g} s: {kit.pacer.why(scope)}")
        evidence = await probe.round(
            self._rollout,
            state.target,
            state.walked,
            names,
            moment=Moment.BAKE,
            since_t=self._began_t,
            interval_s=health.interval_s,
        )
        return Answer(WELL.get(sum_up(state, evidence)), _told(evidence))

    async def _record(self, answers: dict[ServiceName, Answer], began_t: float) -> None:
        """Write down what the round means, unless the bake ended meanwhile."""
        bake, now = self._bake, self._kit.clock.now()
        if bake is None:
            return
        state = rollout_state(self._kit.ledger, self._rollout)
        own = rollout_stream(self._rollout)
        drafts: list[Draft] = [(own, fact) for fact in interpret_round(state, bake, answers, began_t, now)]
        if drafts:
            await self._kit.ledger.put(drafts, now=now, actor=voice(drafts[-1][1]))


def _told(evidence: tuple[Evidence, ...]) -> str:
    """Name the checks that did not pass, else all of them."""
    told = [each for each in evidence if each.verdict is not Verdict.PASS] or list(evidence)
    return "; ".join(f"{each.check} {each.verdict.value}: {each.detail}" for each in told)
