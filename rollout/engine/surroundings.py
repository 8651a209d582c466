"""Asks untouched services what changed ones are asked, so that no change is blamed for its environment."""

import asyncio
from collections.abc import Sequence

from rollout.core import environment
from rollout.core.check_plan import Moment
from rollout.core.drafts import Draft
from rollout.core.environment import Memory, Services
from rollout.core.health import dark_limit
from rollout.core.names import POLICY, RolloutId
from rollout.core.service import ServiceRollout
from rollout.engine.kit import Kit
from rollout.engine.pacer import Kind, Lane
from rollout.engine.streams import newest_attempts, rollout_state, service_state

Changes = dict[RolloutId, float]
"""Rollouts of this process with a red gate, and since when."""


class Surroundings:
    """One rollout's watch on its environment; it runs beside the rollout, until that is over."""

    def __init__(self, kit: Kit, rollout: RolloutId, changes: Changes) -> None:
        self._kit = kit
        self._rollout = rollout
        self._changes = changes
        self._memory: Memory = {}
        self._was_red = False
        self._held_since_t: float | None = None

    async def run(self) -> None:
        """Look around once an interval for as long as the rollout runs; whoever started it ends it."""
        first = next(iter(self._services().values()))
        health = first.plan.health
        while environment.asked(health):
            await self._look_around()
            await self._kit.clock.sleep_until(self._kit.clock.now().t + health.interval_s)

    async def _look_around(self) -> None:
        services = self._services()
        state = rollout_state(self._kit.ledger, self._rollout)
        if state.closed is not None:
            return
        if environment.under_watch(services) or state.environment is not None:
            await self._ask(environment.controls(services))
        self._compare()
        await self._judge()

    async def _ask(self, chosen: Sequence[ServiceRollout]) -> None:
        """Ask all of them at once; those who are touched meanwhile are forgotten."""
        self._memory = {key: seen for key, seen in self._memory.items() if key[0] in {s.plan.service for s in chosen}}
        async with asyncio.TaskGroup() as group:
            for each in chosen:
                group.create_task(self._one(each), name=f"surroundings {each.plan.service}")

    async def _one(self, control: ServiceRollout) -> None:
        plan = control.plan
        names, probe = environment.asked(plan.health), self._kit.probe_of(plan)
        scope = self._kit.platform.write_scope(plan.target)
        if probe.looks(names) and not self._kit.pacer.try_permit(scope, Kind.READ, Lane.FORWARD):
            return
        now_t = self._kit.clock.now().t
        evidence = await probe.round(
            plan.rollout, plan.target, (), names, moment=Moment.BEFORE, since_t=now_t - plan.health.interval_s
        )
        self._memory = environment.noticed(self._memory, plan.service, evidence, self._kit.clock.now().t)

    def _compare(self) -> None:
        """Tell the other rollouts of this process when this one turns red, once each time."""
        red = environment.is_red(self._services())
        if red and not self._was_red:
            self._changes[self._rollout] = self._kit.clock.now().t
        elif not red:
            self._changes.pop(self._rollout, None)
        self._was_red = red

    async def _judge(self) -> None:
        services, now = self._services(), self._kit.clock.now()
        state = rollout_state(self._kit.ledger, self._rollout)
        plan = next(iter(services.values()))
        reason = environment.blamed(self._memory, self._changes, plan.plan.health.interval_s)
        if state.environment is None:
            if self._held_since_t is not None:
                self._forget()
            elif reason is not None and state.closed is None and environment.under_watch(services):
                await self._put(environment.holding(state, services, reason))
            return
        self._held_since_t = now.t if self._held_since_t is None else self._held_since_t
        limit_s, name = dark_limit(plan)
        if environment.clear(self._memory):
            await self._put(environment.lifting(state, services, "the untouched services are healthy again"))
        elif now.t >= self._held_since_t + limit_s:
            why = f"the environment has been red for longer than {name}: {state.environment}"
            await self._put(environment.handing_over(state, services, why))

    async def _put(self, drafts: Sequence[Draft]) -> None:
        self._memory = {}
        await self._kit.ledger.put(drafts, now=self._kit.clock.now(), actor=POLICY)

    def _forget(self) -> None:
        """Blame nothing twice: what was red while the rollout was held is known, and turned red no more."""
        self._memory, self._held_since_t = {}, None
        self._changes.pop(self._rollout, None)

    def _services(self) -> Services:
        ledger = self._kit.ledger
        return {service: service_state(ledger, stream) for service, stream in newest_attempts(ledger, self._rollout)}
