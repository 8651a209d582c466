"""Storms: many seeds of each policy, every promise checked. A failing seed prints the one line that shows it again."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from rollout.simulation.play import play
from rollout.simulation.stage import LaneName, Stage
from rollout.simulation.weather import (
    ANSWER,
    CONNECT,
    GATE,
    OPERATION,
    READ,
    REQUEST,
    SERVICE,
    SPOILT,
    SYNC,
    WORK,
    WORLD,
    WRITE,
    Profile,
    Weather,
)

CASES = Path("tests/simulation/cases")
TIMES = 20 if os.environ.get("ROLLOUT_LONG") == "1" else 1
"""How many times the seeds of a commit a long search plays."""
CHUNKS = {"direct": 25, "http": 10}

Storm = tuple[str, str, str, int, int, int]


def chunks(lane: str, policy: str, faults: str, domains: int, seeds: int) -> list[Storm]:
    """Cut seeds into tests of a few seconds each."""
    chunk = CHUNKS[lane]
    return [(lane, policy, faults, domains, first, chunk) for first in range(0, seeds * TIMES, chunk)]


FOUND: list[Storm] = [
    ("direct", "wide", "storm", 2, 119, 1),  # a rollback of an update that was somebody else's by then
    ("direct", "staged", "storm", 2, 204, 1),  # a last word that found the disk full when all else was over
    ("direct", "configure", "storm", 2, 91, 1),  # a Retry-After that was over but for a rounding
    ("direct", "start", "storm", 2, 200_233, 1),  # a gate that passed before a fall, and was durable only after it
    ("direct", "crowd", "storm", 6, 27, 1),  # pages read twice: judging one of them let the world go on
]
"""Seeds beyond those of every commit that broke a promise once."""
STORMS = [
    *FOUND,
    *chunks("direct", "one", "storm", 2, 200),
    *chunks("direct", "storm", "storm", 2, 100),
    *chunks("direct", "storm", "storm", 3, 75),
    *chunks("direct", "storm", "storm", 5, 25),
    *chunks("direct", "storm", "storm", 1, 25),
    *chunks("direct", "held", "storm", 2, 50),
    *chunks("direct", "wide", "storm", 2, 50),
    *chunks("direct", "halted", "storm", 2, 25),
    *chunks("direct", "one", "realistic", 3, 25),
    *chunks("direct", "one", "none", 3, 25),
    *chunks("direct", "configure", "storm", 2, 75),
    *chunks("direct", "revert", "storm", 2, 75),
    *chunks("direct", "staged", "storm", 2, 75),
    *chunks("direct", "swap", "storm", 2, 75),
    *chunks("direct", "status", "storm", 2, 50),
    *chunks("direct", "start", "storm", 2, 25),
    *chunks("direct", "gated", "storm", 2, 25),
    *chunks("direct", "shut", "storm", 2, 25),
    *chunks("http", "one", "storm", 2, 30),
    *chunks("http", "storm", "storm", 2, 10),
    *chunks("http", "held", "storm", 2, 10),
    *chunks("http", "configure", "storm", 2, 10),
    *chunks("http", "revert", "storm", 2, 10),
    *chunks("http", "staged", "storm", 2, 10),
    *chunks("http", "swap", "storm", 2, 10),
    *chunks("http", "start", "storm", 2, 10),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("storm", STORMS, ids=lambda storm: "-".join(map(str, storm)))
def test_no_promise_is_broken(stage_of: Callable[..., Stage], storm: Storm) -> None:
    lane, policy, faults, domains, first, count = storm
    stage = stage_of(policy, faults, domains=domains, lane=LaneName(lane))
    for seed in range(first, first + count):
        played = play(stage, seed, watchdog=True)
        words = f"-f {CASES / policy}.yaml --faults {faults} --lane {lane} --domains {domains} --seed {seed}"
        again = f"rollout rehearse {words} --trace"
        assert played.violation is None, f"{played.violation}\nshow it again with:\n  {again}"
        assert played.result is not None


BOTH = {*CONNECT, *REQUEST, *READ, *SERVICE, *WORK, *OPERATION, *WRITE, *SYNC, *GATE, *WORLD}
SAID = {"Stopped", "Resumed", "Held", "Released", "TurnedBack"}
DEATHS = {"death", "death at a moment", "death between two steps", "death at a random time", "power_lost", "torn_tail"}
BYTES = {*ANSWER, *SPOILT}
STRUCK = {
    LaneName.DIRECT: ({"wide": 60, "gated": 20}, BOTH | SAID | DEATHS),
    LaneName.HTTP: ({"wide": 12}, BYTES | {"death", "power_lost", *READ, "late", "vanishes"}),
}
"""For each lane, so many seeds of policies and what must strike within them; HTTP is as stormy, and slower."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("lane", LaneName)
def test_every_kind_of_fault_strikes(stage_of: Callable[..., Stage], lane: LaneName) -> None:
    policies, wanted = STRUCK[lane]
    hits = Counter[str]()
    for policy, seeds in policies.items():
        stage = stage_of(policy, domains=2, lane=lane)
        for seed in range(1_000, 1_000 + seeds):
            played = play(stage, seed)
            assert played.violation is None, f"{policy}: {played.violation}"
            hits += played.hits
    assert wanted - {str(each) for each in hits} == set()


def test_calm_weather_strikes_nobody(stage_of: Callable[..., Stage]) -> None:
    played = play(stage_of(profile="none"), 0)
    assert not played.hits
    assert not played.deaths
    assert played.result is not None
    assert played.result.outcome == "succeeded"


def test_a_storm_is_over_when_it_is_said_to_be() -> None:
    weather = Weather(3, Profile.STORM, calm_at=100.0)
    assert {weather.factor(fault) for fault in (*REQUEST, *SERVICE)} <= {0.0, 0.3, 1.0, 2.5}
    assert 0.0 in {weather.factor(fault) for fault in (*REQUEST, *SERVICE, *WORK)}


def test_draws_depend_on_their_key_and_not_on_their_order() -> None:
    one, other = Weather(5, Profile.STORM), Weather(5, Profile.STORM)
    first = [one.strike(SERVICE, "call", "svc-a", "walk") for _ in range(200)]
    for _ in range(50):
        other.strike(SERVICE, "call", "svc-b", "walk")
    assert [other.strike(SERVICE, "call", "svc-a", "walk") for _ in range(200)] == first
    assert len(set(first)) > 2
