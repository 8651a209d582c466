"""What happens beside the calls: instances that fail by themselves, strangers at work, and clocks that jump."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from rollout.core.change_plan import SwapPlan
from rollout.core.compile import Compiled
from rollout.core.names import ServiceName
from rollout.core.plan import ServicePlan
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import LogEntry
from rollout.emulator.strangers import Act, Stranger, expect
from rollout.platforms.classic.vocabulary import Slot, Verb
from rollout.simulation.truth import Truth
from rollout.simulation.weather import Weather
from rollout.simulation.world import WALL_AT_START

WITHIN_S: Final = 4 * 3600.0
"""Drawn events come in a run's first hours."""
FLAP_S: Final = (30.0, 900.0)
"""How long an instance that failed by itself is away."""
CLOCK_EVERY_S: Final = 1800.0
CLOCK_S: Final = 7200.0
"""How far a wall clock is set off, either way."""


@dataclass(frozen=True, slots=True)
class Crash:
    """An instance fails by itself at a second of the world, and is back `takes_s` later."""

    at: float
    service: str
    instance: int
    takes_s: float


@dataclass(frozen=True, slots=True)
class Crashes:
    """Plans crashes of instances."""

    truth: Truth
    fabric: Fabric
    compiled: Compiled

    def plan(self, crashes: Sequence[Crash]) -> None:
        """Plan those that are written down."""
        for crash in crashes:
            self.fabric.world.agenda.plan(crash.at, partial(self._fail, crash))

    def follow(self, crashes: Mapping[Verb, Crash]) -> None:
        """Plan those that come some seconds after the first call of a kind took effect."""
        waiting, heard = dict(crashes), self.fabric.world.on_effect

        def hear(entry: LogEntry) -> None:
            crash = waiting.get(entry.verb)
            if crash is not None and entry.service == crash.service:
                del waiting[entry.verb]
                self.fabric.world.agenda.plan(crash.at, partial(self._fail, crash))
            if heard is not None:
                heard(entry)

        if waiting:
            self.fabric.world.on_effect = hear

    def draw(self, weather: Weather) -> None:
        """Plan those that the weather has: of one instance that is up by then."""
        for plan in self.compiled.services:
            if weather.happens("flap", plan.service):
                at = weather.amount(0, WITHIN_S, "flap", plan.service)
                self.fabric.world.agenda.plan(at, self._drawn(weather, plan))

    def _fail(self, crash: Crash) -> None:
        plan = next(each for each in self.compiled.services if each.service == ServiceName(crash.service))
        deployment = self.truth.subject(plan)
        if deployment is not None:
            self.truth.crash(deployment, deployment.instances[crash.instance], crash.takes_s)

    def _drawn(self, weather: Weather, plan: ServicePlan) -> Callable[[], None]:
        def crash() -> None:
            deployment = self.truth.subject(plan)
            if deployment is None:
                return
            up = [each for each in deployment.instances if self.truth.up(deployment, each)]
            if up:
                chosen = up[weather.number(len(up), "crash", plan.service)]
                weather.hits["flap"] += 1
                self.truth.crash(deployment, chosen, weather.amount(*FLAP_S, "crash", plan.service))

        return crash


def strangers(weather: Weather, fabric: Fabric, compiled: Compiled) -> None:
    """Plan what other people do: an upgrade of their own with Mode=Auto, or a swap where there is one."""
    for plan in compiled.services:
        if not weather.happens("stranger", plan.service):
            continue
        at = weather.amount(0, WITHIN_S, "stranger", plan.service)
        act, slot = Act.UPGRADE, next(each for each in Slot if each.lower() == plan.target.slot)
        if isinstance(plan.change, SwapPlan):
            act, slot = _SWAP_ACTS[weather.number(len(_SWAP_ACTS), "stranger", plan.service)]
        weather.hits["stranger"] += 1
        expect(fabric, [Stranger(service=plan.service, slot=slot, effect=act, at=at)])


_SWAP_ACTS: Final = ((Act.UPGRADE, Slot.STAGING), (Act.UPGRADE, Slot.PRODUCTION), (Act.SWAP, Slot.PRODUCTION))
"""What a stranger may do where we swap."""


class Wall:
    """A wall clock that is set forward and back, now and then."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        self._off_s: dict[int, float] = {}

    def __call__(self, t: float) -> float:
        """Show POSIX seconds at second `t` of the world."""
        if t >= self._weather.calm_at:
            return WALL_AT_START + t
        off_s = self._off_s.get(period := int(t / CLOCK_EVERY_S))
        if off_s is None:
            jumps = self._weather.happens("clock", period)
            if jumps:
                self._weather.hits["clock"] += 1
            off_s = self._weather.amount(-CLOCK_S, CLOCK_S, "clock", period) if jumps else 0.0
            self._off_s[period] = off_s
        return WALL_AT_START + t + off_s
