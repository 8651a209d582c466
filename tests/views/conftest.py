"""A rollout in virtual time, and everything that views are made of, read off its journal."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from rollout.assembly import make_kit
from rollout.core.command import Ask, Command, Verb
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.names import Now, RolloutId, ServiceName, StreamName, is_service_stream
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.journal.journal import Recorded
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation import loop
from rollout.simulation.world import Parts, World
from rollout.views.reading import Read

if TYPE_CHECKING:
    from rollout.core.fleet_state import RolloutState
    from rollout.core.service import ServiceRollout

POLICY = """
rollout: {rollout}
about: {about}
change:
  upgrade: {{package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, label: web-2.4.1}}
fleet: {{subscription: {subscription}, services: {{{services}}}}}
waves: {waves}
health: {{stable_duration: 10s, retry_timeout: 30s, interval: 5s}}
walk: {{bake_before_last: 30s}}
{more}
"""
NOTHING: Mapping[str, str] = MappingProxyType({})
OWN = RolloutId("web-2.4.1")


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Compiled]:
    def make(services: int = 3, *, waves: str, about: str = "{ticket: OPS-311}", more: str = "") -> Compiled:
        (tmp_path / "web.cscfg").write_bytes(configuration("web", "web-2.4.1", 2))
        names = ", ".join(f"svc-{n:04}: {{}}" for n in range(1, services + 1))
        text = POLICY.format(
            rollout=OWN, about=about, subscription=SUBSCRIPTION, services=names, waves=waves, more=more
        )
        (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
        return compile_bundle(load_policy(tmp_path / "policy.yaml"))

    return make


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    def make(services: int = 3, faults: Sequence[dict[str, Any]] = ()) -> World:
        world = World(partial(make_kit, RunSettings("http://127.0.0.1:1", tmp_path)), FleetPlan(services, 2))
        world.groups = {"leads": ("ann", "bob")}
        world.fabric.set_faults(read_faults(list(faults)))
        return world

    return make


def say(verb: Verb, service: str | None = None, note: str = "because", who: str = "ann", **flags: Any) -> Any:
    """Give a word that is said to a world's engine."""

    async def said(parts: Parts) -> None:
        word = Command(f"{verb}{service}{who}", verb, who, note, **flags)
        await parts.engine.say(Ask(OWN, ServiceName(service) if service else None, word))

    return said


Words = Sequence[tuple[float, Callable[[Parts], Awaitable[None]]]]


def read_of(world: World, later_s: float = 60.0) -> tuple[Read, list[Recorded]]:
    """Read a world's journal some seconds after its last entry."""
    records: list[Recorded] = []
    while found := loop.run(world.journal.read_after(len(records), 5_000)):
        records += found
    fleet: RolloutState | None = None
    services: dict[StreamName, ServiceRollout] = {}
    for record in records:
        entry = record.entry
        if is_service_stream(entry.stream):
            services[entry.stream] = evolve(services.get(entry.stream), entry)
        else:
            fleet = evolve_fleet(fleet, entry)
    assert fleet is not None
    newest = {state.plan.service: state for state in services.values()}
    last = records[-1].entry.now
    now = Now(last.t + later_s, last.wall + later_s)
    chosen = {name: newest[name] for wave in fleet.plan.waves for name in wave.services}
    return Read(fleet, chosen, now, now), records
