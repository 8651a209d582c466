"""What the engine may rely on of any platform: one suite, run over each of them in a world of its own.

A platform joins by one entry in `WORLDS`: a context that gives a `World`. Nothing here knows how one speaks.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import msgspec
import pytest
from aiohttp import web

from rollout.core.names import Digest, ServiceName, Slot, Target
from rollout.core.operation import (
    ActOnInstance,
    CapturePackage,
    Create,
    ExtensionUse,
    Extras,
    InstanceVerb,
    Mode,
    Operation,
    RollBack,
    RollbackMode,
    SetStatus,
    StartConfigure,
    StartUpgrade,
    SwapSlots,
    Walk,
)
from rollout.core.outcome import (
    Accepted,
    Failed,
    Handle,
    Lost,
    Progress,
    Refused,
    RefusedKind,
    Running,
    Succeeded,
    Unknown,
    Unreachable,
)
from rollout.core.prepare import Drawn, Order, Unfeasible
from rollout.core.snapshot import Absent, Activity, Snapshot
from rollout.emulator.fabric import EPOCH, Fabric
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import ROLE, SUBSCRIPTION, FleetPlan, configuration, populate
from rollout.emulator.request_ids import RequestIds
from rollout.emulator.server import make_app, serve
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.classic.vocabulary import Slot as FabricSlot
from rollout.platforms.platform import ListsRunning, Platform, PollsMany
from rollout.simulation.direct import DirectPlatform
from rollout.simulation.host import Host
from rollout.simulation.http_lane import PipeConnector
from rollout.simulation.network import Network, SteadyNetwork
from rollout.simulation.wire import SteadyWire

DOMAINS: Final = 3
STEP_S: Final = 60.0
STEPS_MAX: Final = 200
NEW: Final = "new release [ro:0123456789ab]"
PACKAGE: Final = Digest("a" * 64)
CONFIGURATION: Final = Digest("b" * 64)
STRANGE: Final = Digest("c" * 64)
CONTAINER: Final = Digest("d" * 64)
SHELF: Final = {
    PACKAGE: b"https://relstore.blob.example/web-2.4.1.cspkg?sv=1&sig=x",
    CONFIGURATION: configuration("svc-0001", "web-2.4.1", DOMAINS),
    STRANGE: configuration("svc-0001", "web-2.4.1", DOMAINS).replace(ROLE.encode(), b"OtherRole"),
    CONTAINER: b"https://relstore.blob.example/old?sv=1&sig=x",
}
EXTRAS: Final = Extras({"Ticket": "OPS-311"}, (ExtensionUse("RDP", "disable", ROLE),))
INSTANCE: Final = f"{ROLE}_IN_1"
CONFIGURE: Final = StartConfigure(CONFIGURATION, key="", extras=EXTRAS)
SMALL: Final[dict[str, Operation]] = {
    "swap": SwapSlots("svc-0001-production", "svc-0001-staging"),
    "status": SetStatus(running=False),
    "reboot": ActOnInstance(InstanceVerb.REBOOT, INSTANCE),
    "reimage": ActOnInstance(InstanceVerb.REIMAGE, INSTANCE),
    "rebuild": ActOnInstance(InstanceVerb.REBUILD, INSTANCE),
    "package": CapturePackage(CONTAINER),
}
"""What is done in one call, by the emulator's name for it."""


@dataclass(frozen=True)
class World:
    """One platform over services of `DOMAINS` domains, both slots ready, and with no change in flight."""

    platform: Platform
    target: Target
    """In production."""
    staged: Target
    """The deployment beside it."""
    empty: Target
    """The empty staging slot of another service."""
    begin: Operation
    """Starts a change whose release is `NEW`."""
    pass_time: Callable[[float], None]
    wall: Callable[[], float]
    """POSIX seconds UTC in this world."""
    spoil: Callable[[str, str], None]
    """Let something go wrong with the next call of a verb, both in the emulator's words."""
    copied: Callable[[], frozenset[str]]
    """Where packages were copied to, without signatures."""


@dataclass
class Asked:
    """A ticket."""

    wanted: bool = True
    key: str = "contract/svc#1/1"
    timeout_s: float = 10.0

    def still_wanted(self) -> bool:
        return self.wanted


class Shelf:
    """The payloads of the changes."""

    async def payload(self, digest: Digest) -> bytes:
        return SHELF[digest]


class Seconds:
    """Time that only the test moves on."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return self.passed

    def wall(self) -> float:
        return EPOCH.timestamp() + self.passed

    def pass_by(self, seconds: float) -> None:
        self.passed += seconds


def populated(seconds: Seconds) -> Fabric:
    """Give a fabric of two services, the second of them without a deployment in staging."""
    fabric = Fabric(seconds)
    populate(fabric, FleetPlan(services=2, domains=DOMAINS, staging=True))
    del fabric.world.services["svc-0002"].slots[FabricSlot.STAGING]
    return fabric


def world_of(platform: Platform, fabric: Fabric, seconds: Seconds) -> World:
    service = ServiceName("svc-0001")
    return World(
        platform=platform,
        target=Target(SUBSCRIPTION, service, Slot.PRODUCTION),
        staged=Target(SUBSCRIPTION, service, Slot.STAGING),
        empty=Target(SUBSCRIPTION, ServiceName("svc-0002"), Slot.STAGING),
        begin=StartUpgrade(PACKAGE, CONFIGURATION, NEW, {ROLE: DOMAINS}),
        pass_time=seconds.pass_by,
        wall=seconds.wall,
        spoil=lambda verb, effect: fabric.set_faults(read_faults([{"verb": verb, "effect": effect}])),
        copied=lambda: frozenset(fabric.world.packages),
    )


@asynccontextmanager
async def classic() -> AsyncIterator[World]:
    """Give the classic platform before the embedded emulator, whose time the test alone moves on."""
    seconds = Seconds()
    fabric = populated(seconds)
    async with serve(fabric) as url:
        platform = ClassicPlatform(url, Shelf(), wall=seconds.wall)
        yield world_of(platform, fabric, seconds)
        await platform.close()


@asynccontextmanager
async def direct() -> AsyncIterator[World]:
    """Give the simulation's platform straight on the fabric, on a wire that takes no time."""
    seconds = Seconds()
    fabric = populated(seconds)
    wire = SteadyWire(lambda: 0.0, low_s=0.0, high_s=0.0)
    yield world_of(DirectPlatform(fabric, Shelf(), wire, RequestIds(0)), fabric, seconds)


class Immortal:
    """A caller that passes every moment."""

    killed = False

    def passes(self, about: str, at_death: Callable[[], object] | None = None) -> bool:
        del about, at_death
        return True


@asynccontextmanager
async def in_memory() -> AsyncIterator[World]:
    """Give the classic platform before the emulator's application, joined by pipes in memory instead of sockets."""
    seconds = Seconds()
    loop = asyncio.get_running_loop()
    fabric = populated(seconds)
    host = Host(loop.time, loop.call_at)
    runner = web.AppRunner(make_app(fabric), access_log=None)
    await loop.run_in_executor(None, host.begin, runner.setup())
    network = Network(
        host,
        lambda: web.Server.__call__(runner.server),  # type: ignore[arg-type] # it is set up above
        SteadyNetwork(lambda: 0.0, low_s=0.0, high_s=0.0),
        time=loop.time,
        at=loop.call_at,
        late_s=0.0,
    )
    connect = partial(network.connect, Immortal())
    platform = ClassicPlatform(
        "http://127.0.0.1:8080",
        Shelf(),
        wall=seconds.wall,
        connectors=lambda _context, most, keep: PipeConnector(connect, most, keep=keep),
    )
    yield world_of(platform, fabric, seconds)
    await platform.close()
    host.close()


WORLDS: Final[dict[str, Callable[[], AbstractAsyncContextManager[World]]]] = {
    "classic": classic,
    "direct": direct,
    "in memory": in_memory,
}


@pytest.fixture(params=sorted(WORLDS))
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with WORLDS[request.param]() as made:
        yield made


async def seen(world: World, target: Target | None = None) -> Snapshot:
    """Look, and expect a deployment."""
    observation = await world.platform.observe(target or world.target)
    assert isinstance(observation, Snapshot), observation
    return observation


async def accepted(world: World, operation: Operation, target: Target | None = None) -> Handle:
    """Ask, and expect acceptance."""
    outcome = await world.platform.submit(target or world.target, operation, Asked())
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


async def until(world: World, settled: Callable[[Snapshot], bool], target: Target | None = None) -> Snapshot:
    """Look until the deployment is as wanted."""
    for _ in range(STEPS_MAX):
        snapshot = await seen(world, target)
        if settled(snapshot):
            return snapshot
        world.pass_time(STEP_S)
    raise AssertionError("the deployment never settled")


async def begun(world: World, begin: Operation | None = None) -> Snapshot:
    """Start a change and give the deployment as it waits for the first walk."""
    handle = await accepted(world, begin or world.begin)
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
    for operation in (world.begin, CONFIGURE, Walk(0), RollBack(), *SMALL.values()):
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


async def test_a_platform_asked_about_many_at_once_says_of_each_once_what_poll_would_have_said(world: World) -> None:
    if not isinstance(world.platform, PollsMany):
        pytest.skip("this platform is asked about one operation at a time")
    begun_by = await accepted(world, world.begin)
    assert isinstance(await ended(world, begun_by), Succeeded)
    walk = await accepted(world, Walk(0))
    handles = [Handle(begun_by.scope, "f" * 32), walk, begun_by]
    answers = await asked_at_once(world.platform, handles)
    assert [type(answer) for answer in answers] == [Unknown, Running, Succeeded]
    assert answers == [await world.platform.poll(handle) for handle in handles]


async def asked_at_once(platform: PollsMany, handles: list[Handle]) -> list[Progress]:
    """Ask about all of them, and expect one answer each, none of it before the question returned."""
    told: dict[int, list[Progress]] = {}
    every = asyncio.get_running_loop().create_future()

    def on_result(positions: Sequence[int], progress: Progress) -> None:
        for position in positions:
            told.setdefault(position, []).append(progress)
        if len(told) == len(handles):
            every.set_result(None)

    async with platform.polling() as poll_many:
        poll_many(handles[0].scope, handles, on_result)
        assert not told
        await every
        await asyncio.sleep(0)
    assert [len(told[position]) for position in range(len(handles))] == [1] * len(handles)
    return [told[position][0] for position in range(len(handles))]


async def test_a_platform_that_lists_what_runs_names_a_change_until_it_has_ended(world: World) -> None:
    if not isinstance(world.platform, ListsRunning):
        pytest.skip("this platform polls each operation by itself")
    scope, since = world.platform.write_scope(world.target), world.wall()
    assert await listed(world.platform, scope, since) == set()
    handle = await accepted(world, world.begin)
    assert await listed(world.platform, scope, since) == {handle.id}
    assert isinstance(await ended(world, handle), Succeeded)
    assert await listed(world.platform, scope, since) == set()


async def listed(platform: ListsRunning, scope: str, since: float) -> set[str]:
    """List what runs, page by page, and expect a whole listing."""
    ids: set[str] = set()
    async for page in platform.running(scope, since):
        assert not isinstance(page, Unreachable), page
        ids |= page
    return ids


# --- changes of configuration ---


async def test_a_change_of_configuration_is_walked_and_shows_its_key_under_the_same_release(world: World) -> None:
    before = await seen(world)
    drawn = await world.platform.prepare(Order(deployed=CONFIGURATION, counts={ROLE: DOMAINS}))
    assert isinstance(drawn, Drawn)
    snapshot = await begun(world, CONFIGURE)
    assert before.key != snapshot.key == drawn.key
    for domain in range(DOMAINS):
        await walked(world, domain)
    final = await until(world, lambda now: now.change is None and now.all_ready)
    assert (final.key, final.release, final.deployment) == (drawn.key, before.release, before.deployment)


async def test_a_change_of_configuration_is_taken_back_to_the_key_before(world: World) -> None:
    before = await seen(world)
    await begun(world, CONFIGURE)
    await walked(world, 0)
    await ended(world, await accepted(world, RollBack()))
    after = await until(world, lambda now: now.change is None and now.all_ready)
    assert (after.key, after.configuration) == (before.key, before.configuration)


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.SIMULTANEOUS])
async def test_a_change_that_the_platform_walks_ends_by_itself(world: World, mode: Mode) -> None:
    upgrade = StartUpgrade(PACKAGE, CONFIGURATION, NEW, {}, force=True, role=ROLE, mode=mode, extras=EXTRAS)
    handle = await accepted(world, upgrade)
    snapshot = await until(world, lambda now: now.change is not None)
    assert snapshot.change is not None
    assert not snapshot.change.manual
    assert isinstance(await ended(world, handle), Succeeded)
    final = await until(world, lambda now: now.change is None and now.all_ready)
    assert final.release == NEW


async def test_a_manual_rollback_waits_for_its_walks(world: World) -> None:
    before = await seen(world)
    await begun(world)
    await walked(world, 0)
    await accepted(world, RollBack(RollbackMode.MANUAL))
    await until(world, lambda now: not now.locked and now.release == before.release)
    for domain in range(DOMAINS):
        await walked(world, domain)
    assert (await until(world, lambda now: now.change is None and now.all_ready)).release == before.release


async def test_a_configuration_of_other_roles_is_refused_in_words(world: World) -> None:
    outcome = await refused(world, StartConfigure(STRANGE, key=""))
    assert outcome.kind is RefusedKind.REJECTED
    assert outcome.error.startswith("HTTP 400 BadRequest: The configuration names the roles OtherRole")


# --- slots ---


async def test_a_deployment_is_created_in_an_empty_slot_and_comes_up(world: World) -> None:
    assert isinstance(await world.platform.observe(world.empty), Absent)
    create = Create("svc-0002-web-2.4.1", PACKAGE, CONFIGURATION, NEW, EXTRAS)
    handle = await accepted(world, create, world.empty)
    first = await seen(world, world.empty)
    assert (first.instances, first.configuration, first.key, first.activity) == ((), b"", "", Activity.OTHER)
    assert isinstance(await ended(world, handle), Succeeded)
    final = await until(world, lambda now: now.activity is Activity.RUNNING and now.all_ready, world.empty)
    assert (final.deployment, final.release, final.domain_count) == (create.name, NEW, DOMAINS)
    assert len(final.private_id) == 32


async def test_a_slot_that_is_occupied_takes_no_other_deployment(world: World) -> None:
    before = await seen(world, world.staged)
    create = Create("svc-0001-other", PACKAGE, CONFIGURATION, NEW)
    outcome = await world.platform.submit(world.staged, create, Asked())
    assert isinstance(outcome, Refused)
    assert (outcome.kind, outcome.error) == (
        RefusedKind.REJECTED,
        "HTTP 409 ConflictError: The specified deployment slot Staging is occupied.",
    )
    assert bare(await seen(world, world.staged)) == bare(before)


async def test_a_swap_exchanges_the_slots_and_cannot_be_repeated(world: World) -> None:
    before, staged = await seen(world), await seen(world, world.staged)
    assert isinstance(await ended(world, await accepted(world, SMALL["swap"])), Succeeded)
    assert (await seen(world)).deployment == staged.deployment
    assert (await seen(world, world.staged)).deployment == before.deployment
    outcome = await refused(world, SMALL["swap"])
    assert outcome.kind is RefusedKind.REJECTED
    assert outcome.error.startswith("HTTP 409 ConflictError")


async def test_a_swap_into_an_empty_slot_names_no_production(world: World) -> None:
    moved = SwapSlots(None, "svc-0002-production")
    await ended(world, await accepted(world, moved, world.empty))
    assert (await seen(world, world.empty)).deployment == "svc-0002-production"


# --- status, instances, packages ---


async def test_a_deployment_is_suspended_and_runs_again(world: World) -> None:
    for running, activity in ((False, Activity.SUSPENDED), (True, Activity.RUNNING)):
        assert isinstance(await ended(world, await accepted(world, SetStatus(running=running))), Succeeded)
        snapshot = await seen(world)
        assert snapshot.activity is activity
        assert not any(instance.ready for instance in snapshot.instances) or running
    await until(world, lambda now: now.all_ready)


@pytest.mark.parametrize("verb", InstanceVerb)
async def test_one_instance_goes_down_and_comes_up_with_what_it_ran(world: World, verb: InstanceVerb) -> None:
    before = await seen(world)
    handle = await accepted(world, ActOnInstance(verb, INSTANCE))
    assert [instance.name for instance in (await seen(world)).instances if not instance.ready] == [INSTANCE]
    assert isinstance(await ended(world, handle), Succeeded)
    after = await until(world, lambda now: now.all_ready)
    assert bare(after) == bare(before)


async def test_an_instance_nobody_knows_is_refused_in_words(world: World) -> None:
    outcome = await refused(world, ActOnInstance(InstanceVerb.REBOOT, f"{ROLE}_IN_99"))
    assert outcome.kind is RefusedKind.REJECTED
    assert outcome.error == f"HTTP 404 ResourceNotFound: The role instance '{ROLE}_IN_99' does not exist."


async def test_the_running_package_is_copied_to_where_prepare_says_and_again_over_it(world: World) -> None:
    shown = await seen(world)
    drawn = await world.platform.prepare(Order(CONFIGURATION, container=CONTAINER, private_id=shown.private_id))
    assert isinstance(drawn, Drawn)
    assert drawn.captured is not None
    address, mark, signature = drawn.captured.decode().partition("?")
    for _ in range(2):
        assert isinstance(await ended(world, await accepted(world, SMALL["package"])), Succeeded)
        assert address in world.copied()
    assert (mark, signature) == ("?", "sv=1&sig=x")


# --- what goes wrong with any of them ---


@pytest.mark.parametrize("verb", SMALL)
async def test_a_lost_answer_is_lost_whether_or_not_the_call_had_an_effect(world: World, verb: str) -> None:
    marks = []
    for effect in ("lose_before", "lose_after"):
        world.spoil(verb, effect)
        assert isinstance(await world.platform.submit(world.target, SMALL[verb], Asked()), Lost)
        for _ in range(20):
            world.pass_time(STEP_S / 4)
            marks.append((effect, bare(await seen(world)), world.copied()))
    before, after = ({mark[1:] for mark in marks if mark[0] == effect} for effect in ("lose_before", "lose_after"))
    assert len(before) == 1
    assert after - before


@pytest.mark.parametrize("verb", SMALL)
async def test_what_is_busy_throttled_or_no_longer_wanted_changes_nothing(world: World, verb: str) -> None:
    for effect, kind in (("409", RefusedKind.BUSY), ("503", RefusedKind.THROTTLED), ("307", RefusedKind.REJECTED)):
        world.spoil(verb, effect)
        assert (await refused(world, SMALL[verb])).kind is kind
    assert (await refused(world, SMALL[verb], wanted=False)).kind is RefusedKind.NOT_SENT


@pytest.mark.parametrize("verb", SMALL)
async def test_what_fails_later_is_told_by_its_handle(world: World, verb: str) -> None:
    before = await seen(world)
    world.spoil(verb, "fail")
    assert isinstance(await ended(world, await accepted(world, SMALL[verb])), Failed)
    assert bare(await until(world, lambda now: not now.locked)) == bare(before)


async def test_an_upgrade_that_would_lose_data_is_refused_unless_it_is_forced(world: World) -> None:
    world.spoil("upgrade", "data_loss")
    assert "it is applied with Force only" in (await refused(world, world.begin)).error
    world.spoil("upgrade", "data_loss")
    assert isinstance(world.begin, StartUpgrade)
    await accepted(world, msgspec.structs.replace(world.begin, force=True))


# --- what is made ready before a change ---


async def test_a_setting_is_put_into_what_is_deployed(world: World) -> None:
    drawn = await world.platform.prepare(Order(CONFIGURATION, settings={f"{ROLE}/Release": "web-9"}))
    plain = await world.platform.prepare(Order(CONFIGURATION))
    assert isinstance(drawn, Drawn)
    assert isinstance(plain, Drawn)
    assert b'value="web-9"' in drawn.document
    assert drawn.key != plain.key
    assert plain.document == SHELF[CONFIGURATION]


async def test_what_cannot_be_made_is_said_in_words(world: World) -> None:
    order = Order(CONFIGURATION, settings={f"{ROLE}/Relaese": "web-9"})
    assert await world.platform.prepare(order) == Unfeasible(
        "the deployed service configuration cannot be changed so: "
        f"role `{ROLE}` has no setting `Relaese`; did you mean `Release`?"
    )
