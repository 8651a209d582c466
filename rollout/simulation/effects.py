"""What each operation of the engine does to the emulator's fabric, once its call has arrived there."""

from collections.abc import Callable, Mapping
from typing import Final

from rollout.core.names import Digest, Target
from rollout.core.operation import (
    ActOnInstance,
    CapturePackage,
    Create,
    Extras,
    InstanceVerb,
    Operation,
    RollBack,
    SetStatus,
    StartConfigure,
    StartUpgrade,
    SwapSlots,
    Walk,
)
from rollout.emulator import fabric_instances, fabric_package, fabric_slots
from rollout.emulator.calls import Call
from rollout.emulator.fabric_slots import Create as Creation
from rollout.emulator.fabric_state import Extension, Release
from rollout.emulator.fabric_state import Operation as Followed
from rollout.emulator.fabric_update import Begin, Configure
from rollout.emulator.read_configuration import role_counts
from rollout.emulator.refusals import bad_request
from rollout.platforms.classic.configuration import with_instance_counts
from rollout.platforms.classic.encode import MODES, ROLLBACK_MODES
from rollout.platforms.classic.vocabulary import LABEL_CHARACTERS_MAX, Verb

Effect = Callable[[Call], Followed]

_RENEWALS: Final = {
    InstanceVerb.REBOOT: Verb.REBOOT,
    InstanceVerb.REIMAGE: Verb.REIMAGE,
    InstanceVerb.REBUILD: Verb.REBUILD,
}


def names_of(target: Target, operation: Operation | None = None) -> dict[str, str]:
    """Name what a call is about as its path does: the service of a swap, the slot of a creation, else a deployment."""
    service = {"service": str(target.service)}
    if isinstance(operation, SwapSlots):
        return service
    if target.deployment is not None and not isinstance(operation, Create):
        return {**service, "deployment": target.deployment}
    return {**service, "slot": target.slot}


def verb_of(operation: Operation) -> tuple[Verb, int | None]:
    """Name what a call does as the emulator's log does, and the domain where it is about one that the engine names."""
    match operation:
        case StartUpgrade():
            return Verb.UPGRADE, None
        case StartConfigure():
            return Verb.CONFIG, None
        case Create():
            return Verb.CREATE, None
        case Walk(domain=domain):
            return Verb.WALK, domain
        case RollBack():
            return Verb.ROLLBACK, None
        case SwapSlots():
            return Verb.SWAP, None
        case SetStatus():
            return Verb.STATUS, None
        case ActOnInstance(verb=verb):
            return _RENEWALS[verb], None
        case CapturePackage():
            return Verb.PACKAGE, None


def effect_of(operation: Operation, payloads: Mapping[Digest, bytes]) -> Effect:
    """Give what a call does. Raises Refusal or Unreadable for what can only be refused."""
    match operation:
        case StartUpgrade():
            return _upgrade(operation, payloads)
        case StartConfigure():
            return _configure(operation, payloads)
        case Create():
            return _create(operation, payloads)
        case Walk(domain=domain):
            return lambda call: _met(call, Verb.WALK, domain).fabric.walk(call.target, domain, call.request_id)
        case RollBack(mode=mode):
            return lambda call: _met(call, Verb.ROLLBACK).fabric.roll_back(
                call.target, ROLLBACK_MODES[mode], call.request_id
            )
        case SwapSlots(production=production, staged=staged):
            return lambda call: fabric_slots.swap(
                _met(call, Verb.SWAP).fabric, call.names["service"], production, staged, call.request_id
            )
        case SetStatus(running=running):
            return lambda call: _met(call, Verb.STATUS).fabric.set_running(
                call.target, call.request_id, running=running
            )
        case ActOnInstance(verb=asked, instance=instance):
            verb = _RENEWALS[asked]
            return lambda call: fabric_instances.restart(
                _met(call, verb).fabric, call.target, instance, verb, call.request_id
            )
        case CapturePackage(container=container):
            place = payloads[container].decode().strip()
            return lambda call: fabric_package.get(
                _met(call, Verb.PACKAGE).fabric, call.target, place, call.request_id, overwrite=True
            )


def _upgrade(operation: StartUpgrade, payloads: Mapping[Digest, bytes]) -> Effect:
    configuration = with_instance_counts(payloads[operation.configuration], operation.instance_counts)
    release = _release(operation.label, configuration, payloads[operation.package], operation.extras)
    request = Begin(MODES[operation.mode], release, operation.role, _properties(operation.extras), operation.force)

    def upgrade(call: Call) -> Followed:
        call.meet_fault(Verb.UPGRADE)
        call.meet_data_loss(Verb.UPGRADE, force=operation.force)
        return call.fabric.begin(call.target, request, Verb.UPGRADE, call.request_id)

    return upgrade


def _configure(operation: StartConfigure, payloads: Mapping[Digest, bytes]) -> Effect:
    configuration = _shown(payloads[operation.configuration])
    role_counts(configuration)
    extras = operation.extras
    extensions = None if extras.extensions is None else _extensions(extras)
    request = Configure(MODES[operation.mode], configuration, _properties(extras), extensions)
    return lambda call: _met(call, Verb.CONFIG).fabric.configure(call.target, request, call.request_id)


def _create(operation: Create, payloads: Mapping[Digest, bytes]) -> Effect:
    release = _release(
        operation.label, payloads[operation.configuration], payloads[operation.package], operation.extras
    )
    request = Creation(operation.name, release, start=True)
    return lambda call: fabric_slots.create(
        _met(call, Verb.CREATE).fabric, call.names["service"], call.slot, request, call.request_id
    )


def _met(call: Call, verb: Verb, domain: int | None = None) -> Call:
    """Give the call once its fault, if one is meant for it, has had its way."""
    call.meet_fault(verb, domain)
    return call


def _release(label: str, configuration: bytes, package: bytes, extras: Extras) -> Release:
    if not 1 <= len(label) <= LABEL_CHARACTERS_MAX:
        raise bad_request(f"Label has {len(label)} characters; allowed are 1 to {LABEL_CHARACTERS_MAX}.")
    configuration = _shown(configuration)
    return Release(
        label=label,
        configuration=configuration,
        counts=role_counts(configuration),
        package_url=package.decode().strip(),
        properties=tuple(extras.properties.items()),
        extensions=_extensions(extras),
    )


def _properties(extras: Extras) -> tuple[tuple[str, str | None], ...]:
    return tuple(extras.properties.items())


def _extensions(extras: Extras) -> tuple[Extension, ...]:
    """Give them as the emulator reads them: those of all roles first."""
    named = sorted(extras.extensions or (), key=lambda each: each.role is not None)
    return tuple(Extension(each.role, each.id, each.state) for each in named)


def _shown(configuration: bytes) -> bytes:
    """Give a configuration as it comes back: its lines end as replies end them."""
    return configuration.replace(b"\r\n", b"\n")
