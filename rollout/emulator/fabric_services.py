"""Hosted services: they are created, renamed and deleted, and carry extensions."""

import re
from dataclasses import dataclass
from typing import Final

from rollout.emulator import fabric_slots, refusals
from rollout.emulator.durations import Recorded
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import InstalledExtension, Operation, Service
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import SERVICE_PROPERTIES_MAX, Verb

SERVICES_MAX: Final = 50_000
EXTENSIONS_MAX: Final = 50
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class CreateService:
    """A checked Create Cloud Service."""

    name: str
    label: str
    description: str | None = None
    location: str | None = None
    affinity_group: str | None = None
    properties: tuple[tuple[str, str | None], ...] = ()
    reverse_dns: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateService:
    """A checked Update Cloud Service; none = as it is."""

    label: str | None = None
    description: str | None = None
    properties: tuple[tuple[str, str | None], ...] = ()
    reverse_dns: str | None = None


def is_valid_name(name: str) -> bool:
    """Say whether a service could have this name: it is a part of a DNS name."""
    return _NAME.match(name) is not None


def create(fabric: Fabric, request: CreateService, request_id: str) -> Service:
    """Create Cloud Service: it is there when the reply is."""
    now, services = fabric.now(), fabric.world.services
    if not is_valid_name(request.name):
        raise refusals.bad_request("The hosted service name is invalid.")
    if request.name.lower() in services:
        raise refusals.name_taken()
    if len(services) >= SERVICES_MAX:
        raise refusals.bad_request(f"The subscription has {SERVICES_MAX} services already.")
    service = Service(
        request.name,
        request.label,
        now,
        description=request.description,
        location=request.location,
        affinity_group=request.affinity_group,
        properties=_merged((), request.properties),
        reverse_dns=request.reverse_dns,
    )
    services[request.name.lower()] = service
    fabric.world.record_on(service, fabric.world.done(service, Verb.CREATE_SERVICE, request_id))
    return service


def update(fabric: Fabric, name: str, request: UpdateService, request_id: str) -> None:
    """Update Cloud Service; a property without a value is removed."""
    service = fabric.service(name)
    properties = _merged(service.properties, request.properties)
    service.label = service.label if request.label is None else request.label
    service.description = service.description if request.description is None else request.description
    service.reverse_dns = service.reverse_dns if request.reverse_dns is None else request.reverse_dns
    service.properties = properties
    service.modified_at = fabric.world.now
    fabric.world.record_on(service, fabric.world.done(service, Verb.UPDATE_SERVICE, request_id))


def delete(fabric: Fabric, name: str, request_id: str) -> None:
    """Delete Cloud Service: only when its deployments are gone."""
    service = fabric.service(name)
    if service.slots:
        raise refusals.conflict("The hosted service still has a deployment; delete it first.")
    del fabric.world.services[service.name.lower()]
    fabric.world.record_on(service, fabric.world.done(service, Verb.DELETE_SERVICE, request_id))


def delete_whole(fabric: Fabric, name: str, request_id: str) -> Operation:
    """Delete Cloud Service with its deployments and what they store."""
    service, world = fabric.service(name), fabric.world
    for each in service.slots.values():
        fabric.check_unlocked(each)
    operation = world.start_on(service, Verb.DELETE_SERVICE, request_id)
    failed = world.failure_on(service, Verb.DELETE_SERVICE)
    if failed is not None:
        after_s, error = failed
        world.agenda.plan(after_s, lambda: operation.fail(world.now, error))
        return operation
    world.record_on(service, operation)
    service.deleting = True
    for each in service.slots.values():
        each.lock = operation
        fabric_slots.take_away(world, each)

    def end() -> None:
        world.services.pop(service.name.lower(), None)
        operation.succeed(world.now)

    world.agenda.plan(world.draw_on(Recorded.DELETE_SERVICE, service, Verb.DELETE_SERVICE), end)
    return operation


def add_extension(fabric: Fabric, name: str, extension: InstalledExtension, request_id: str) -> Operation:
    """Add Extension; an update of a deployment can name it from now on."""
    service = fabric.service(name)
    if extension.id.lower() in service.extensions:
        raise refusals.conflict(f"The extension '{extension.id[:64]}' exists already.")
    if len(service.extensions) >= EXTENSIONS_MAX:
        raise refusals.bad_request(f"A service has at most {EXTENSIONS_MAX} extensions.")
    operation, error, takes_s = _extension_work(fabric, service, Verb.ADD_EXTENSION, request_id)
    if error is None:
        service.extensions[extension.id.lower()] = extension
    _plan_end(fabric, operation, error, takes_s)
    return operation


def extension(fabric: Fabric, name: str, extension_id: str) -> InstalledExtension:
    """Find an extension of a service."""
    found = fabric.service(name).extensions.get(extension_id.lower())
    if found is None:
        raise refusals.not_found(f"The extension '{extension_id[:64]}' does not exist.")
    return found


def delete_extension(fabric: Fabric, name: str, extension_id: str, request_id: str) -> Operation:
    """Delete Extension."""
    found = extension(fabric, name, extension_id)
    service = fabric.service(name)
    operation, error, takes_s = _extension_work(fabric, service, Verb.DELETE_EXTENSION, request_id)
    if error is None:
        del service.extensions[found.id.lower()]
    _plan_end(fabric, operation, error, takes_s)
    return operation


def _extension_work(
    fabric: Fabric, service: Service, verb: Verb, request_id: str
) -> tuple[Operation, Refusal | None, float]:
    world = fabric.world
    operation = world.start_on(service, verb, request_id)
    failed = world.failure_on(service, verb)
    if failed is not None:
        return operation, failed[1], failed[0]
    world.record_on(service, operation)
    return operation, None, world.draw_on(Recorded.EXTENSION, service, verb)


def _plan_end(fabric: Fabric, operation: Operation, error: Refusal | None, takes_s: float) -> None:
    world = fabric.world

    def end() -> None:
        if error is not None:
            operation.fail(world.now, error)
        else:
            operation.succeed(world.now)

    world.agenda.plan(takes_s, end)


def _merged(
    present: tuple[tuple[str, str], ...], given: tuple[tuple[str, str | None], ...]
) -> tuple[tuple[str, str], ...]:
    merged = dict[str, str | None](present) | dict(given)
    kept = tuple((name, value) for name, value in merged.items() if value is not None)
    if len(kept) > SERVICE_PROPERTIES_MAX:
        raise refusals.bad_request(f"A service has at most {SERVICE_PROPERTIES_MAX} extended properties.")
    return kept
