"""What the plan's tests share: policies compiled from words, and what a rollout of them takes in virtual time."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest

from rollout.assembly import make_kit
from rollout.core.compile import Compiled, compile_bundle
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.emulator.knobs import Knobs
from rollout.planning.document import PlanDocument
from rollout.planning.make import UNKNOWN, Around, Wanted, plan_document
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.settings.model import InFlight, Limits
from rollout.simulation.world import WALL_AT_START, World, carry_out

UPGRADE = '{upgrade: {package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg}}'
NOTHING: Mapping[str, str] = MappingProxyType({})


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Compiled]:
    """Compile a policy; `says` is what the fleet says of a service."""

    def make(
        services: int = 1, *, domains: int = 5, change: str = UPGRADE, says: Mapping[str, str] = NOTHING, more: str = ""
    ) -> Compiled:
        (tmp_path / "web.cscfg").write_bytes(configuration("web", "web-2", domains))
        names = [f"svc-{number:04}" for number in range(1, services + 1)]
        fleet = ", ".join(f"{name}: {{{says.get(name, '')}}}" for name in names)
        text = f"rollout: web-2\nchange: {change}\nfleet: {{subscription: {SUBSCRIPTION}, services: {{{fleet}}}}}\n"
        (tmp_path / "policy.yaml").write_text(text + more, encoding="utf-8")
        return compile_bundle(load_policy(tmp_path / "policy.yaml"))

    return make


@pytest.fixture
def planned() -> Callable[..., PlanDocument]:
    """Plan as of the moment at which virtual worlds begin."""

    def make(compiled: Compiled, around: Around = UNKNOWN, wall: float = WALL_AT_START) -> PlanDocument:
        return plan_document(Wanted(compiled.plan, compiled.services), wall, around)

    return make


@pytest.fixture
def actual_s(tmp_path: Path) -> Callable[..., float]:
    """Run a rollout over an emulated fleet at the pace of a real subscription, and give the virtual seconds it took."""

    def run(
        compiled: Compiled,
        domains: int = 5,
        *,
        staging: bool = False,
        seed: int = 0,
        in_flight: InFlight | None = None,
    ) -> float:
        limits = None if in_flight is None else Limits(in_flight=in_flight)
        put_together = partial(make_kit, RunSettings("https://rehearsal.invalid", tmp_path, limits=limits))
        fleet = FleetPlan(len(compiled.services), domains, staging=staging)
        world = World(put_together, fleet, Knobs(), seed)
        result = world.live(lambda parts: carry_out(parts, compiled)).result
        assert result is not None
        assert result.code == 0
        return world.time()

    return run
