"""A host over an engine in virtual time: bundles from texts, a world to run them in."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from rollout.assembly import Admitted, make_kit
from rollout.core.compile import compile_bundle
from rollout.core.names import RolloutId, StreamName
from rollout.core.witnessed import Witnessed
from rollout.daemon.host import Host
from rollout.daemon.knowledge import Works
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.emulator.knobs import Knobs
from rollout.errors import CommandRefused
from rollout.policy.bundle import Bundle
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation.world import Parts, World

POLICY = """
rollout: {rollout}
change:
  upgrade: {{package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, label: {rollout}}}
fleet: {{subscription: {subscription}, services: {{{services}}}}}
waves: [{{name: all, select: rest, max_parallel: {count}, failure_tolerance: {tolerance}, strict: false}}]
"""
DOMAINS = 3
SETTINGS = RunSettings("http://127.0.0.1:1", Path("/nonexistent/state"))
"""Of a host over a world's engine: there is no state directory."""

Hosting = Callable[[Parts], Any]


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[..., Bundle]:
    """Write a policy and load it."""

    def make(
        services: Sequence[str] = ("svc-0001",), *, rollout: str = "web-1", tolerance: int = 0, more: str = ""
    ) -> Bundle:
        (tmp_path / "web.cscfg").write_bytes(configuration("web", rollout, DOMAINS))
        text = POLICY.format(
            rollout=rollout,
            subscription=SUBSCRIPTION,
            services=", ".join(f"{name}: {{}}" for name in services),
            count=len(services),
            tolerance=tolerance,
        )
        (tmp_path / f"{rollout}.yaml").write_text(text + more, encoding="utf-8")
        return load_policy(tmp_path / f"{rollout}.yaml")

    return make


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    """Build a world: a fleet, faults to come and knobs by name."""

    def make(services: int = 4, *, faults: Sequence[Mapping[str, Any]] = (), **knobs: Any) -> World:
        put_together = partial(make_kit, RunSettings("http://127.0.0.1:1", tmp_path))
        world = World(put_together, FleetPlan(services, DOMAINS), Knobs(**knobs))
        world.fabric.set_faults(read_faults([dict(each) for each in faults]))
        return world

    return make


class Unwitnessed:
    """Knows of no exchange: a world's wire has none."""

    async def of(self, _stream: StreamName) -> Sequence[Witnessed]:
        return ()

    async def gone_wrong(self, _rollout: RolloutId) -> Sequence[Witnessed]:
        return ()


@asynccontextmanager
async def hosting(parts: Parts) -> AsyncIterator[Host]:
    """Have a host over the engine of a world."""

    async def admit(bundle: Bundle, submitter: str) -> Admitted:
        compiled = compile_bundle(bundle)
        known = parts.kit.ledger.rollout(compiled.plan.rollout)
        if known is not None:
            if known.plan.documents != compiled.plan.documents:
                raise CommandRefused("known with other documents")
            return Admitted(compiled.plan.rollout, created=False)
        for payload in compiled.payloads:
            await parts.journal.put(payload)
        await parts.engine.open_rollout(compiled.plan, compiled.services, actor=submitter)
        return Admitted(compiled.plan.rollout, created=True)

    async def take_back(rollout: RolloutId, reason: str, *, who: str, partial: bool) -> RolloutId:
        raise CommandRefused(f"{rollout}: {who} wants it back ({reason}, {partial=}), and this world has no such way")

    logger = structlog.get_logger("rollout.engine")

    registry = CollectorRegistry()
    works = Works(
        parts.engine,
        parts.kit,
        parts.journal,
        compile_bundle,
        admit,
        take_back,
        registry,
        logger,
        SETTINGS,
        Unwitnessed(),
    )
    async with Host(works).at_work() as host:
        yield host


@pytest.fixture
def host_of() -> Callable[[Parts], Any]:
    """Give the way to host a world's engine."""
    return hosting
