"""The slots of a service: a deployment is created in one, deleted from it, or exchanged with the other one."""

from dataclasses import dataclass
from typing import Final

from rollout.emulator import layout, refusals
from rollout.emulator.durations import Recorded
from rollout.emulator.fabric import Fabric, Target
from rollout.emulator.fabric_state import Deployment, Operation, Release, Service
from rollout.emulator.fabric_update import abandon
from rollout.emulator.fabric_world import World
from rollout.platforms.classic.vocabulary import DeploymentStatus, Slot, Verb

UPGRADE_DOMAINS_DEFINED: Final = 5
"""Of a created deployment: the default of a service definition, which lies in the package that nobody opens here."""


@dataclass(frozen=True, slots=True)
class Create:
    """A checked Create Deployment."""

    name: str
    release: Release
    start: bool


def create(fabric: Fabric, service_name: str, slot: Slot, request: Create, request_id: str) -> Operation:
    """Create Deployment in an empty slot; it is born Suspended unless it is to start."""
    service, world = fabric.service(service_name), fabric.world
    if slot in service.slots:
        raise refusals.conflict(f"The specified deployment slot {slot} is occupied.")
    if any(each.name.lower() == request.name.lower() for each in service.slots.values()):
        raise refusals.conflict(f"The deployment name '{request.name}' is already used in this service.")
    deployment = _deployment(fabric, service, slot, request)
    service.slots[slot] = deployment
    operation = deployment.lock = world.start(deployment, Verb.CREATE, request_id)
    failed = world.failure(deployment, Verb.CREATE)
    if failed is not None:
        after_s, error = failed
        world.agenda.plan(after_s, lambda: _gone(world, service, deployment, operation, error))
        return operation
    world.record(deployment, operation)
    takes_s = world.draw(Recorded.CREATE, deployment, Verb.CREATE) + world.delay(deployment, Verb.CREATE)
    world.agenda.plan(takes_s, lambda: _created(world, deployment, operation, start=request.start))
    return operation


def delete(fabric: Fabric, target: Target, request_id: str, *, media: bool) -> Operation:
    """Delete Deployment: whatever its update was doing ends with it."""
    deployment, world = fabric.unlocked(target), fabric.world
    service = fabric.service(target.service)
    by_name = Recorded.DELETE_MEDIA if media else Recorded.DELETE_BY_NAME
    recorded = by_name if target.name is not None else Recorded.DELETE_BY_SLOT
    operation = deployment.lock = world.start(deployment, Verb.DELETE, request_id)
    failed = world.failure(deployment, Verb.DELETE)
    if failed is not None:
        after_s, error = failed
        world.agenda.plan(after_s, lambda: _stays(world, deployment, operation, error))
        return operation
    world.record(deployment, operation)
    take_away(world, deployment)
    takes_s = world.draw(recorded, deployment, Verb.DELETE) + world.delay(deployment, Verb.DELETE)
    world.agenda.plan(takes_s, lambda: _gone(world, service, deployment, operation, None))
    return operation


def take_away(world: World, deployment: Deployment) -> None:
    """Begin to delete a deployment: its update ends, and it is Deleting until it is gone."""
    abandon(world, deployment)
    deployment.moving_to = DeploymentStatus.DELETING
    deployment.modified_at = world.now


def swap(fabric: Fabric, service_name: str, production: str | None, source: str, request_id: str) -> Operation:
    """Swap Deployment: the names must be those in the slots, so that a repeated swap is refused."""
    service, world = fabric.service(service_name), fabric.world
    _check_names(fabric, service, production, source)
    deployments = list(service.slots.values())
    for each in deployments:
        fabric.check_unlocked(each)
    if any(each.change is not None for each in deployments):
        raise refusals.conflict("A deployment that is being updated cannot be swapped.")
    if len({len(_roles(each)) for each in deployments}) > 1:
        raise refusals.bad_request("The number of endpoints of both deployments must be the same.")
    named = next(each for each in deployments if each.name.lower() == source.lower())
    operation = world.start(named, Verb.SWAP, request_id)
    for each in deployments:
        each.lock = operation
    failed = world.failure(named, Verb.SWAP)
    if failed is not None:
        after_s, error = failed

        def fail() -> None:
            _unlock(world, deployments)
            operation.fail(world.now, error)

        world.agenda.plan(after_s, fail)
        return operation
    world.record(named, operation)
    takes_s = world.draw(Recorded.SWAP, named, Verb.SWAP) + world.delay(named, Verb.SWAP)
    world.agenda.plan(takes_s, lambda: _swapped(world, service, deployments, operation))
    return operation


def _check_names(fabric: Fabric, service: Service, production: str | None, source: str) -> None:
    here = {slot: deployment.name.lower() for slot, deployment in service.slots.items()}
    in_production, in_staging = here.get(Slot.PRODUCTION), here.get(Slot.STAGING)
    if not here:
        raise refusals.empty_slot()
    if in_production is not None and in_staging is not None and production is None:
        raise refusals.by_knob(fabric.knobs.swap_unnamed, "The production slot is occupied; name its deployment.")
    if in_production is None and production is not None:
        raise refusals.by_knob(fabric.knobs.swap_unnamed, "The production slot is empty; do not name a deployment.")
    expected = in_production if in_staging is None else in_staging
    named_right = production is None or (in_staging is not None and production.lower() == in_production)
    if source.lower() != expected or not named_right:
        raise refusals.swap_names()


def _swapped(world: World, service: Service, deployments: list[Deployment], operation: Operation) -> None:
    _unlock(world, deployments)
    if len(deployments) > 1:
        one, other = deployments
        one.vip_key, other.vip_key = other.vip_key, one.vip_key
    for each in deployments:
        each.slot = Slot.STAGING if each.slot is Slot.PRODUCTION else Slot.PRODUCTION
    # In the order of the slots, not of the exchange: who looks at a service sees production first.
    service.slots = {slot: each for slot in Slot for each in deployments if each.slot is slot}
    operation.succeed(world.now)


def _unlock(world: World, deployments: list[Deployment]) -> None:
    for each in deployments:
        each.lock = None
        each.modified_at = world.now


def _created(world: World, deployment: Deployment, operation: Operation, *, start: bool) -> None:
    deployment.lock = deployment.moving_to = None
    deployment.running = start
    deployment.modified_at = world.now
    if start:
        boot_s = world.draw(Recorded.CREATE, deployment, "boot")
        for instance in deployment.instances:
            instance.boot(world.now, boot_s, created=True)
    operation.succeed(world.now)


def _stays(world: World, deployment: Deployment, operation: Operation, error: refusals.Refusal) -> None:
    deployment.lock = None
    operation.fail(world.now, error)


def _gone(
    world: World, service: Service, deployment: Deployment, operation: Operation, error: refusals.Refusal | None
) -> None:
    service.slots = {slot: each for slot, each in service.slots.items() if each is not deployment}
    if error is not None:
        operation.fail(world.now, error)
    else:
        operation.succeed(world.now)


def _deployment(fabric: Fabric, service: Service, slot: Slot, request: Create) -> Deployment:
    world = fabric.world
    world.addresses += 1
    domains = layout.domain_count(request.release, UPGRADE_DOMAINS_DEFINED)
    release = request.release
    return Deployment(
        service=service.name,
        name=request.name,
        slot=slot,
        private_id=layout.private_id(fabric.seed, service.name, f"{request.name} {world.addresses}"),
        release=release,
        shown=release,
        instances=layout.instances(world.addresses, release, domains, fabric.knobs),
        domains_defined=UPGRADE_DOMAINS_DEFINED,
        domain_count=domains,
        address_key=world.addresses,
        created_at=world.now,
        modified_at=world.now,
        running=False,
        moving_to=DeploymentStatus.DEPLOYING,
    )


def _roles(deployment: Deployment) -> set[str]:
    return {instance.role for instance in deployment.instances}
