"""Somebody else at work on a deployment of ours: their change is left alone, and they are named."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rollout.assembly import assembled
from rollout.core.explain import explain
from rollout.core.result import ExitCode, Result
from rollout.emulator.callers import STRANGER
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.emulator.strangers import expect, read_strangers
from rollout.policy.load import load_policy
from rollout.settings import RunSettings

TIME_SCALE = 1000.0


@pytest.mark.parametrize("effect", ["upgrade", "walk"])
def test_a_strangers_change_is_left_alone_and_its_caller_is_named(effect: str, policies: Any, tmp_path: Path) -> None:
    policy = policies.write(1, walk="{bake_before_last: 200ms, domain_timeout: 20s}")
    fabric = Fabric(time.monotonic, Knobs(time_scale=TIME_SCALE, accept_delay_s=1.0), seed=3, epoch=datetime.now(UTC))
    populate(fabric, FleetPlan(services=1))
    visits = [{"service": "svc-0001", "effect": effect, "at": at} for at in range(1500, 6000, 250)]

    result, why = asyncio.run(rolled_out(fabric, policy, tmp_path / "state", visits))

    assert result is not None
    assert result.code is ExitCode.FOR_PERSON
    assert "taken over" in why
    assert str(STRANGER.email) in why


async def rolled_out(
    fabric: Fabric, policy: Path, state: Path, visits: list[dict[str, Any]]
) -> tuple[Result | None, str]:
    expect(fabric, read_strangers(visits))
    async with serve(fabric) as url, assembled(RunSettings(endpoint=url, state=state)) as assembly:
        rollout = await assembly.admit(load_policy(policy))
        result = await assembly.engine.run(rollout)
        (service,) = assembly.engine.services(rollout).values()
        return result, explain(service, assembly.clock.now())
