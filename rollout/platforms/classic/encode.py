"""Turn an operation of the engine into the one call of the API that asks for it."""

from collections.abc import Mapping
from typing import Final, assert_never

from msgspec.structs import replace

from rollout.core.names import Digest, Target
from rollout.core.operation import (
    ActOnInstance,
    CapturePackage,
    Create,
    InstanceVerb,
    Operation,
    RollBack,
    RollbackMode,
    SetStatus,
    StartConfigure,
    StartUpgrade,
    SwapSlots,
    Walk,
)
from rollout.core.operation import Mode as CoreMode
from rollout.platforms.classic.configuration import with_instance_counts
from rollout.platforms.classic.extras import extended_properties, extension_configuration
from rollout.platforms.classic.request import Call, CannotEncode
from rollout.platforms.classic.requests.configure import ChangeConfiguration
from rollout.platforms.classic.requests.create import CreateDeployment
from rollout.platforms.classic.requests.instance import Renewal, RenewInstance
from rollout.platforms.classic.requests.package import GetPackage
from rollout.platforms.classic.requests.rollback import RollbackUpdateOrUpgrade
from rollout.platforms.classic.requests.status import UpdateDeploymentStatus
from rollout.platforms.classic.requests.swap import SwapDeployment
from rollout.platforms.classic.requests.upgrade import UpgradeDeployment
from rollout.platforms.classic.requests.walk import WalkUpgradeDomain
from rollout.platforms.classic.vocabulary import Mode
from rollout.platforms.classic.write import url_text
from rollout.platforms.classic.xml import Unreadable

MODES: Final = {
    CoreMode.MANUAL: Mode.MANUAL,
    CoreMode.AUTO: Mode.AUTO,
    CoreMode.SIMULTANEOUS: Mode.SIMULTANEOUS,
}
ROLLBACK_MODES: Final = {RollbackMode.AUTO: Mode.AUTO, RollbackMode.MANUAL: Mode.MANUAL}

_RENEWALS: Final = {
    InstanceVerb.REBOOT: Renewal.REBOOT,
    InstanceVerb.REIMAGE: Renewal.REIMAGE,
    InstanceVerb.REBUILD: Renewal.REBUILD,
}


def payloads_of(operation: Operation) -> tuple[Digest, ...]:
    """Name the payloads `encode` wants for `operation`."""
    match operation:
        case StartUpgrade() | Create():
            return (operation.package, operation.configuration)
        case StartConfigure():
            return (operation.configuration,)
        case CapturePackage():
            return (operation.container,)
        case Walk() | RollBack() | SwapSlots() | SetStatus() | ActOnInstance():
            return ()
        case _:
            assert_never(operation)


def encode(target: Target, operation: Operation, payloads: Mapping[Digest, bytes]) -> Call:
    """Give the call for `operation`; raise `CannotEncode` where a payload is not what it should be."""
    match operation:
        case StartUpgrade():
            return _upgrade(target, operation, payloads)
        case StartConfigure():
            return _configure(target, operation, payloads)
        case Create():
            return _create(target, operation, payloads)
        case Walk(domain=domain):
            return WalkUpgradeDomain(target=target, domain=domain)
        case RollBack(mode=mode):
            return RollbackUpdateOrUpgrade(target=target, mode=ROLLBACK_MODES[mode])
        case SwapSlots(production=production, staged=staged):
            return SwapDeployment(
                subscription=target.subscription, service=target.service, source=staged, production=production
            )
        case SetStatus(running=running):
            return UpdateDeploymentStatus(target=target, running=running)
        case ActOnInstance(verb=verb, instance=instance):
            return RenewInstance(target=target, instance=instance, renewal=_RENEWALS[verb])
        case CapturePackage(container=container):
            # An earlier copy under the same PrivateID is of an earlier package, which nobody may go back to by mistake.
            url = url_text(payloads[container], "the container reference")
            return GetPackage(target=target, container_url=url, overwrite=True)
        case _:
            assert_never(operation)


def _upgrade(target: Target, operation: StartUpgrade, payloads: Mapping[Digest, bytes]) -> UpgradeDeployment:
    """Start an upgrade with as many instances as the operation says."""
    try:
        configuration = with_instance_counts(payloads[operation.configuration], operation.instance_counts)
    except Unreadable as error:
        raise CannotEncode(f"the service configuration cannot be used: {error}") from error
    return UpgradeDeployment(
        target=target,
        mode=MODES[operation.mode],
        package_url=_package(payloads[operation.package]),
        configuration=configuration,
        label=operation.label,
        role=operation.role,
        force=operation.force,
        properties=extended_properties(operation.extras),
        extensions=extension_configuration(operation.extras),
    )


def _configure(target: Target, operation: StartConfigure, payloads: Mapping[Digest, bytes]) -> ChangeConfiguration:
    """Send the document as it was drawn, counts and settings in it."""
    return ChangeConfiguration(
        target=target,
        configuration=payloads[operation.configuration],
        mode=MODES[operation.mode],
        treat_warnings_as_error=operation.treat_warnings_as_error,
        properties=extended_properties(operation.extras),
        extensions=extension_configuration(operation.extras),
    )


def _create(target: Target, operation: Create, payloads: Mapping[Digest, bytes]) -> CreateDeployment:
    """Create a deployment that starts at once: born suspended it could never be ready."""
    return CreateDeployment(
        target=replace(target, deployment=operation.name),
        package_url=_package(payloads[operation.package]),
        configuration=payloads[operation.configuration],
        label=operation.label,
        start=True,
        properties=extended_properties(operation.extras),
        extensions=extension_configuration(operation.extras),
    )


def _package(payload: bytes) -> str:
    return url_text(payload, "the package reference")
