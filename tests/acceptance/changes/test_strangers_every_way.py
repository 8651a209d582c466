"""Somebody else at work in the middle of ours: it ends as `foreign` says, and theirs stays as it is."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from rollout.assembly import assembled
from rollout.core.change_plan import ForeignPlan, Reaction, SwapPlan
from rollout.core.check_plan import CheckPlan
from rollout.core.explain import explain
from rollout.core.plan import HealthPlan, WalkPlan
from rollout.emulator.callers import STRANGER
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.settings import RunSettings

PATIENT = HealthPlan(0.0, 30.0, 600.0, 15.0, (CheckPlan("instances", "instances", 10.0),))
"""A reboot is over before such a gate fails."""
WALKS = "walk0 walk1 walk2"


class Case(NamedTuple):
    """Where somebody does something, and what the log holds when it is over."""

    kind: str
    phase: str
    effect: str
    hold: str
    """How it ends where `foreign` says hold: with an outcome, or in a phase."""
    tolerate: str
    so_far: str
    """With the stranger's own doing, in brackets."""
    then: str = ""
    """What is done after it where it ends as succeeded."""
    slot: str = "production"


TAKEN = ("ForeignChange", "excluded")
GOES_ON = ("succeeded", "succeeded")


def _cases() -> Iterator[Case]:
    for effect, did in (("upgrade", "[upgrade]"), ("scale", "[config]")):
        for kind, begin in (("upgrade", "upgrade"), ("configure", "config"), ("staged_swap", "upgrade")):
            slot = "staging" if kind == "staged_swap" else "production"
            yield Case(kind, "Beginning", effect, *TAKEN, did, slot=slot)
            yield Case(kind, "Ready 0", effect, *TAKEN, f"{begin} {did}", slot=slot)
            for phase in ("Walking 1", "Settling 1", "Checking 1", "Baking 2"):
                before = f"{begin} walk0" if phase == "Walking 1" else f"{begin} walk0 walk1"
                yield Case(kind, phase, effect, *TAKEN, f"{before} {did}", slot=slot)
        for kind, ready in (("swap", ""), ("staged_swap", f"upgrade {WALKS} ")):
            yield Case(kind, "Swapping", effect, *TAKEN, f"{ready}{did}")
            # More instances take nothing of a swap away; the bake waits until all of them are well.
            ends = TAKEN if effect == "upgrade" else GOES_ON
            yield Case(kind, "SwapBaking", effect, *ends, f"{ready}swap {did}")
        yield Case("start", "Checking", effect, *TAKEN, f"status {did}")
    for kind, begin in (("upgrade", "upgrade"), ("configure", "config")):
        # Down before we have touched it: that is nothing a release of ours has done.
        yield Case(kind, "Ready 0", "reboot", "ForeignChange", "succeeded", f"{begin} [reboot0]", WALKS)
        yield Case(kind, "Checking 1", "reboot", *GOES_ON, f"{begin} walk0 walk1 [reboot0]", "walk2")
    yield Case("swap", "Swapping", "reboot", *GOES_ON, "[reboot0]", "swap")
    yield Case("swap", "SwapBaking", "reboot", *GOES_ON, "swap [reboot0]")
    yield Case("swap", "SwapBaking", "swap", *TAKEN, "swap [swap]")
    yield Case("swap", "Swapping", "swap", *TAKEN, "[swap]")
    yield Case("upgrade", "Checking 1", "walk", *TAKEN, "upgrade walk0 walk1 [walk2]")
    yield Case("upgrade", "Walking 1", "rollback", *TAKEN, "upgrade walk0 [rollback]")
    yield Case("upgrade", "Checking 1", "delete", *TAKEN, "upgrade walk0 walk1 [delete]")


CASES = list(_cases())
IDS = [f"{each.kind}-{each.phase}-{each.effect}-{each.slot}".replace(" ", "_") for each in CASES]


def spelled(fabric: Fabric) -> str:
    """Write the log down, the stranger's entries in brackets."""
    theirs = {each.request_id for each in fabric.world.strangers}
    words = []
    for each in fabric.log():
        said = each.verb.value if each.domain is None else f"{each.verb.value}{each.domain}"
        words.append(f"[{said}]" if each.request_id in theirs else said)
    return " ".join(words)


@pytest.mark.parametrize("reaction", list(Reaction))
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_somebody_does_ends_ours_as_foreign_says_and_stays_as_it_is(
    case: Case, reaction: Reaction, lane: Any
) -> None:
    foreign = ForeignPlan(scale=reaction, reboot=reaction, upgrade=reaction)
    visit = lane.visited(case.effect, case.slot)

    trial = lane.play(
        case.kind, foreign=foreign, health=PATIENT, when={case.phase: visit}, knobs={"settle_lag_s": 60.0}
    )

    fabric = trial.world.fabric
    (visited,) = fabric.world.strangers
    assert visited.refused is None
    assert trial.end == (case.hold if reaction is Reaction.HOLD else case.tolerate), trial.why
    assert spelled(fabric) == (f"{case.so_far} {case.then}".strip() if trial.end == "succeeded" else case.so_far)
    trial.world.pass_by(7200.0)
    stays(trial, case)


def stays(trial: Any, case: Case) -> None:
    """Their change has its way to the end, and nothing of ours comes after it."""
    slots, now = trial.truth.slots, trial.world.fabric.now()
    if case.effect == "delete":
        assert case.slot not in slots
        return
    deployment = slots[case.slot]
    operation = trial.world.fabric.operation(trial.world.fabric.world.strangers[0].request_id)
    assert operation.status.value == "Succeeded"
    if case.effect == "upgrade":
        assert deployment.release.label == "stranger"
        assert {each.release.label for each in deployment.instances} == {"stranger"}
    if case.effect == "scale":
        assert len(deployment.instances) == 4
    if case.effect in {"upgrade", "scale"}:
        assert deployment.change is None
        assert {deployment.instance_phases(each, now)[0].value for each in deployment.instances} == {"ReadyRole"}
    if case.effect == "swap":
        assert trial.truth.names == {slot: slot for slot in trial.before.names} or case.phase == "Swapping"


# --- who it was: the real client asks for a listing of operations ---

SPEED = 1000.0
NAMED = [
    Case("upgrade", "Walking 1", "upgrade", *TAKEN, ""),
    Case("upgrade", "Checking 1", "scale", *TAKEN, ""),
    Case("configure", "Walking 1", "scale", *TAKEN, ""),
    Case("upgrade", "Ready 0", "reboot", "ForeignChange", "succeeded", ""),
    Case("staged_swap", "Walking 1", "upgrade", *TAKEN, "", slot="staging"),
    Case("swap", "SwapBaking", "swap", *TAKEN, ""),
]


@pytest.mark.parametrize("case", NAMED, ids=[f"{each.kind}-{each.effect}" for each in NAMED])
def test_why_names_the_caller(case: Case, lane: Any, tmp_path: Path) -> None:
    fabric = Fabric(time.monotonic, Knobs(time_scale=SPEED, accept_delay_s=1.0), seed=3, epoch=datetime.now(UTC))
    populate(fabric, FleetPlan(1, 3, staging=True))

    phase, why = asyncio.run(_taken_over(case, lane, fabric, tmp_path / "state"))

    assert phase == "ForeignChange", why
    assert str(STRANGER.email) in why


async def _taken_over(case: Case, lane: Any, fabric: Fabric, state: Path) -> tuple[str, str]:
    health = HealthPlan(0.0, 0.2, 0.6, 0.05, (CheckPlan("instances", "instances", 5.0),))
    hold = ForeignPlan(scale=Reaction.HOLD, reboot=Reaction.HOLD, upgrade=Reaction.HOLD)
    walk = WalkPlan(0.2, 20.0, allow_no_rollback=False)
    plan = lane.plan_of(case.kind, foreign=hold, health=health, walk=walk, timeouts_s=20.0)
    if isinstance(plan.change, SwapPlan):
        plan = replace(plan, change=replace(plan.change, bake_s=0.5))
    compiled, visit = lane.compiled([plan]), lane.visited(case.effect, case.slot)
    async with serve(fabric) as url, assembled(RunSettings(endpoint=url, state=state)) as assembly:
        for payload in compiled.payloads:
            await assembly.journal.put(payload)
        await assembly.engine.open_rollout(compiled.plan, compiled.services)
        assembly.listen(lane.hearer(assembly.engine, fabric, {case.phase: visit}))
        await assembly.engine.run(plan.rollout)
        (service,) = assembly.engine.services(plan.rollout).values()
        return type(service.phase).__name__, explain(service, assembly.clock.now())
