"""Whatever the service does where its contract is silent, a rollout ends as its policy says, and does nothing twice."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from rollout.assembly import assembled
from rollout.core.ending import Outcome
from rollout.core.result import Result
from rollout.emulator.fabric import Fabric
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs, Throttling
from rollout.emulator.server import serve
from rollout.policy.load import load_policy
from rollout.settings import RunSettings

DOMAINS = 3
TIME_SCALE = 4000.0
SETTINGS: dict[str, tuple[Any, ...]] = {
    "settle_lag_s": (0.0, 8.0 * TIME_SCALE / 100, 226.0),
    "accept_delay_s": (0.0, 60.0),
    "list_ops_page_size": (1, 100),
    "list_ops_lag_s": (0, 60),
    "list_services_page_size": (1, 1_000),
    "throttle": (
        Throttling(),
        # Rates and storms count in the emulated service's seconds; these are 25 reads and 5 writes in one of ours.
        Throttling(calls_per_s={"reads": 25 / TIME_SCALE, "writes": 5 / TIME_SCALE}),
        Throttling(calls_per_s={"reads": 1.0}, storm_every_s=2 * TIME_SCALE, storm_s=0.5 * TIME_SCALE),
    ),
}
"""Settings of the knobs that are no choice of words; recorded tails lie between 8 and 226 seconds."""


def settings_of(name: str, annotation: Any) -> Iterator[Any]:
    if name in SETTINGS:
        yield from SETTINGS[name]
    elif annotation is bool:
        yield from (True, False)
    else:
        choices = get_args(annotation)
        assert choices, f"the knob {name} needs an entry in SETTINGS"
        yield from choices


CASES = [
    pytest.param({name: value}, id=f"{name}={value}".replace(" ", ","))
    for name, field in Knobs.model_fields.items()
    if name != "time_scale"  # it is in every case
    for value in settings_of(name, field.annotation)
]


@pytest.mark.parametrize("knob", CASES)
def test_a_small_fleet_ends_as_its_policy_says(knob: dict[str, Any], policies: Any, tmp_path: Path) -> None:
    policy = policies.write(
        2,
        instances=DOMAINS,
        wave="{name: rest, select: rest, max_parallel: 2, failure_tolerance: 1}",
        health="{stable_duration: 50ms, retry_timeout: 2s, interval: 50ms}",
        walk="{bake_before_last: 50ms, domain_timeout: 20s}",
    )
    fabric = Fabric(time.monotonic, Knobs(time_scale=TIME_SCALE, **knob), seed=7)
    populate(fabric, FleetPlan(services=2, domains=DOMAINS))
    fabric.set_faults(read_faults([{"service": "svc-0002", "verb": "walk", "domain": 1, "effect": "fail"}]))

    result, outcomes = asyncio.run(rolled_out(fabric, policy, tmp_path / "state"))

    assert result is not None
    assert result.code == 0
    assert outcomes == {"svc-0001": Outcome.SUCCEEDED, "svc-0002": Outcome.ROLLED_BACK}
    assert Counter((each.service, each.verb.value, each.domain) for each in fabric.log()) == Counter(
        [
            ("svc-0001", "upgrade", None),
            *(("svc-0001", "walk", domain) for domain in range(DOMAINS)),
            ("svc-0002", "upgrade", None),
            ("svc-0002", "walk", 0),
            ("svc-0002", "rollback", None),
        ]
    )


async def rolled_out(fabric: Fabric, policy: Path, state: Path) -> tuple[Result | None, dict[str, Outcome]]:
    async with (
        serve(fabric) as url,
        assembled(RunSettings(endpoint=url, state=state, request_timeout_s=5.0)) as assembly,
    ):
        rollout = await assembly.admit(load_policy(policy))
        result = await assembly.engine.run(rollout)
        services = assembly.engine.services(rollout)
    return result, {name: state.ended.outcome for name, state in services.items() if state.ended is not None}
