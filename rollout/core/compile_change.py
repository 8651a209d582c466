"""What a policy changes becomes what a plan changes, with its way back; and the payloads both name by digest. Pure."""

import hashlib

from rollout.core.change_plan import (
    Barrier,
    ChangePlan,
    ConfigurePlan,
    ForeignPlan,
    Reaction,
    RollbackPlan,
    StatusPlan,
    SwapPlan,
    UpgradePlan,
)
from rollout.core.names import Digest
from rollout.core.operation import ExtensionUse, Extras, Mode, RollbackMode
from rollout.core.package_url import expires_wall, without_secrets
from rollout.errors import InvariantBroken
from rollout.policy.bundle import ServiceFiles
from rollout.policy.cscfg import Configuration
from rollout.policy.model.change import Change, Configure, Extension, Extensions, Upgrade
from rollout.policy.model.failure import Rollback
from rollout.policy.model.policy import Foreign


def change_of(change: Change, files: ServiceFiles, *, check_packages: bool = False) -> ChangePlan:
    """Give the change of one service. `check_packages`: ask for its packages before anything is touched."""
    upgrade = None if change.upgrade is None else _upgrade(change.upgrade, files, check_packages=check_packages)
    if change.swap is not None:
        swap = change.swap
        return SwapPlan(swap.bake, swap.keep_previous, upgrade, Barrier(swap.barrier), swap.together)
    if upgrade is not None:
        return upgrade
    if change.configure is not None:
        return _configure(change.configure, files)
    if change.status is not None:
        return StatusPlan(running=change.status == "running")
    message = "a change that changes nothing"
    raise InvariantBroken(message)


def rollback_of(rollback: Rollback, files: ServiceFiles) -> RollbackPlan:
    """Give the way back of one service."""
    package, container = files.rollback_package, files.capture_container
    return RollbackPlan(
        mode=RollbackMode(rollback.mode),
        timeout_s=rollback.timeout,
        package=_named(package),
        package_shown=without_secrets(package or ""),
        configuration=_filed(files.rollback_configuration),
        capture=_named(container),
        capture_shown=without_secrets(container or ""),
        package_expires_wall=expires_wall(package or container or ""),
    )


def foreign_of(foreign: Foreign) -> ForeignPlan:
    """Give what other people's operations mean."""
    return ForeignPlan(Reaction(foreign.scale), Reaction(foreign.reboot), Reaction(foreign.upgrade))


def payloads_of(files: ServiceFiles) -> list[bytes]:
    """Give everything that the plans of one service name by digest."""
    references = (files.package, files.rollback_package, files.capture_container)
    configurations = (files.configuration, files.rollback_configuration)
    return [
        *(reference.encode() for reference in references if reference is not None),
        *(configuration.data for configuration in configurations if configuration is not None),
    ]


def digest_of(payload: bytes) -> Digest:
    """Give the name of a payload."""
    return Digest(hashlib.sha256(payload).hexdigest())


def _upgrade(upgrade: Upgrade, files: ServiceFiles, *, check_packages: bool) -> UpgradePlan:
    package, configuration = _named(files.package), _filed(files.configuration)
    if files.package is None or package is None or configuration is None:
        message = f"no {'configuration' if package else 'package'} for {files.service}"
        raise InvariantBroken(message)
    return UpgradePlan(
        package=package,
        package_shown=without_secrets(files.package),
        configuration=configuration,
        label=files.label,
        force=upgrade.force,
        role=upgrade.role,
        mode=Mode(upgrade.mode),
        extras=_extras(upgrade.properties, upgrade.extensions),
        keep_counts=upgrade.instance_counts == "keep",
        package_expires_wall=expires_wall(files.package),
        check_package=check_packages,
    )


def _configure(configure: Configure, files: ServiceFiles) -> ConfigurePlan:
    configuration = _filed(files.configuration)
    if configuration is None and not configure.settings:
        message = f"neither configuration nor settings for {files.service}"
        raise InvariantBroken(message)
    return ConfigurePlan(
        configuration=configuration,
        settings=dict(configure.settings or {}),
        mode=Mode(configure.mode),
        treat_warnings_as_error=configure.treat_warnings_as_error,
        extras=_extras(configure.properties, configure.extensions),
        keep_counts=configure.instance_counts == "keep",
    )


def _extras(properties: dict[str, str], extensions: Extensions | None) -> Extras:
    if extensions is None:
        return Extras(dict(properties))
    named = [_use(each, role) for role, uses in extensions.roles.items() for each in uses]
    return Extras(dict(properties), (*(_use(each, None) for each in extensions.all_roles), *named))


def _use(extension: Extension, role: str | None) -> ExtensionUse:
    return ExtensionUse(extension.id, extension.state, role)


def _named(reference: str | None) -> Digest | None:
    return None if reference is None else digest_of(reference.encode())


def _filed(configuration: Configuration | None) -> Digest | None:
    return None if configuration is None else digest_of(configuration.data)
