"""A large fleet in four waves, some of whose domains fail: it ends as the policy says, on the direct lane."""

import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from rollout.core import event, fleet_event
from rollout.core.compile import Compiled
from rollout.core.ending import Outcome
from rollout.core.event import Entry
from rollout.core.names import parse_service_stream
from rollout.simulation.world import World, carry_out

FAILING_PERCENT = 3
DOMAINS = 3
WAVES = """
waves:
  - {name: canary, select: 1%, bake: 30m}
  - {name: pilot, select: 9%, max_parallel: 10, failure_tolerance: 20, strict: false, bake: 1h}
  - {name: half, select: 40%, max_parallel: 50, failure_tolerance: 100, strict: false}
  - {name: rest, select: rest, max_parallel: 100, failure_tolerance: 200, strict: false, max_parallel_per: {region: 60}}
"""
SHORT = "health: {stable_duration: 10s, retry_timeout: 30s, interval: 10s}\nwalk: {bake_before_last: 0s}\n"

SERVICES = 1_000 if os.environ.get("ROLLOUT_LONG") else 60


@pytest.mark.timeout(1_800)
def test_a_fleet_in_four_waves_with_failing_domains_ends_as_the_policy_says(
    make_world: Callable[..., World],
    compiled: Callable[..., Compiled],
    recorded: Callable[..., list[Entry]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    services = SERVICES
    names = [f"svc-{number:04}" for number in range(1, services + 1)]
    # Spread over the fleet, and none among the canaries, which tolerate nothing.
    failing = set(names[services // 50 + 3 :: 100 // FAILING_PERCENT])
    faults: list[dict[str, Any]] = [
        {"service": name, "verb": "walk", "domain": at % DOMAINS, "effect": "fail", "times": 1000}
        for at, name in enumerate(sorted(failing))
    ]
    says = {name: f"tags: {{region: {('weu', 'neu')[at % 2]}}}" for at, name in enumerate(names)}
    plan = compiled(services, DOMAINS, waves=WAVES, says=says, more=SHORT)
    world = make_world(services, DOMAINS, faults=faults)
    before_s, began_s = time.process_time(), time.monotonic()
    result = world.live(lambda parts: carry_out(parts, plan)).result
    used_s = time.process_time() - before_s
    assert result is not None
    assert (result.code, result.outcome) == (0, "succeeded with failures")
    entries = recorded(world)
    closed = [(e.stream, e.fact.outcome) for e in entries if isinstance(e.fact, event.Closed)]
    endings = {parse_service_stream(stream)[1]: outcome for stream, outcome in closed}
    assert {name for name, outcome in endings.items() if outcome is not Outcome.SUCCEEDED} == failing
    assert len(endings) == services
    assert [e.fact.wave for e in entries if isinstance(e.fact, fleet_event.WaveOpened)] == [
        "canary",
        "pilot",
        "half",
        "rest",
    ]
    peak = _most_in_flight(entries)
    assert peak <= 100
    with capsys.disabled():
        mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stderr.write(
            f"\n{services} services, {len(failing)} failing, {peak} in flight: {len(entries)} entries, "
            f"{world.time() / 3600:.1f} h in {time.monotonic() - began_s:.0f} s, {used_s:.1f} s CPU, {mib:.0f} MiB\n"
        )


def _most_in_flight(entries: list[Entry]) -> int:
    now = most = 0
    for entry in entries:
        now += isinstance(entry.fact, event.Admitted) - isinstance(entry.fact, event.Closed)
        most = max(most, now)
    return most
