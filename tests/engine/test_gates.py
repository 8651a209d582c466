"""The clocks of a gate in a whole engine: over restarts, deaths and missing evidence they count what was seen."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest

from rollout.assembly import make_kit
from rollout.core import event
from rollout.core.check_plan import CheckPlan, Moment
from rollout.core.compile import Compiled
from rollout.core.ending import Outcome
from rollout.core.event import Entry, Evidence, Verdict
from rollout.core.gate_event import Baselined
from rollout.core.names import Target
from rollout.core.result import ExitCode, Result
from rollout.core.snapshot import Observation
from rollout.emulator.fleet import FleetPlan
from rollout.gates.check import Question
from rollout.gates.probe import Probe
from rollout.settings import RunSettings
from rollout.simulation.world import Parts, World, carry_out

HEALTH = "health: {checks: [instances: ready, {http: 'https://{service}.example/'}]}\n"
PASS, FAIL, UNKNOWN, WAIT = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.WAIT

Judge = Callable[[Question, float], Verdict]
Recorded = Callable[..., list[Entry]]


class Scripted:
    """Every check but the instances says what `judge` says at that virtual second."""

    def __init__(self) -> None:
        self.judge: Judge = lambda _question, _t: PASS
        self.time: Callable[[], float] = lambda: 0.0

    def probe(self, plans: Sequence[CheckPlan], look: Callable[[Target], Awaitable[Observation]]) -> Probe:
        return Probe([_Check(plan, self) for plan in plans], look)


class _Check:
    hook = "scripted"
    looks = False

    def __init__(self, plan: CheckPlan, script: Scripted) -> None:
        self.plan = plan
        self._script = script

    async def ask(self, question: Question) -> Evidence:
        verdict = PASS if self.plan.kind == "instances" else self._script.judge(question, self._script.time())
        return Evidence(self.plan.name, verdict, "as scripted")


@pytest.fixture
def script() -> Scripted:
    return Scripted()


@pytest.fixture
def world(script: Scripted) -> World:
    settings = RunSettings("https://virtual.invalid", state=None)  # type: ignore[arg-type] # nothing is on disk
    found = World(partial(make_kit, settings, sources=script), FleetPlan(1, 3), seed=5)
    script.time = found.time
    return found


def ran(world: World, plan: Compiled) -> Result:
    async def main(parts: Parts) -> Result | None:
        return await carry_out(parts, plan)

    result = world.live(main).result
    assert result is not None
    return result


def drained_after(world: World, plan: Compiled, seconds: float) -> None:
    """Run, and stop resumable so many seconds after the first verdict of domain 0."""

    async def main(parts: Parts) -> Result | None:
        def hear(records: Any) -> None:
            for record in records:
                if isinstance(record.entry.fact, event.Probed):
                    parts.kit.clock.call_at(record.entry.now.t + seconds, parts.engine.drain)

        parts.kit.ledger.listen(hear)
        return await carry_out(parts, plan)

    assert world.live(main).result is None


def first(entries: Sequence[Entry], kind: type, **fields: Any) -> Entry:
    return next(
        each
        for each in entries
        if isinstance(each.fact, kind) and all(getattr(each.fact, name) == value for name, value in fields.items())
    )


@pytest.mark.parametrize("after_s", [1.0, 50.0, 110.0])
@pytest.mark.parametrize("down_s", [10.0, 100_000.0])
def test_what_has_been_healthy_for_a_while_has_to_be_so_only_for_the_rest_after_a_restart(
    *,
    world: World,
    compiled: Callable[..., Compiled],
    recorded: Recorded,
    after_s: float,
    down_s: float,
) -> None:
    plan = compiled(1, 3, more=HEALTH)
    drained_after(world, plan, after_s)
    world.pass_by(down_s)
    assert ran(world, plan).code is ExitCode.AS_ALLOWED
    entries = recorded(world, "svc-0001")
    began, passed = first(entries, event.Probed, domain=0), first(entries, event.GatePassed, domain=0)
    assert 120.0 <= passed.now.t - began.now.t < 120.0 + 15.0 + 1
    assert passed.now.wall - began.now.wall > down_s


def test_what_was_red_before_a_death_is_red_for_the_rest_of_the_time_after_it(
    world: World, script: Scripted, compiled: Callable[..., Compiled], recorded: Recorded
) -> None:
    plan = compiled(1, 3, tolerance=1, more=HEALTH)
    script.judge = lambda question, _t: PASS if question.moment is Moment.BEFORE else FAIL
    drained_after(world, plan, 400.0)
    world.pass_by(5_000.0)
    ran(world, plan)
    entries = recorded(world, "svc-0001")
    began, failed = first(entries, event.Probed, verdict=FAIL), first(entries, event.GateFailed)
    assert 600.0 <= failed.now.t - began.now.t < 600.0 + 15.0 + 1
    assert first(entries, event.Closed).fact.outcome is Outcome.ROLLED_BACK  # type: ignore[union-attr] # it is Closed


def test_missing_evidence_stops_the_clocks_and_lifts_itself(
    world: World, script: Scripted, compiled: Callable[..., Compiled], recorded: Recorded
) -> None:
    dark: list[float] = []

    def judge(question: Question, t: float) -> Verdict:
        if question.moment is Moment.DOMAIN and question.domains == (1,):
            dark[:] = dark or [t + 60.0]
            return UNKNOWN if dark[0] <= t < dark[0] + 2_000.0 else PASS
        return PASS

    script.judge = judge
    assert ran(world, compiled(1, 3, more=HEALTH)).outcome == "succeeded"
    entries = recorded(world, "svc-0001")
    began = first(entries, event.Probed, domain=1, verdict=PASS)
    blind = first(entries, event.Probed, domain=1, verdict=UNKNOWN)
    passed = first(entries, event.GatePassed, domain=1)
    back = [each for each in entries if isinstance(each.fact, event.Probed) and each.fact.domain == 1][2]
    healthy_s = (blind.now.t - began.now.t) + (passed.now.t - back.now.t)
    assert 2_000.0 <= back.now.t - blind.now.t < 2_000.0 + 15.0 + 1
    assert 120.0 <= healthy_s < 120.0 + 2 * 15.0 + 1


def test_a_gate_in_the_dark_asks_a_person_after_the_domain_timeout_and_never_goes_back(
    world: World, script: Scripted, compiled: Callable[..., Compiled], recorded: Recorded
) -> None:
    script.judge = lambda question, _t: PASS if question.moment is Moment.BEFORE else UNKNOWN
    result = ran(world, compiled(1, 3, more=HEALTH))
    entries = recorded(world, "svc-0001")
    assert result.code is ExitCode.FOR_PERSON
    blind, held = first(entries, event.Probed, verdict=UNKNOWN), first(entries, event.HeldOnFailure)
    assert 45 * 60 <= held.now.t - blind.now.t < 45 * 60 + 15.0 + 1
    assert not [each for each in entries if isinstance(each.fact, event.TurnedBack)]


def test_a_wait_is_bounded_by_the_domain_timeout(
    world: World, script: Scripted, compiled: Callable[..., Compiled], recorded: Recorded
) -> None:
    script.judge = lambda question, _t: PASS if question.moment is Moment.BEFORE else WAIT
    ran(world, compiled(1, 3, tolerance=1, more=HEALTH))
    entries = recorded(world, "svc-0001")
    failed = first(entries, event.GateFailed)
    assert failed.fact.reason == "not healthy for long enough within walk.domain_timeout"  # type: ignore[union-attr] # it is GateFailed
    walked = first(entries, event.Accepted, number=2)
    assert 45 * 60 <= failed.now.t - walked.now.t < 45 * 60 + 15.0 + 1


def test_checks_are_asked_before_anything_is_touched_and_all_red_holds(
    world: World, script: Scripted, compiled: Callable[..., Compiled], recorded: Recorded
) -> None:
    script.judge = lambda _question, _t: FAIL
    only = "health: {checks: [{http: 'https://{service}.example/'}]}\n"
    assert ran(world, compiled(1, 3, more=only)).code is ExitCode.FOR_PERSON
    entries = recorded(world, "svc-0001")
    assert first(entries, Baselined).fact.hold == "every check is red before the change: http: as scripted"  # type: ignore[union-attr] # it is Baselined
    assert world.log() == []


def test_what_was_red_before_the_change_does_not_send_it_back(
    world: World, script: Scripted, compiled: Callable[..., Compiled], recorded: Recorded
) -> None:
    script.judge = lambda _question, _t: FAIL
    assert ran(world, compiled(1, 3, more=HEALTH)).outcome == "succeeded"
    assert first(recorded(world, "svc-0001"), Baselined).fact.excused == ("http",)  # type: ignore[union-attr] # it is Baselined
