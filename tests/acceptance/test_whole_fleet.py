"""Fifty services at once, undisturbed and with the engine killed at random instants."""

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

SERVICES = 50
KILLS, TIME_SCALE = (20, 80) if os.environ.get("ROLLOUT_LONG") else (10, 160)
"""More kills need a slower fleet: each of them has to meet an engine at work."""


@pytest.mark.timeout(180)
def test_fifty_services_are_upgraded_once_and_walked_in_order(
    emulator: Callable[..., Any], policies: Any, runs: Any, expected: Callable[..., Any]
) -> None:
    fleet = emulator("--services", str(SERVICES), "--time-scale", "200")

    ended = runs.run(policies.write(SERVICES), fleet)

    assert ended.returncode == 0, ended.stderr
    assert fleet.effects() == expected(SERVICES)
    for number in range(1, SERVICES + 1):
        assert fleet.order(f"svc-{number:04}") == [("upgrade", None), *(("walk", domain) for domain in range(5))]


@pytest.mark.timeout(300)
def test_an_engine_killed_at_random_instants_does_nothing_twice_and_leaves_nothing_out(
    emulator: Callable[..., Any], policies: Any, runs: Any, expected: Callable[..., Any]
) -> None:
    fleet = emulator("--services", str(SERVICES), "--time-scale", str(TIME_SCALE))
    policy, chance = policies.write(SERVICES), random.Random(2026)  # noqa: S311 - instants, not secrets

    kills = sum(runs.killed_after(chance.uniform(0.8, 2.4), policy, fleet) for _ in range(KILLS))
    ended = runs.run(policy, fleet)

    assert kills == KILLS
    assert ended.returncode == 0, ended.stderr
    assert fleet.effects() == expected(SERVICES)
