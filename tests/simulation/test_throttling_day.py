"""A day on a subscription that passes two reads a second and throttles in storms: slow, and nobody fails for it."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollout.assembly import make_kit
from rollout.core import event, sight_event
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.ending import Outcome
from rollout.core.event import Entry
from rollout.core.operation import RollBack
from rollout.core.outcome import RefusedKind
from rollout.core.result import Result
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.engine.clock import Clock
from rollout.engine.kit import Kit
from rollout.engine.pacer import Kind, Standing
from rollout.engine.streams import RolloutLedger
from rollout.journal.journal import Recorded
from rollout.platforms.platform import Platform
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation import loop
from rollout.simulation.throttle import BURST, Limits, Storm, Subscription, ThrottlingPlatform, storms
from rollout.simulation.world import Parts, World, carry_out

SERVICES = 60
DOMAINS = 5
FAILING = [f"svc-{number:04}" for number in range(10, SERVICES + 1, 10)]
READS_PER_S = 2.0
WRITES_PER_S = 0.5
RETRY_AFTER_S = 30.0
STORM_S = (60.0, 180.0)
STORM_EVERY_S = 600.0
BACK_AFTER_STORM_S = 60.0
"""Going back is accepted so soon after the weather has calmed: by then writes go at their floor, one in 20 s."""
WASTED_SHARE_MAX = 0.10
Draw = Callable[[], float]

POLICY = """
rollout: web-2.4.1
change:
  upgrade: {{package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, label: web-2.4.1}}
fleet: {{subscription: {subscription}, services: {{{services}}}}}
waves:
  - {{name: all, select: rest, max_parallel: {count}, failure_tolerance: {count}, strict: false}}
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What was left of a day when it was over."""

    subscription: Subscription
    entries: Mapping[str, Sequence[Entry]]
    """By service."""
    result: Result
    standings: Mapping[Kind, Standing]
    lasted_s: float

    def facts(self, kind: type) -> list[Entry]:
        return [each for entries in self.entries.values() for each in entries if isinstance(each.fact, kind)]


def policy(folder: Path, services: int) -> Compiled:
    names = [f"svc-{number:04}: {{}}" for number in range(1, services + 1)]
    (folder / "web.cscfg").write_bytes(configuration("web", "web-2.4.1", DOMAINS))
    text = POLICY.format(subscription=SUBSCRIPTION, services=", ".join(names), count=services)
    (folder / "policy.yaml").write_text(text, encoding="utf-8")
    return compile_bundle(load_policy(folder / "policy.yaml"))


@dataclass(frozen=True, slots=True)
class Weather:
    """How often a storm comes, how long it lasts, and who fails a walk in it."""

    every_s: float = STORM_EVERY_S
    lasting_s: tuple[float, float] = STORM_S
    failing: tuple[str, ...] = tuple(FAILING)


ROUGH = Weather(400.0, (60.0, 240.0), tuple(f"svc-{number:04}" for number in range(5, SERVICES + 1, 5)))
"""More storm than calm."""


def spend_a_day(folder: Path, seed: int, services: int = SERVICES, outside: Weather = Weather()) -> Day:
    """Upgrade the fleet at the engine's own paces and every default duration, on a subscription that throttles."""
    plan = policy(folder, services)
    weather = storms(seed, every_s=outside.every_s, until_s=100 * outside.every_s, lasting_s=outside.lasting_s)
    limits = Limits(READS_PER_S, WRITES_PER_S, retry_after_s=RETRY_AFTER_S)
    subscription = Subscription(limits, weather, seed)
    settings = RunSettings("https://management.example", folder)

    def put_together(ledger: RolloutLedger, platform: Platform, clock: Clock, draw: Draw) -> Kit:
        return make_kit(settings, ledger, ThrottlingPlatform(platform, subscription, world.time), clock, draw)

    world = World(put_together, FleetPlan(services, DOMAINS), seed=seed)
    fails = {"verb": "walk", "effect": "fail", "times": 1_000}
    faults = [{**fails, "service": name, "domain": 1 + at % (DOMAINS - 1)} for at, name in enumerate(outside.failing)]
    world.fabric.set_faults(read_faults(faults))
    standings: dict[Kind, Standing] = {}

    def hear(records: Sequence[Recorded]) -> None:
        """Let the worst storm break loose in the very moment in which somebody turns back."""
        turned = [each.entry.fact for each in records if isinstance(each.entry.fact, event.TurnedBack)]
        if any("InternalError" in each.reason for each in turned):
            subscription.storms.append(Storm(world.time(), world.time() + outside.lasting_s[1], passing=0.1))

    async def script(parts: Parts) -> Result | None:
        parts.kit.ledger.listen(hear)
        result = await carry_out(parts, plan)
        standings.update({each.kind: each for each in parts.kit.pacer.standings()})
        return result

    life = world.live(script)
    assert life.result is not None
    return Day(subscription, recorded(world), life.result, standings, world.time())


def recorded(world: World) -> dict[str, list[Entry]]:
    """Read the durable entries by service."""
    found: dict[str, list[Entry]] = {}
    position = 0
    while records := loop.run(world.journal.read_after(position, 1_000)):
        for record in records:
            _, slash, rest = record.entry.stream.partition("/")
            if slash:
                found.setdefault(rest.partition("#")[0], []).append(record.entry)
        position = records[-1].position
    return found


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """The day that all tests look at."""
    return spend_a_day(tmp_path_factory.mktemp("day"), seed=3)


def ways_back(day: Day) -> list[tuple[float, float]]:
    """Give for each service that went back when it turned and when the platform took its rollback."""
    ways: list[tuple[float, float]] = []
    for entries in day.entries.values():
        turned = [each.now.t for each in entries if isinstance(each.fact, event.TurnedBack)]
        asked = {
            each.fact.number
            for each in entries
            if isinstance(each.fact, event.Intended) and isinstance(each.fact.operation, RollBack)
        }
        taken = [each.now.t for each in entries if isinstance(each.fact, event.Accepted) and each.fact.number in asked]
        ways += zip(turned, taken, strict=True)
    return ways


def judge(day: Day) -> None:
    """What throttling must never do to anybody."""
    ends = {name: outcome(entries) for name, entries in day.entries.items()}
    expected = {name: Outcome.ROLLED_BACK if name in FAILING else Outcome.SUCCEEDED for name in day.entries}
    assert ends == expected
    for entry in day.facts(event.TurnedBack):
        assert isinstance(entry.fact, event.TurnedBack)
        assert "InternalError" in entry.fact.reason  # the failing walk, and no limit of ours
    for turned_t, taken_t in ways_back(day):
        assert taken_t <= day.subscription.calm_t(turned_t) + BACK_AFTER_STORM_S
    assert not day.facts(event.Escalated)


def outcome(entries: Sequence[Entry]) -> Outcome | None:
    """Give how a service ended."""
    return next((each.fact.outcome for each in entries if isinstance(each.fact, event.Closed)), None)


def test_every_service_ends_as_its_walks_deserve_and_none_goes_back_for_throttling(day: Day) -> None:
    judge(day)
    assert day.result.outcome == "succeeded with failures"


def test_the_day_is_stormy_enough_to_prove_something(day: Day) -> None:
    assert len(day.subscription.reads.refused) > 100
    throttled = [each for each in day.facts(event.Refused) if getattr(each.fact, "kind", 0) is RefusedKind.THROTTLED]
    assert len(throttled) >= 10
    assert all(day.subscription.calm_t(turned_t) > turned_t for turned_t, _ in ways_back(day))
    stormy_s = sum(day.subscription.storm(float(second)) is not None for second in range(int(day.lasted_s)))
    assert stormy_s > 0.25 * day.lasted_s


def test_no_limit_fell_on_stale_evidence(day: Day) -> None:
    assert day.facts(event.GateFailed) == []
    overdue = [each for each in day.facts(event.Observed) if getattr(each.fact, "finding", "") == "overdue"]
    assert not overdue


def test_going_back_in_a_storm_is_taken_before_the_storm_is_long_over(day: Day) -> None:
    ways = ways_back(day)
    assert len(ways) == len(FAILING)
    assert max(taken_t - day.subscription.calm_t(turned_t) for turned_t, taken_t in ways) <= BACK_AFTER_STORM_S


def test_the_calls_that_passed_obey_the_limit_and_no_retry_after_is_cut_short(day: Day) -> None:
    for calls, rate in ((day.subscription.reads, READS_PER_S), (day.subscription.writes, WRITES_PER_S)):
        for window_s in (1.0, 10.0, 60.0, 600.0):
            assert calls.most_in(window_s) <= rate * window_s + BURST
        assert calls.early == []


def test_few_reads_are_wasted_on_throttling(day: Day) -> None:
    reads = day.subscription.reads
    assert len(reads.refused) <= WASTED_SHARE_MAX * (len(reads.refused) + len(reads.passed))


def test_few_calls_are_repeated(day: Day) -> None:
    for kind, calls in ((Kind.READ, day.subscription.reads), (Kind.WRITE, day.subscription.writes)):
        made = len(calls.passed) + len(calls.refused)
        assert day.standings[kind].repeats <= 0.1 * made + 10 + day.lasted_s / 60


def test_no_service_looks_again_and_again_before_it_gets_to_call(day: Day) -> None:
    clear = [each for each in day.facts(event.Observed) if getattr(each.fact, "finding", "") == "clear"]
    assert len(clear) <= 2 * len(day.facts(event.Intended))


@pytest.mark.parametrize("seed", [2, 4])
def test_in_more_storm_than_calm_nobody_goes_back_for_want_of_evidence(tmp_path: Path, seed: int) -> None:
    rough = spend_a_day(tmp_path, seed, outside=ROUGH)
    ends = {name: outcome(entries) for name, entries in rough.entries.items()}
    assert ends == {name: Outcome.ROLLED_BACK if name in ROUGH.failing else Outcome.SUCCEEDED for name in ends}
    assert rough.facts(event.GateFailed) == []
    assert rough.facts(sight_event.Blinded)


@pytest.mark.long
@pytest.mark.skipif(os.environ.get("ROLLOUT_LONG") != "1", reason="a search that runs only with ROLLOUT_LONG=1")
@pytest.mark.parametrize("seed", [1, 2, 4])
def test_days_three_times_as_long_end_in_the_same_way(tmp_path: Path, seed: int) -> None:
    judge(spend_a_day(tmp_path, seed, services=3 * SERVICES))
