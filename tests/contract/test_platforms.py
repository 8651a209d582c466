"""What the engine may rely on of any platform: one suite, run over each of them in a world of its own.

A platform joins by one entry in `WORLDS`: a context that gives a `World`. Nothing here knows how one speaks.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import pytest

from rollout.core.names import Digest, ServiceName, Slot, Target
from rollout.core.operation import Operation, RollBack, StartUpgrade, Walk
from rollout.core.outcome import Accepted, Failed, Handle, Refused, RefusedKind, Running, Succeeded, Unknown
from rollout.core.snapshot import Absent, Snapshot
from rollout.emulator.fabric import EPOCH, Fabric
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration, populate
from rollout.emulator.request_ids import RequestIds
from rollout.emulator.server import serve
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.platform import ListsRunning, Platform
from rollout.simulation.direct import DirectPlatform
from rollout.simulation.wire import SteadyWire

DOMAINS: Final = 3
STEP_S: Final = 60.0
STEPS_MAX: Final = 200
NEW: Final = "new release [ro:0123456789ab]"
PACKAGE: Final = Digest("a" * 64)
CONFIGURATION: Final = Digest("b" * 64)


@dataclass(frozen=True)
class World:
    """One platform over one service of `DOMAINS` domains, in production, ready, and with no change in flight."""

    platform: Platform
    target: Target
    begin: Operation
    """Starts a change whose release is `NEW`."""
    pass_time: Callable[[float], None]
    wall: Callable[[], float]
    """POSIX seconds UTC in this world."""


@dataclass
class Asked:
    """A ticket."""

    wanted: bool = True
    key: str = "contract/svc#1/1"
    timeout_s: float = 10.0

    def still_wanted(self) -> bool:
        return self.wanted


class Shelf:
    """The two payloads of the change."""

    async def payload(self, digest: Digest) -> bytes:
        return {
            PACKAGE: b"https://relstore.blob.example/web-2.4.1.cspkg?sv=1&sig=x",
            CONFIGURATION: configuration("svc-0001", "web-2.4.1", DOMAINS),
        }[digest]


@asynccontextmanager
async def classic() -> AsyncIterator[World]:
    """Give the classic platform before the embedded emulator, whose time the test alone moves on."""
    seconds = 0.0

    def pass_time(by: float) -> None:
        nonlocal seconds
        seconds += by

    def wall() -> float:
        return EPOCH.timestamp() + seconds

    fabric = Fabric(lambda: seconds)
    populate(fabric, FleetPlan(services=1, domains=DOMAINS))
    async with serve(fabric) as url:
        platform = ClassicPlatform(url, Shelf(), wall=wall)
        yield World(
            platform=platform,
            target=Target(SUBSCRIPTION, ServiceName("svc-0001"), Slot.PRODUCTION),
            begin=StartUpgrade(PACKAGE, CONFIGURATION, NEW, {"WebRole1": DOMAINS}),
            pass_time=pass_time,
            wall=wall,
        )
        await platform.close()


@asynccontextmanager
async def direct() -> AsyncIterator[World]:
    """Give the simulation's platform straight on the fabric, on a wire that takes no time."""
    seconds = 0.0

    def pass_time(by: float) -> None:
        nonlocal seconds
        seconds += by

    fabric = Fabric(lambda: seconds)
    populate(fabric, FleetPlan(services=1, domains=DOMAINS))
    yield World(
        platform=DirectPlatform(fabric, Shelf(), SteadyWire(lambda: 0.0, low_s=0.0, high_s=0.0), RequestIds(0)),
        target=Target(SUBSCRIPTION, ServiceName("svc-0001"), Slot.PRODUCTION),
        begin=StartUpgrade(PACKAGE, CONFIGURATION, NEW, {"WebRole1": DOMAINS}),
        pass_time=pass_time,
        wall=lambda: EPOCH.timestamp() + seconds,
    )


WORLDS: Final[dict[str, Callable[[], AbstractAsyncContextManager[World]]]] = {"classic": classic, "direct": direct}


@pytest.fixture(params=sorted(WORLDS))
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with WORLDS[request.param]() as made:
        yield made


async def seen(world: World) -> Snapshot:
    """Look, and expect a deployment."""
    observation = await world.platform.observe(world.target)
    assert isinstance(observation, Snapshot), observation
    return observation


async def accepted(world: World, operation: Operation) -> Handle:
    """Ask, and expect acceptance."""
    outcome = await world.platform.submit(world.target, operation, Asked())
    assert isinstance(outcome, Accepted), outcome
    return outcome.handle


async def refused(world: World, operation: Operation, *, wanted: bool = True) -> Refused:
    """Ask, expect a refusal, and that it changed nothing."""
    before = await seen(world)
    outcome = await world.platform.submit(world.target, operation, Asked(wanted=wanted))
    assert isinstance(outcome, Refused), outcome
    assert outcome.error
    assert bare(await seen(world)) == bare(before)
    return outcome


def bare(snapshot: Snapshot) -> Snapshot:
    """Leave out the digest, which covers what nobody compares: dates, for one."""
    return msgspec.structs.replace(snapshot, digest="")


async def ended(world: World, handle: Handle) -> Succeeded | Failed:
    """Follow an operation to its end."""
    for _ in range(STEPS_MAX):
        progress = await world.platform.poll(handle)
        if isinstance(progress, Succeeded | Failed):
            return progress
        assert isinstance(progress, Running | Unknown), progress
        world.pass_time(STEP_S)
    raise AssertionError("the operation never ended")


async def until(world: World, settled: Callable[[Snapshot], bool]) -> Snapshot:
    """Look until the deployment is as wanted."""
    for _ in range(STEPS_MAX):
        snapshot = await seen(world)
        if settled(snapshot):
            return snapshot
        world.pass_time(STEP_S)
    raise AssertionError("the deployment never settled")


async def begun(world: World) -> Snapshot:
    """Start the change and give the deployment as it waits for the first walk."""
    handle = await accepted(world, world.begin)
    snapshot = await until(world, lambda now: now.change is not None and not now.locked)
    assert handle.scope == world.platform.write_scope(world.target)
    return snapshot


async def walked(world: World, domain: int) -> Snapshot:
    """Walk one domain to its end, and wait until its instances are ready again."""
    assert isinstance(await ended(world, await accepted(world, Walk(domain))), Succeeded)
    return await until(world, lambda now: now.domain_ready(domain) and past(now, domain))


def past(snapshot: Snapshot, domain: int) -> bool:
    return snapshot.change is None or snapshot.change.domain > domain


async def test_a_service_at_rest_shows_domains_instances_and_release(world: World) -> None:
    snapshot = await seen(world)
    assert snapshot.domain_count == DOMAINS
    assert {instance.domain for instance in snapshot.instances} == set(range(DOMAINS))
    assert snapshot.all_ready
    assert snapshot.deployment
    assert snapshot.release
    assert (snapshot.change, snapshot.locked) == (None, False)


async def test_looking_twice_at_rest_gives_the_same_digest(world: World) -> None:
    assert (await seen(world)).digest == (await seen(world)).digest


async def test_a_deployment_is_the_same_by_slot_and_by_name(world: World) -> None:
    by_slot = await seen(world)
    by_name = await seen(replace(world, target=msgspec.structs.replace(world.target, deployment=by_slot.deployment)))
    assert by_slot == by_name


async def test_absence_is_said_and_not_guessed(world: World) -> None:
    for changes in ({"service": ServiceName("no-such-service")}, {"deployment": "no-such-deployment"}):
        target = msgspec.structs.replace(world.target, **changes)
        assert isinstance(await world.platform.observe(target), Absent)


async def test_a_begin_waits_for_the_first_walk_and_touches_no_instance(world: World) -> None:
    snapshot = await begun(world)
    assert snapshot.change is not None
    assert (snapshot.change.manual, snapshot.change.domain, snapshot.change.during) == (True, 0, False)
    assert snapshot.release == NEW
    assert snapshot.all_ready
    world.pass_time(10 * STEP_S)
    assert bare(await seen(world)) == bare(snapshot)


async def test_walks_in_order_finish_the_change(world: World) -> None:
    await begun(world)
    for domain in range(DOMAINS):
        snapshot = await walked(world, domain)
    final = await until(world, lambda now: now.change is None and now.all_ready)
    assert (snapshot.domain_count, final.release, final.locked) == (DOMAINS, NEW, False)


async def test_a_walk_takes_down_its_own_domain_only(world: World) -> None:
    await begun(world)
    handle = await accepted(world, Walk(0))
    down: set[int | None] = set()
    for _ in range(STEPS_MAX):
        down |= {instance.domain for instance in (await seen(world)).instances if not instance.ready}
        if isinstance(await world.platform.poll(handle), Succeeded):
            break
        world.pass_time(STEP_S / 4)
    assert down == {0}


async def test_a_walk_out_of_order_is_refused_and_changes_nothing(world: World) -> None:
    await begun(world)
    for domain in range(1, DOMAINS):
        assert (await refused(world, Walk(domain))).kind is RefusedKind.REJECTED


async def test_a_walk_without_a_change_is_refused(world: World) -> None:
    assert (await refused(world, Walk(0))).kind is RefusedKind.REJECTED


async def test_a_walk_while_another_is_under_way_is_refused(world: World) -> None:
    await begun(world)
    await accepted(world, Walk(0))
    assert (await refused(world, Walk(1))).kind in {RefusedKind.BUSY, RefusedKind.REJECTED}


async def test_a_call_while_the_deployment_is_locked_is_busy(world: World) -> None:
    await accepted(world, world.begin)
    assert (await seen(world)).locked
    assert (await refused(world, world.begin)).kind is RefusedKind.BUSY


async def test_a_change_is_taken_back_before_and_between_walks(world: World) -> None:
    before = await seen(world)
    await begun(world)
    await walked(world, 0)
    assert isinstance(await ended(world, await accepted(world, RollBack())), Succeeded)
    after = await until(world, lambda now: now.change is None and now.all_ready)
    assert after.release == before.release


async def test_after_the_last_walk_there_is_nothing_to_take_back(world: World) -> None:
    await begun(world)
    for domain in range(DOMAINS):
        await walked(world, domain)
    await until(world, lambda now: now.change is None and now.all_ready)
    assert (await refused(world, RollBack())).kind is RefusedKind.REJECTED


async def test_what_is_no_longer_wanted_changes_nothing(world: World) -> None:
    assert (await refused(world, world.begin, wanted=False)).kind is RefusedKind.NOT_SENT


async def test_a_deployment_that_is_not_there_refuses_every_operation(world: World) -> None:
    nowhere = msgspec.structs.replace(world.target, service=ServiceName("no-such-service"))
    for operation in (world.begin, Walk(0), RollBack()):
        outcome = await world.platform.submit(nowhere, operation, Asked())
        assert isinstance(outcome, Refused)
        assert outcome.kind is RefusedKind.REJECTED


async def test_an_id_nobody_was_given_is_unknown_and_no_failure(world: World) -> None:
    progress = await world.platform.poll(Handle(world.platform.write_scope(world.target), "f" * 32))
    assert isinstance(progress, Unknown)


async def test_a_handle_outlives_its_platform_as_a_plain_record(world: World) -> None:
    handle = await accepted(world, world.begin)
    again = msgspec.json.decode(msgspec.json.encode(handle), type=Handle)
    assert isinstance(await ended(world, again), Succeeded)


async def test_a_platform_that_lists_what_runs_names_a_change_until_it_has_ended(world: World) -> None:
    if not isinstance(world.platform, ListsRunning):
        pytest.skip("this platform polls each operation by itself")
    scope, since = world.platform.write_scope(world.target), world.wall()
    assert await world.platform.running(scope, since) == frozenset()
    handle = await accepted(world, world.begin)
    assert await world.platform.running(scope, since) == frozenset({handle})
    assert isinstance(await ended(world, handle), Succeeded)
    assert await world.platform.running(scope, since) == frozenset()
