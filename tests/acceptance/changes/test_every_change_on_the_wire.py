"""A change of each kind over the wire: the real client against the emulator's server, judged as on the direct lane."""

import asyncio
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from rollout.assembly import assembled
from rollout.core.change_plan import SwapPlan
from rollout.core.check_plan import CheckPlan
from rollout.core.explain import explain
from rollout.core.phase import Phase
from rollout.core.plan import HealthPlan, WalkPlan
from rollout.emulator.fabric import Fabric
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.settings import RunSettings

TIME_SCALE = 1500.0
WALKS = "walk0 walk1 walk2"
HEALTH = HealthPlan(0.0, 0.05, 0.5, 0.05, (CheckPlan("instances", "instances", 5.0),))
WALK = WalkPlan(0.1, 8.0, allow_no_rollback=False)
BAKE_S = 1.0


class Case(NamedTuple):
    """One service rollout, what goes wrong with it, and how it ends."""

    kind: str
    on_failure: str
    faults: tuple[dict[str, Any], ...]
    end: str
    log: str
    dies_at: str = ""
    way_back: str = "none"
    new: int = 0
    """Instances in production that run the new version in the end."""


def fault(verb: str, effect: str, domain: int | None = None) -> dict[str, Any]:
    return {"verb": verb, "effect": effect} | ({} if domain is None else {"domain": domain})


FAILS = (fault("walk", "fail", 1),)
CASES = [
    Case("upgrade", "rollback", FAILS, "rolled_back", "upgrade walk0 rollback"),
    Case("upgrade", "hold", FAILS, "HeldForPerson", "upgrade walk0", new=1),
    Case("upgrade", "suspend", FAILS, "suspended", "upgrade walk0 status", new=1),
    Case(
        "upgrade",
        "rollback",
        (fault("walk", "sick", 2),),
        "rolled_back",
        f"upgrade {WALKS} upgrade {WALKS}",
        way_back="package",
    ),
    Case("configure", "rollback", (fault("config", "fail"),), "failed", ""),
    Case("configure", "rollback", FAILS, "rolled_back", "config walk0 rollback"),
    Case("configure_file", "hold", (fault("walk", "lose_after", 2),), "succeeded", f"config {WALKS}", new=3),
    Case("upgrade_auto", "suspend", (fault("upgrade", "fail", 1),), "suspended", "upgrade status", new=1),
    Case("swap", "rollback", (), "rolled_back", "swap swap", dies_at="SwapBaking"),
    Case("staged_swap", "rollback", (fault("swap", "lose_after"),), "succeeded", f"upgrade {WALKS} swap", new=3),
    Case("created_swap", "rollback", (fault("create", "lose_before"),), "succeeded", "create swap", new=3),
    Case("suspend", "rollback", (fault("status", "lose_after"),), "succeeded", "status"),
    Case("start", "rollback", (), "rolled_back", "status status", dies_at="Checking"),
    Case("reboot", "rollback", (), "succeeded", "reboot1"),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{each.kind}-{each.end}" for each in CASES])
def test_a_change_over_the_wire_ends_as_on_the_direct_lane(case: Case, lane: Any, tmp_path: Path) -> None:
    fabric = Fabric(time.monotonic, Knobs(time_scale=TIME_SCALE), seed=5)
    populate(fabric, FleetPlan(1, 3, staging=True))
    lane.prepare(fabric, case.kind)
    fabric.set_faults(read_faults(list(case.faults)))
    truth = lane.truth_of(fabric)
    names, running = truth.names, truth.running

    phase, why = asyncio.run(_rolled_out(case, lane, fabric, tmp_path / "state"))

    end = getattr(phase, "outcome", type(phase).__name__)
    spelled = " ".join(verb if domain is None else f"{verb}{domain}" for verb, domain in truth.log)
    assert (end, spelled) == (case.end, case.log), why
    assert truth.new_in("production") == case.new
    if end == "rolled_back":
        assert (truth.names, truth.running) == (names, running)
    if end == "suspended":
        assert truth.running == running | {"production": False}


async def _rolled_out(case: Case, lane: Any, fabric: Fabric, state: Path) -> tuple[Phase, str]:
    plan = lane.plan_of(case.kind, case.on_failure, way_back=case.way_back, health=HEALTH, walk=WALK, timeouts_s=20.0)
    if isinstance(plan.change, SwapPlan):
        plan = replace(plan, change=replace(plan.change, bake_s=BAKE_S))
    compiled = lane.compiled([plan])
    async with (
        serve(fabric) as url,
        assembled(RunSettings(endpoint=url, state=state, request_timeout_s=0.5)) as assembly,
    ):
        to_come = {case.dies_at} - {""}

        def hear(_: object) -> None:
            for each in assembly.engine.services(plan.rollout).values():
                if type(each.phase).__name__ in to_come:
                    to_come.clear()
                    lane.dies_in("production")(fabric)

        for payload in compiled.payloads:
            await assembly.journal.put(payload)
        await assembly.engine.open_rollout(compiled.plan, compiled.services)
        assembly.listen(hear)
        await assembly.engine.run(plan.rollout)
        (service,) = assembly.engine.services(plan.rollout).values()
        return service.phase, explain(service, assembly.clock.now())
