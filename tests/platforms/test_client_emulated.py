"""The client before the emulator, written apart from it: each operation is taken, and does what it says."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from rollout.core.names import ServiceName, Slot, Target
from rollout.core.outcome import Accepted, Failed, Handle, Outcome, Refused, RefusedKind, Succeeded
from rollout.core.snapshot import Absent, Activity, Snapshot
from rollout.emulator.fabric import EPOCH, Fabric
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration, populate
from rollout.emulator.server import serve
from rollout.platforms.classic.client import ClassicClient
from rollout.platforms.classic.decode_service import Availability, CloudService
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.classic.properties import ExtendedProperty
from rollout.platforms.classic.requests.configure import ChangeConfiguration
from rollout.platforms.classic.requests.create import CreateDeployment
from rollout.platforms.classic.requests.delete import DeleteDeployment
from rollout.platforms.classic.requests.deployment import GetDeployment
from rollout.platforms.classic.requests.extension import AddExtension, DeleteExtension, GetExtension, ListExtensions
from rollout.platforms.classic.requests.instance import Renewal, RenewInstance
from rollout.platforms.classic.requests.package import GetPackage
from rollout.platforms.classic.requests.rollback import RollbackUpdateOrUpgrade
from rollout.platforms.classic.requests.service import CheckName, GetService, ListServices
from rollout.platforms.classic.requests.service_change import CreateService, DeleteService, UpdateService
from rollout.platforms.classic.requests.status import UpdateDeploymentStatus
from rollout.platforms.classic.requests.swap import SwapDeployment
from rollout.platforms.classic.requests.upgrade import UpgradeDeployment
from rollout.platforms.classic.requests.walk import WalkUpgradeDomain
from rollout.platforms.classic.vocabulary import Mode

DOMAINS: Final = 2
STEP_S: Final = 120.0
STEPS_MAX: Final = 100
SERVICE: Final = "svc-0001"
PACKAGE: Final = "https://relstore.blob.example/web-2.4.1.cspkg?sv=1&sig=x"
PRODUCTION: Final = Target(SUBSCRIPTION, ServiceName(SERVICE), Slot.PRODUCTION)
STAGING: Final = Target(SUBSCRIPTION, ServiceName(SERVICE), Slot.STAGING, "svc-0001-new")


@dataclass(frozen=True)
class World:
    """A client and a platform before one emulated service, whose time the test alone moves on."""

    platform: ClassicPlatform
    client: ClassicClient
    pass_time: Callable[[float], None]
    ticket: Any
    wall: Callable[[], float]

    async def ended(self, handle: Handle) -> Succeeded | Failed:
        for _ in range(STEPS_MAX):
            progress = await self.client.operation(handle)
            if isinstance(progress, Succeeded | Failed):
                return progress
            self.pass_time(STEP_S)
        raise AssertionError("the operation never ended")

    async def done(self, outcome: Outcome) -> None:
        """Expect acceptance and success, and give instances time to come back."""
        assert isinstance(outcome, Accepted), outcome
        assert await self.ended(outcome.handle) == Succeeded()
        for _ in range(10):
            self.pass_time(STEP_S)

    async def seen(self, target: Target = PRODUCTION) -> Snapshot:
        snapshot = await self.client.deployment(GetDeployment(target=target))
        assert isinstance(snapshot, Snapshot), snapshot
        return snapshot


@pytest.fixture
async def world(kit: Any) -> AsyncIterator[World]:
    seconds = 0.0

    def pass_time(by: float) -> None:
        nonlocal seconds
        seconds += by

    def wall() -> float:
        return EPOCH.timestamp() + seconds

    fabric = Fabric(lambda: seconds)
    populate(fabric, FleetPlan(services=2, domains=DOMAINS))
    async with serve(fabric) as url:
        platform = ClassicPlatform(url, kit.Shelf({}), wall=wall)
        yield World(platform, platform.client(SUBSCRIPTION), pass_time, kit.Ticket(), wall)
        await platform.close()


def upgrade(mode: Mode = Mode.MANUAL, label: str = "web-2.4.1") -> UpgradeDeployment:
    posted = configuration(SERVICE, "web-2.4.1", DOMAINS)
    return UpgradeDeployment(target=PRODUCTION, mode=mode, package_url=PACKAGE, configuration=posted, label=label)


def create(target: Target = STAGING) -> CreateDeployment:
    posted = configuration(SERVICE, "web-2.4.1", DOMAINS)
    return CreateDeployment(target=target, package_url=PACKAGE, configuration=posted, label="web-2.4.1", start=True)


async def test_a_manual_upgrade_is_walked_and_an_automatic_one_walks_itself(world: World) -> None:
    await world.done(await world.client.upgrade(upgrade(), world.ticket))
    for domain in range(DOMAINS):
        change = (await world.seen()).change
        assert change is not None
        assert (change.manual, change.domain) == (True, domain)
        await world.done(await world.client.walk(WalkUpgradeDomain(target=PRODUCTION, domain=domain), world.ticket))
    assert (await world.seen()).change is None
    await world.done(await world.client.upgrade(upgrade(Mode.AUTO, "web-2.4.2"), world.ticket))
    assert (await world.seen()).release == "web-2.4.2"


@pytest.mark.parametrize("by_name", [True, False])
async def test_a_rollback_takes_the_change_back_whichever_status_answers_it(world: World, by_name: bool) -> None:
    before = await world.seen()
    await world.done(await world.client.upgrade(upgrade(), world.ticket))
    target = PRODUCTION if not by_name else Target(SUBSCRIPTION, PRODUCTION.service, Slot.PRODUCTION, before.deployment)
    await world.done(await world.client.rollback(RollbackUpdateOrUpgrade(target=target, mode=Mode.AUTO), world.ticket))
    after = await world.seen()
    assert (after.release, after.change) == (before.release, None)


async def test_a_configuration_change_begins_like_an_upgrade_and_keeps_the_label(world: World) -> None:
    before = await world.seen()
    call = ChangeConfiguration(
        target=PRODUCTION,
        configuration=configuration(SERVICE, "web-2.4.1", DOMAINS),
        mode=Mode.MANUAL,
        properties=(ExtendedProperty("Ticket", "OPS-311 & <web>"),),
    )
    await world.done(await world.client.configure(call, world.ticket))
    after = await world.seen()
    assert after.change is not None
    assert after.release == before.release


async def test_a_deployment_is_suspended_and_run_again(world: World) -> None:
    await world.done(
        await world.client.set_status(UpdateDeploymentStatus(target=PRODUCTION, running=False), world.ticket)
    )
    assert (await world.seen()).activity is Activity.SUSPENDED
    await world.done(
        await world.client.set_status(UpdateDeploymentStatus(target=PRODUCTION, running=True), world.ticket)
    )
    assert (await world.seen()).activity is Activity.RUNNING


async def test_a_swap_is_a_compare_and_swap(world: World) -> None:
    await world.done(await world.client.create(create(), world.ticket))
    old = (await world.seen()).deployment
    swap = SwapDeployment(subscription=SUBSCRIPTION, service=SERVICE, source="svc-0001-new", production=old)
    await world.done(await world.client.swap(swap, world.ticket))
    assert (await world.seen()).deployment == "svc-0001-new"
    again = await world.client.swap(swap, world.ticket)
    assert isinstance(again, Refused)
    assert again.kind is RefusedKind.REJECTED
    service = await world.client.service(GetService(subscription=SUBSCRIPTION, service=SERVICE, detail=True))
    assert isinstance(service, CloudService)
    assert service.deployments is not None
    assert {each.slot: each.snapshot.deployment for each in service.deployments} == {
        "Production": "svc-0001-new",
        "Staging": old,
    }


async def test_a_deployment_is_deleted_and_then_absent(world: World) -> None:
    await world.done(await world.client.create(create(), world.ticket))
    await world.done(await world.client.delete(DeleteDeployment(target=STAGING), world.ticket))
    assert isinstance(await world.client.deployment(GetDeployment(target=STAGING)), Absent)


@pytest.mark.parametrize("renewal", list(Renewal))
async def test_an_instance_is_renewed_and_comes_back(world: World, renewal: Renewal) -> None:
    name = (await world.seen()).instances[0].name
    await world.done(
        await world.client.renew_instance(
            RenewInstance(target=PRODUCTION, instance=name, renewal=renewal), world.ticket
        )
    )
    assert (await world.seen()).all_ready


async def test_a_package_is_fetched_and_extensions_come_and_go(world: World) -> None:
    fetch = GetPackage(target=PRODUCTION, container_url="https://acct.blob.example/keep?sv=1&sig=x")
    await world.done(await world.client.get_package(fetch, world.ticket))
    listing = ListExtensions(subscription=SUBSCRIPTION, service=SERVICE)
    add = AddExtension(
        subscription=SUBSCRIPTION,
        service=SERVICE,
        provider="Microsoft.Windows.Azure.Extensions",
        type="RDP",
        id="rdp",
        public=b"<PublicConfig/>",
        private=b"<PrivateConfig/>",
        version="1.*",
    )
    await world.done(await world.client.add_extension(add, world.ticket))
    extensions = await world.client.extensions(listing)
    assert isinstance(extensions, tuple)
    assert [each.id for each in extensions] == ["rdp"]
    assert (
        await world.client.extension(GetExtension(subscription=SUBSCRIPTION, service=SERVICE, id="rdp"))
        == extensions[0]
    )
    gone = DeleteExtension(subscription=SUBSCRIPTION, service=SERVICE, id="rdp")
    await world.done(await world.client.delete_extension(gone, world.ticket))
    assert await world.client.extensions(listing) == ()


async def test_services_are_listed_created_renamed_and_deleted(world: World) -> None:
    free = await world.client.is_free(CheckName(subscription=SUBSCRIPTION, name="svc-new"))
    assert free == Availability(free=True, reason="")
    new = CreateService(subscription=SUBSCRIPTION, name="svc-new", label="new", location="East US")
    assert isinstance(await world.client.create_service(new, world.ticket), Accepted)
    renamed = UpdateService(subscription=SUBSCRIPTION, service="svc-new", label="A & B")
    assert isinstance(await world.client.update_service(renamed, world.ticket), Accepted)
    pages = [page async for page in world.client.services(ListServices(subscription=SUBSCRIPTION))]
    labels = {each.name: each.label for page in pages if isinstance(page, tuple) for each in page}
    assert set(labels) == {"svc-0001", "svc-0002", "svc-new"}
    assert labels["svc-new"] == "A & B"
    gone = DeleteService(subscription=SUBSCRIPTION, service="svc-new")
    assert isinstance(await world.client.delete_service(gone, world.ticket), Accepted)
    assert isinstance(await world.client.service(GetService(subscription=SUBSCRIPTION, service="svc-new")), Absent)


async def test_somebody_elses_change_is_found_with_its_caller_and_name(world: World) -> None:
    since = world.wall()
    outcome = await world.client.upgrade(upgrade(), world.ticket)
    assert isinstance(outcome, Accepted)
    name = (await world.seen()).deployment
    target = Target(SUBSCRIPTION, PRODUCTION.service, Slot.PRODUCTION, name)
    others = await world.platform.whose(target, since)
    assert isinstance(others, tuple)
    assert [(each.id, each.name) for each in others] == [(outcome.handle.id, "UpgradeDeploymentBySlot")]
    assert others[0].caller.address == "127.0.0.1"
    assert others[0].started is not None
    assert await world.platform.whose(target, since, {outcome.handle.id}) == ()


async def test_a_locked_deployment_names_what_holds_it(world: World) -> None:
    first = await world.client.upgrade(upgrade(), world.ticket)
    second = await world.client.upgrade(upgrade(), world.ticket)
    assert isinstance(first, Accepted)
    assert isinstance(second, Refused)
    assert (second.kind, second.blocking) == (RefusedKind.BUSY, first.handle.id)
