"""A rollout beside services that were not touched: what turns red there too is no fault of the change."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest

from rollout.assembly import make_kit
from rollout.core import event, fleet_event
from rollout.core.check_plan import CheckPlan
from rollout.core.compile import Compiled
from rollout.core.ending import Outcome
from rollout.core.environment_event import EnvironmentHeld, EnvironmentLifted
from rollout.core.event import Entry, Evidence, Verdict
from rollout.core.names import Target
from rollout.core.result import ExitCode
from rollout.core.snapshot import Observation
from rollout.emulator.fleet import FleetPlan
from rollout.gates.check import Question
from rollout.gates.probe import Probe
from rollout.settings import RunSettings
from rollout.simulation.world import Parts, World, carry_out

HEALTH = "health: {checks: [{http: 'https://{service}.example/'}]}\n"
EVERYBODY = "everybody"


class Scripted:
    """Checks that are red for some services during some virtual seconds."""

    def __init__(self) -> None:
        self.red: dict[str, tuple[float, float]] = {}
        self.time: Callable[[], float] = lambda: 0.0
        self.asked = 0

    def probe(self, plans: Sequence[CheckPlan], look: Callable[[Target], Awaitable[Observation]]) -> Probe:
        return Probe([_Check(plan, self) for plan in plans], look)

    def is_red(self, service: str) -> bool:
        for name in (service, EVERYBODY):
            start, end = self.red.get(name, (1.0, 0.0))
            if start <= self.time() < end:
                return True
        return False


class _Check:
    hook = "scripted"
    looks = False

    def __init__(self, plan: CheckPlan, script: Scripted) -> None:
        self.plan = plan
        self._script = script

    async def ask(self, question: Question) -> Evidence:
        self._script.asked += 1
        red = self._script.is_red(question.target.service)
        return Evidence(self.plan.name, Verdict.FAIL if red else Verdict.PASS, "as scripted")


@pytest.fixture
def script() -> Scripted:
    return Scripted()


@pytest.fixture
def world(script: Scripted) -> World:
    """Make six services, of which the policy lets one begin after the other."""
    settings = RunSettings("https://virtual.invalid", state=None)  # type: ignore[arg-type] # nothing is on disk
    found = World(partial(make_kit, settings, sources=script), FleetPlan(6, 3), seed=3)
    script.time = found.time
    return found


def ran(world: World, plan: Compiled) -> Any:
    async def main(parts: Parts) -> Any:
        return await carry_out(parts, plan)

    result = world.live(main).result
    assert result is not None
    return result


def times(entries: Sequence[Entry], kind: type) -> list[float]:
    return [entry.now.t for entry in entries if isinstance(entry.fact, kind)]


def test_a_red_check_everywhere_holds_the_rollout_and_lifts_itself(
    world: World, script: Scripted, compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    plan = compiled(6, 3, parallel=1, more=HEALTH)
    script.red[EVERYBODY] = (700.0, 1900.0)
    assert ran(world, plan).outcome == "succeeded"
    entries = recorded(world)
    (held_t,), (lifted_t,) = times(entries, EnvironmentHeld), times(entries, EnvironmentLifted)
    assert 700.0 <= held_t < 700.0 + 2 * 15.0 + 1
    assert 1900.0 <= lifted_t < 1900.0 + 15.0 + 1
    assert times(entries, event.TurnedBack) == []
    reason = next(entry.fact.reason for entry in entries if isinstance(entry.fact, EnvironmentHeld))
    assert reason.startswith("http turned red on svc-0004 and svc-0005")
    assert reason.endswith(", where nothing was changed")


def test_a_change_that_is_red_by_itself_goes_back(
    world: World, script: Scripted, compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    plan = compiled(6, 3, parallel=1, tolerance=1, more=HEALTH)
    script.red["svc-0001"] = (700.0, 1e9)
    ran(world, plan)
    entries = recorded(world)
    assert times(entries, EnvironmentHeld) == []
    closed = [entry.fact for entry in entries if isinstance(entry.fact, event.Closed)]
    assert closed[0].outcome is Outcome.ROLLED_BACK
    assert "as scripted" in closed[0].reason


def test_an_environment_that_stays_red_is_left_to_a_person_after_the_domain_timeout(
    world: World, script: Scripted, compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    plan = compiled(6, 3, parallel=1, more=HEALTH)
    script.red[EVERYBODY] = (700.0, 1e9)
    result = ran(world, plan)
    entries = recorded(world)
    assert result.code is ExitCode.FOR_PERSON
    assert times(entries, event.TurnedBack) == []
    held_t, halted_t = times(entries, EnvironmentHeld)[0], times(entries, fleet_event.Halted)[0]
    assert 45 * 60 <= halted_t - held_t < 45 * 60 + 2 * 15.0 + 1


def test_the_watch_ends_with_the_rollout_and_asks_nobody_without_a_reason(
    world: World, script: Scripted, compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    plan = compiled(1, 3, more=HEALTH)
    assert ran(world, plan).outcome == "succeeded"
    probes = len(times(recorded(world), event.Probed))
    assert probes < script.asked < 100, "only the service itself is asked: nobody is untouched"
