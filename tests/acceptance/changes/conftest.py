"""Every kind of change, with plans put together by hand, on the direct lane: judged by the fabric's log and state."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from rollout.assembly import make_kit
from rollout.core.change_plan import (
    Barrier,
    ChangePlan,
    ConfigurePlan,
    ForeignPlan,
    InstancePlan,
    RollbackPlan,
    StatusPlan,
    SwapPlan,
    UpgradePlan,
)
from rollout.core.check_plan import CheckPlan
from rollout.core.compile import Compiled
from rollout.core.explain import explain
from rollout.core.names import Digest, RolloutId, ServiceName, Slot, Target
from rollout.core.operation import InstanceVerb, Mode
from rollout.core.phase import domain_of
from rollout.core.plan import HealthPlan, OnFailure, RolloutPlan, ServicePlan, WalkPlan, WavePlan
from rollout.core.result import Result
from rollout.core.service import ServiceRollout
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Deployment
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import ROLE, SUBSCRIPTION, FleetPlan, configuration
from rollout.emulator.knobs import Knobs
from rollout.emulator.strangers import expect, read_strangers
from rollout.engine.engine import Engine
from rollout.platforms.classic.vocabulary import InstanceStatus
from rollout.platforms.classic.vocabulary import Slot as Place
from rollout.settings import RunSettings
from rollout.simulation.world import Parts, World, carry_out

ROLLOUT = RolloutId("web-2.4.1")
DOMAINS: Final = 3
OLD_SETTING: Final = b'name="Release" value="web-2.4.0"'


def digest(payload: bytes) -> Digest:
    return Digest(hashlib.sha256(payload).hexdigest())


PACKAGE = b"https://relstore.blob.example/web-2.4.1.cspkg"
OLD_PACKAGE = b"https://relstore.blob.example/web-2.4.0.cspkg"
CONTAINER = b"https://relstore.blob.example/copies"
CONFIGURATION = configuration("web", "web-2.4.1", DOMAINS)
PAYLOADS = (b"policy", PACKAGE, OLD_PACKAGE, CONTAINER, CONFIGURATION)

UPGRADE = UpgradePlan(digest(PACKAGE), PACKAGE.decode(), digest(CONFIGURATION), "web-2.4.1")
CONFIGURE = ConfigurePlan(settings={f"{ROLE}/Release": "web-9"})
SWAP = SwapPlan(bake_s=60.0, keep_previous_s=3600.0)
CHANGES: dict[str, ChangePlan] = {
    "upgrade": UPGRADE,
    "upgrade_auto": replace(UPGRADE, mode=Mode.AUTO),
    "upgrade_simultaneous": replace(UPGRADE, mode=Mode.SIMULTANEOUS),
    "configure": CONFIGURE,
    "configure_file": ConfigurePlan(configuration=digest(CONFIGURATION)),
    "configure_auto": replace(CONFIGURE, mode=Mode.AUTO),
    "swap": SWAP,
    "swap_into_empty": SWAP,
    "staged_swap": replace(SWAP, upgrade=UPGRADE, barrier=Barrier.NONE),
    "created_swap": replace(SWAP, upgrade=UPGRADE, barrier=Barrier.NONE),
    "suspend": StatusPlan(running=False),
    "start": StatusPlan(running=True),
    "reboot": InstancePlan(InstanceVerb.REBOOT, f"{ROLE}_IN_1"),
}
WAYS_BACK: dict[str, RollbackPlan] = {
    "none": RollbackPlan(),
    "package": RollbackPlan(package=digest(OLD_PACKAGE), package_shown=OLD_PACKAGE.decode()),
    "copy": RollbackPlan(capture=digest(CONTAINER), capture_shown=CONTAINER.decode()),
}


def plan_of(
    kind: str,
    on_failure: str = "rollback",
    *,
    service: str = "svc-0001",
    way_back: str | RollbackPlan = "none",
    foreign: ForeignPlan = ForeignPlan(),  # noqa: B008 - frozen
    health: HealthPlan | None = None,
    walk: WalkPlan | None = None,
    timeouts_s: float = 1800.0,
) -> ServicePlan:
    change = CHANGES[kind]
    return ServicePlan(
        rollout=ROLLOUT,
        target=Target(
            SUBSCRIPTION, ServiceName(service), Slot.STAGING if isinstance(change, SwapPlan) else Slot.PRODUCTION
        ),
        change=change,
        health=health or HealthPlan(0.0, 30.0, 120.0, 15.0, (CheckPlan("instances", "instances", 10.0),)),
        walk=walk or WalkPlan(60.0, 1500.0, allow_no_rollback=False),
        begin_timeout_s=timeouts_s,
        timeout_s=86_400.0,
        on_failure=OnFailure(on_failure),
        rollback=WAYS_BACK[way_back] if isinstance(way_back, str) else way_back,
        status_timeout_s=timeouts_s,
        foreign=foreign,
    )


def compiled(plans: Sequence[ServicePlan]) -> Compiled:
    """Put plans into one rollout of one wave."""
    wave = WavePlan("rest", tuple(plan.service for plan in plans), len(plans), 0, strict=False)
    own = RolloutPlan(ROLLOUT, digest(PAYLOADS[0]), digest(b"documents"), (wave,))
    return Compiled(own, tuple(plans), PAYLOADS, PAYLOADS[0].decode())


Happening = Callable[[Fabric], None]


def prepare(fabric: Fabric, kind: str) -> None:
    """Bring the fleet to where a change of this kind begins."""
    for service in fabric.world.services.values():
        if kind == "created_swap":
            del service.slots[Place.STAGING]
        elif kind == "swap_into_empty":
            del service.slots[Place.PRODUCTION]
        elif kind == "start":
            service.slots[Place.PRODUCTION].running = False


def hearer(engine: Engine, fabric: Fabric, to_come: dict[str, Happening]) -> Callable[[object], None]:
    """Give what hears of every entry, and lets each happening happen once: where a service comes to its phase."""

    def hear(_: object) -> None:
        for state in engine.services(ROLLOUT).values():
            phase = type(state.phase).__name__
            for name in (phase, f"{phase} {domain_of(state.phase)}"):
                if (happens := to_come.pop(name, None)) is not None:
                    happens(fabric)

    return hear


class Truth:
    """What the fabric knows of one service."""

    def __init__(self, fabric: Fabric, service: str = "svc-0001") -> None:
        self._fabric, self._service = fabric, service

    @property
    def log(self) -> list[tuple[str, int | None]]:
        """What happened to it, in order; whoever did it."""
        return [(each.verb.value, each.domain) for each in self._fabric.log() if each.service == self._service]

    @property
    def slots(self) -> dict[str, Deployment]:
        return {slot.lower(): each for slot, each in self._fabric.service(self._service).slots.items()}

    @property
    def names(self) -> dict[str, str]:
        """Which deployment stands where; one that was created by us is `created`."""
        ours = (f"{self._service}-production", f"{self._service}-staging")
        return {
            slot: each.name.removeprefix(f"{self._service}-") if each.name in ours else "created"
            for slot, each in self.slots.items()
        }

    @property
    def running(self) -> dict[str, bool]:
        return {slot: each.running for slot, each in self.slots.items()}

    @property
    def ready(self) -> bool:
        """Nothing is under way in production, and every instance there is well."""
        production, now = self.slots["production"], self._fabric.now()
        phases = [production.instance_phases(each, now)[0] for each in production.instances]
        return production.change is None and production.lock is None and set(phases) == {InstanceStatus.READY}

    def new_in(self, slot: str) -> int:
        """Count the instances there that run anything of the new version."""
        return sum(
            each.release.package_url == PACKAGE.decode() or OLD_SETTING not in each.release.configuration
            for each in (self.slots[slot].instances if slot in self.slots else ())
        )


@dataclass(frozen=True)
class Stood:
    """How the slots stood before anything was done."""

    names: dict[str, str]
    running: dict[str, bool]


@dataclass
class Trial:
    """One service rollout that is over, or goes on only by a word."""

    world: World
    rollout: Compiled
    before: Stood
    result: Result | None
    state: ServiceRollout
    why: str
    truth: Truth = field(init=False)

    def __post_init__(self) -> None:
        self.truth = Truth(self.world.fabric)

    @property
    def end(self) -> str:
        """How it ended, or the phase it waits in."""
        return self.state.ended.outcome.value if self.state.ended else type(self.state.phase).__name__


def dies_in(slot: str) -> Happening:
    """Let the first instance there go down and stay down; nobody asked for that, so no log tells of it."""

    def happens(fabric: Fabric) -> None:
        instance = fabric.service("svc-0001").slots[Place(slot.title())].instances[0]
        instance.restart(fabric.now(), 1.0, sick=True, release=instance.release)

    return happens


def visited(effect: str, slot: str = "production") -> Happening:
    """Let a stranger do something there at that moment."""
    visit = {"service": "svc-0001", "effect": effect, "slot": slot}
    return lambda fabric: expect(fabric, read_strangers([visit]))


def meets(*faults: dict[str, Any]) -> Happening:
    """Let these faults come from that moment on."""
    return lambda fabric: fabric.set_faults(read_faults(list(faults)))


@dataclass
class Lane:
    """Plays rollouts on the direct lane; the same arguments give the same world."""

    folder: Path

    # What tests on other lanes use too.
    plan_of = staticmethod(plan_of)
    compiled = staticmethod(compiled)
    prepare = staticmethod(prepare)
    dies_in = staticmethod(dies_in)
    meets = staticmethod(meets)
    visited = staticmethod(visited)
    hearer = staticmethod(hearer)
    truth_of = staticmethod(Truth)

    def world(
        self,
        kind: str,
        *,
        faults: Sequence[dict[str, Any]] = (),
        strangers: Sequence[dict[str, Any]] = (),
        knobs: dict[str, Any] | None = None,
        services: int = 1,
        seed: int = 5,
    ) -> World:
        settings = RunSettings("https://rehearsal.invalid", self.folder)
        kit = functools.partial(make_kit, settings)
        world = World(kit, FleetPlan(services, DOMAINS, staging=True), Knobs(**(knobs or {})), seed=seed)
        world.inbox_poll_s = 1.0
        prepare(world.fabric, kind)
        world.fabric.set_faults(read_faults(list(faults)))
        expect(world.fabric, read_strangers(list(strangers)))
        return world

    def play(
        self,
        kind: str,
        on_failure: str = "rollback",
        *,
        way_back: str | RollbackPlan = "none",
        foreign: ForeignPlan = ForeignPlan(),  # noqa: B008 - frozen
        health: HealthPlan | None = None,
        when: dict[str, Happening] | None = None,
        **world: Any,
    ) -> Trial:
        """Carry one service rollout out; `when` = what happens at the moment at which it comes to a phase."""
        plan = plan_of(kind, on_failure, way_back=way_back, foreign=foreign, health=health)
        return self.carry_out(self.world(kind, **world), compiled([plan]), when or {})

    def carry_out(self, world: World, rollout: Compiled, when: dict[str, Happening]) -> Trial:
        to_come, truth = dict(when), Truth(world.fabric)
        before = Stood(truth.names, truth.running)

        async def main(parts: Parts) -> tuple[Result | None, ServiceRollout, str]:
            parts.kit.ledger.listen(hearer(parts.engine, world.fabric, to_come))
            result = await carry_out(parts, rollout)
            (state,) = parts.engine.services(ROLLOUT).values()
            return result, state, explain(state, parts.kit.clock.now())

        life = world.live(main)
        assert life.result is not None
        assert not to_come, f"it never came to {', '.join(to_come)}"
        return Trial(world, rollout, before, *life.result)

    def again(self, trial: Trial, *, after_s: float) -> Trial:
        """Start another engine on it after a time without any."""
        trial.world.pass_by(after_s)
        return self.carry_out(trial.world, trial.rollout, {})


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path)
