"""Checks of a rehearsal: what a policy would ask of the world outside answers by the emulated truth, or badly.

Nothing outside is asked. Where every instance that is judged serves, a check passes; else it fails. The weather makes
it hang, know nothing, or be red for nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace as with_parts
from typing import Final

from msgspec.structs import replace

from rollout.core.check_plan import CheckPlan, Moment
from rollout.core.event import Evidence, Verdict
from rollout.core.names import RolloutId, Target
from rollout.core.plan import ServicePlan
from rollout.engine.kit import Kit
from rollout.gates.check import unknown
from rollout.gates.probe import Probe
from rollout.simulation.checker import Checker
from rollout.simulation.weather import GATE, Weather

OF_THE_PLATFORM: Final = "instances"
"""The kind of check that looks at the deployment itself: it is the engine's own also here."""
ANSWER_S: Final = 0.2


def rehearsed(kit: Kit, checker: Checker, weather: Weather, mute: Mapping[str, str]) -> Kit:
    """Give a kit whose checks ask nobody outside."""
    return with_parts(kit, probe_of=lambda plan: RehearsedProbe(kit, plan, checker, weather, mute))


class RehearsedProbe(Probe):
    """The checks of one service's gates, in a rehearsal."""

    def __init__(
        self, kit: Kit, plan: ServicePlan, checker: Checker, weather: Weather, mute: Mapping[str, str]
    ) -> None:
        """`mute` says of checks, by name, why nobody may ask them."""
        own = tuple(check for check in plan.health.checks if check.kind == OF_THE_PLATFORM)
        self._own = kit.probe_of(replace(plan, health=replace(plan.health, checks=own)))
        self._scripted = tuple(check for check in plan.health.checks if check.kind != OF_THE_PLATFORM)
        self._plan = plan
        self._checker = checker
        self._weather = weather
        self._mute = mute

    def looks(self, names: Sequence[str]) -> int:
        """Give the looks that the engine's own checks take."""
        return self._own.looks(names)

    async def round(
        self,
        rollout: RolloutId,
        target: Target,
        domains: tuple[int, ...],
        names: Sequence[str],
        *,
        moment: Moment = Moment.DOMAIN,
        since_t: float = 0.0,
        interval_s: float = 15.0,
    ) -> tuple[Evidence, ...]:
        """Ask them, one after another: evidence in the order of the checks."""
        said = await self._own.round(
            rollout, target, domains, names, moment=moment, since_t=since_t, interval_s=interval_s
        )
        more = [await self._answer(check, domains) for check in self._scripted if check.name in names]
        order = {check.name: place for place, check in enumerate(self._plan.health.checks)}
        return tuple(sorted((*said, *more), key=lambda each: order[each.check]))

    async def _answer(self, check: CheckPlan, domains: tuple[int, ...]) -> Evidence:
        if check.name in self._mute:
            return unknown(check, self._mute[check.name])
        fate = None
        if self._checker.time() < self._weather.calm_at:
            fate = self._weather.strike(GATE, "gate", self._plan.service, check.name)
        found = self._judge(check, domains)
        if fate == "gate_hangs":
            await asyncio.sleep(check.timeout_s)
            return unknown(check, f"no answer within {check.timeout_s:g} s")
        await asyncio.sleep(ANSWER_S)
        if fate == "gate_unknown":
            return unknown(check, "rehearsed: it knows nothing")
        self._checker.evidence.answered(self._plan.service, self._checker.time(), look=False)
        return Evidence(check.name, Verdict.FAIL, "rehearsed: it is red for nothing") if fate == "gate_red" else found

    def _judge(self, check: CheckPlan, domains: tuple[int, ...]) -> Evidence:
        truth = self._checker.truth
        truth.fabric.now()
        deployment = truth.subject(self._plan)
        if deployment is None:
            return unknown(check, "rehearsed: there is no deployment")
        judged = domains or tuple(range(deployment.domain_count))
        down = [each.name for each in truth.of_domains(deployment, judged) if not truth.up(deployment, each)]
        if down:
            return Evidence(check.name, Verdict.FAIL, f"rehearsed: {', '.join(down)} is down")
        return Evidence(check.name, Verdict.PASS, "rehearsed: everything serves")
