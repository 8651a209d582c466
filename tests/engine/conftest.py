"""What the engine's tests in virtual time share: policies written to disk, worlds to run them in, and the journal."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from rollout.assembly import make_kit
from rollout.core.command import Ask, Command, Verb
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.event import Entry
from rollout.core.names import ServiceName
from rollout.core.result import Result
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.emulator.knobs import Knobs
from rollout.journal.journal import Recorded
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation import loop
from rollout.simulation.wire import Wire
from rollout.simulation.world import Parts, World, carry_out, open_unless_known

POLICY = """
rollout: {rollout}
change:
  upgrade: {{package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, label: {rollout}}}
fleet: {{subscription: {subscription}, services: {{{services}}}}}
{waves}
"""
WAVE = (
    "waves: [{{name: all, select: rest, max_parallel: {parallel}, failure_tolerance: {tolerance}, strict: {strict}}}]"
)


NOTHING: Mapping[str, str] = MappingProxyType({})


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Compiled]:
    """Write a policy with every duration at its default, unless `more` says otherwise, and compile it."""

    def make(
        services: int | Sequence[str] = 1,
        domains: int = 3,
        *,
        rollout: str = "web-2.4.1",
        parallel: int | None = None,
        tolerance: int = 0,
        strict: bool = False,
        waves: str = "",
        says: Mapping[str, str] = NOTHING,
        more: str = "",
    ) -> Compiled:
        """`says` is what the fleet says of a service, such as `needs: [svc-0001]`."""
        names = [f"svc-{n:04}" for n in range(1, services + 1)] if isinstance(services, int) else services
        (tmp_path / "web.cscfg").write_bytes(configuration("web", rollout, domains))
        one = WAVE.format(
            parallel=len(names) if parallel is None else parallel, tolerance=tolerance, strict=str(strict).lower()
        )
        text = POLICY.format(
            rollout=rollout,
            subscription=SUBSCRIPTION,
            services=", ".join(f"{name}: {{{says.get(name, '')}}}" for name in names),
            waves=waves or one,
        )
        (tmp_path / "policy.yaml").write_text(text + more, encoding="utf-8")
        return compile_bundle(load_policy(tmp_path / "policy.yaml"))

    return make


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    """Build a world: a fleet, faults to come, a seed, a wire, a disk, and knobs by name."""

    def make(
        services: int = 1,
        domains: int = 3,
        *,
        faults: Sequence[dict[str, Any]] = (),
        seed: int = 0,
        wire: Wire | None = None,
        sync_s: float = 0.0,
        **knobs: Any,
    ) -> World:
        put_together = partial(make_kit, RunSettings("http://127.0.0.1:1", tmp_path))
        fleet = FleetPlan(services, domains)
        world = World(put_together, fleet, Knobs(**knobs), seed, wire=wire, sync_s=sync_s)
        world.fabric.set_faults(read_faults(list(faults)))
        return world

    return make


@pytest.fixture
def recorded() -> Callable[..., list[Entry]]:
    """Read the durable entries of a world, of one service if one is named."""

    def read(world: World, service: str | None = None) -> list[Entry]:
        found: list[Entry] = []
        position = 0
        while records := loop.run(world.journal.read_after(position, 500)):
            found += [record.entry for record in records]
            position = records[-1].position
        return [entry for entry in found if service is None or f"/{service}#" in entry.stream]

    return read


def ran(world: World, *plans: Compiled) -> list[Result | None]:
    """Carry several rollouts out beside each other in one life; gives how each of them ended."""

    async def all_of_them(parts: Parts) -> list[Result | None]:
        async with parts.engine.at_work(), asyncio.TaskGroup() as group:
            tasks = [group.create_task(carry_out(parts, plan), name=plan.plan.rollout) for plan in plans]
        return [task.result() for task in tasks]

    results = world.live(all_of_them).result
    assert results is not None
    return results


async def taken_back(
    parts: Parts, plan: Compiled, once: Callable[[Entry], ServiceName | None], *, after_s: float = 0.0
) -> None:
    """Carry a rollout out, and have the first service that `once` names taken back by a person, so much later."""
    named: asyncio.Future[ServiceName] = asyncio.get_running_loop().create_future()

    def hear(records: Sequence[Recorded]) -> None:
        for service in filter(None, (once(each.entry) for each in records)):
            if not named.done():
                named.set_result(service)

    async def word() -> None:
        service = await named
        await asyncio.sleep(after_s)
        back = Command("k", Verb.ROLLBACK, "ann", "no more of it")
        await parts.engine.say(Ask(plan.plan.rollout, service, back))

    parts.kit.ledger.listen(hear)
    await open_unless_known(parts, plan)
    async with asyncio.TaskGroup() as group:
        group.create_task(word(), name="ann")
        group.create_task(parts.engine.run(plan.plan.rollout), name="rollout")
