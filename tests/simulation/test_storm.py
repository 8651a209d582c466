"""Storms: many seeds of each policy, every promise checked. A failing seed prints the one line that shows it again."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from rollout.simulation.play import play
from rollout.simulation.stage import Stage
from rollout.simulation.weather import CONNECT, OPERATION, READ, REQUEST, SERVICE, WORK, Profile, Weather

CASES = Path("tests/simulation/cases")
TIMES = 20 if os.environ.get("ROLLOUT_LONG") == "1" else 1
"""How many times the seeds of a commit a long search plays."""
CHUNK = 25

Storm = tuple[str, str, int, int, int]


def chunks(policy: str, faults: str, domains: int, seeds: int) -> list[Storm]:
    """Cut seeds into tests of a few seconds each."""
    return [(policy, faults, domains, first, CHUNK) for first in range(0, seeds * TIMES, CHUNK)]


STORMS = [
    *chunks("storm", "storm", 3, 125),
    *chunks("storm", "storm", 5, 25),
    *chunks("storm", "storm", 1, 25),
    *chunks("held", "storm", 2, 50),
    *chunks("wide", "storm", 2, 50),
    *chunks("storm", "realistic", 3, 25),
    *chunks("storm", "none", 2, 25),
]


@pytest.mark.parametrize("storm", STORMS, ids=lambda storm: "-".join(map(str, storm)))
def test_no_promise_is_broken(stage_of: Callable[..., Stage], storm: Storm) -> None:
    policy, faults, domains, first, count = storm
    stage = stage_of(policy, faults, domains=domains)
    for seed in range(first, first + count):
        played = play(stage, seed)
        again = f"rollout rehearse -f {CASES / policy}.yaml --faults {faults} --domains {domains} --seed {seed} --trace"
        assert played.violation is None, f"{played.violation}\nshow it again with:\n  {again}"
        assert played.result is not None


def test_every_kind_of_fault_strikes_within_sixty_seeds(stage_of: Callable[..., Stage]) -> None:
    stage, hits = stage_of("wide", domains=2), Counter[str]()
    for seed in range(1_000, 1_060):
        played = play(stage, seed)
        assert played.violation is None, played.violation
        hits += played.hits
    wanted = {*CONNECT, *REQUEST, *READ, *SERVICE, *WORK, *OPERATION, "flap", "stranger", "blackout", "death"}
    assert wanted - {str(each) for each in hits} == set()
    assert {"Stopped", "Resumed", "Held", "Released"} <= {*hits}


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
