"""Turn an operation of the engine into the one call of the API that asks for it."""

from collections.abc import Mapping
from typing import Final, assert_never

from rollout.core.names import Digest, Target
from rollout.core.operation import Operation, RollBack, RollbackMode, StartUpgrade, Walk
from rollout.platforms.classic.configuration import with_instance_counts
from rollout.platforms.classic.request import Call, CannotEncode
from rollout.platforms.classic.requests.rollback import RollbackUpdateOrUpgrade
from rollout.platforms.classic.requests.upgrade import UpgradeDeployment
from rollout.platforms.classic.requests.walk import WalkUpgradeDomain
from rollout.platforms.classic.vocabulary import Mode
from rollout.platforms.classic.xml import Unreadable

_ROLLBACK_MODES: Final = {RollbackMode.AUTO: Mode.AUTO, RollbackMode.MANUAL: Mode.MANUAL}


def payloads_of(operation: Operation) -> tuple[Digest, ...]:
    """Name the payloads `encode` wants for `operation`."""
    match operation:
        case StartUpgrade():
            return (operation.package, operation.configuration)
        case Walk() | RollBack():
            return ()
        case _:
            assert_never(operation)


def encode(target: Target, operation: Operation, payloads: Mapping[Digest, bytes]) -> Call:
    """Give the call for `operation`; raise `CannotEncode` where a payload is not what it should be."""
    match operation:
        case StartUpgrade():
            return _upgrade(target, operation, payloads)
        case Walk(domain=domain):
            return WalkUpgradeDomain(target=target, domain=domain)
        case RollBack(mode=mode):
            return RollbackUpdateOrUpgrade(target=target, mode=_ROLLBACK_MODES[mode])
        case _:
            assert_never(operation)


def _upgrade(target: Target, operation: StartUpgrade, payloads: Mapping[Digest, bytes]) -> UpgradeDeployment:
    """Start an upgrade that waits to be walked, with as many instances as run already."""
    try:
        configuration = with_instance_counts(payloads[operation.configuration], operation.instance_counts)
    except Unreadable as error:
        raise CannotEncode(f"the service configuration cannot be used: {error}") from error
    return UpgradeDeployment(
        target=target,
        mode=Mode.MANUAL,
        package_url=_text(payloads[operation.package]),
        configuration=configuration,
        label=operation.label,
        role=operation.role,
        force=operation.force,
    )


def _text(payload: bytes) -> str:
    try:
        return payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise CannotEncode("the package reference is not a URL") from None
