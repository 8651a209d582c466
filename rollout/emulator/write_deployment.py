"""Writing a Deployment: what Get Deployment shows of it at one moment, to one version of the API."""

from collections.abc import Iterable
from datetime import datetime
from math import inf
from typing import Final

from rollout.emulator import layout, write
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Change, Deployment, Extension, Instance
from rollout.emulator.read import EXTENSIONS_SINCE, PROPERTIES_SINCE
from rollout.platforms.classic.vocabulary import DeploymentStatus, DomainState, InstanceStatus, Slot

LOCKS_SINCE: Final = "2011-06-01"
CYCLING_UNTIL: Final = "2014-02-01"

_OS_VERSION: Final = "WA-GUEST-OS-4.30_201602-01"
_SDK_VERSION: Final = "2.8.6427.4"
_INSTANCE_SIZE: Final = "Small"
_PORT: Final = 80


def deployment(shown: Deployment, fabric: Fabric, version: str) -> bytes:
    """Write Get Deployment's reply."""
    return write.document("Deployment", deployment_parts(shown, fabric, version))


def deployment_parts(shown: Deployment, fabric: Fabric, version: str) -> Iterable[str]:
    """Give the children of a Deployment in their recorded order."""
    vip = layout.outer_address(shown.vip_key)
    now = fabric.world.now
    yield write.text("Name", shown.name)
    yield write.text("DeploymentSlot", shown.slot)
    yield write.text("PrivateID", shown.private_id)
    yield write.text("Status", shown.status)
    yield write.base64("Label", shown.shown.label.encode())
    deploying = shown.status is DeploymentStatus.DEPLOYING
    if deploying:
        yield "<RoleInstanceList/><RoleList/><SdkVersion/>"
    else:
        yield from _running_parts(shown, vip, fabric, version)
    if version >= LOCKS_SINCE:
        yield write.boolean("Locked", shown.lock is not None)
        yield _rollback_allowed(shown, fabric)
    yield write.text("CreatedTime", wire_time(fabric.date(shown.created_at)))
    yield write.text("LastModifiedTime", wire_time(fabric.date(shown.last_modified(now))))
    if version >= PROPERTIES_SINCE:
        yield write.properties(shown.shown.properties)
    if version >= EXTENSIONS_SINCE and shown.shown.extensions:
        yield _extension_configuration(shown.shown.extensions)
    yield write.group("VirtualIPs", () if deploying else [_virtual_ip(shown.service, vip)])
    yield write.group("LoadBalancers", ())


def _running_parts(shown: Deployment, vip: str, fabric: Fabric, version: str) -> Iterable[str]:
    """Give what a deployment has once it is there; while it is Deploying all of it is missing or empty."""
    host = shown.service if shown.slot is Slot.PRODUCTION else shown.private_id
    yield write.text("Url", f"http://{host}.cloudapp.net/")
    yield write.base64("Configuration", shown.shown.configuration)
    yield write.group("RoleInstanceList", (_instance(shown, each, vip, fabric, version) for each in shown.instances))
    if shown.change is not None:
        yield _upgrade_status(shown.change)
    if version >= LOCKS_SINCE:
        yield write.text("UpgradeDomainCount", shown.domain_count)
    yield write.group("RoleList", (_role(role, shown.service, vip) for role in _roles(shown)))
    yield write.text("SdkVersion", _SDK_VERSION)


def wire_time(date: datetime) -> str:
    """Write a date as replies do: UTC, whole seconds."""
    return date.strftime("%Y-%m-%dT%H:%M:%SZ")


def _instance(shown: Deployment, instance: Instance, vip: str, fabric: Fabric, version: str) -> str:
    status, power = shown.instance_phases(instance, fabric.world.now)
    details = ""
    if status is InstanceStatus.BUSY:
        details = f"Application startup tasks are running. [{wire_time(fabric.date(instance.restarted_at))}]"
        if instance.ready_at == inf and version <= CYCLING_UNTIL:
            status = InstanceStatus.CYCLING
    endpoint = (
        write.text("Name", "Endpoint1"),
        write.text("Vip", vip),
        write.text("PublicPort", _PORT),
        write.text("LocalPort", _PORT),
        write.text("Protocol", "http"),
    )
    parts = (
        write.text("RoleName", instance.role),
        write.text("InstanceName", instance.name),
        write.text("InstanceStatus", status),
        write.text("InstanceUpgradeDomain", instance.domain),
        write.text("InstanceFaultDomain", instance.fault_domain),
        write.text("InstanceSize", _INSTANCE_SIZE),
        write.text("InstanceStateDetails", details),
        write.text("IpAddress", instance.address),
        write.group("InstanceEndpoints", [write.group("InstanceEndpoint", endpoint)]),
        write.text("PowerState", power),
    )
    return write.group("RoleInstance", parts)


def _upgrade_status(change: Change) -> str:
    parts = (
        write.text("UpgradeType", change.mode),
        write.text("CurrentUpgradeDomainState", DomainState.DURING if change.during else DomainState.BEFORE),
        write.text("CurrentUpgradeDomain", change.pointer),
    )
    return write.group("UpgradeStatus", parts)


def _role(role: str, service: str, vip: str) -> str:
    endpoint = (
        write.text("Port", _PORT),
        write.text("Protocol", "http"),
        write.text("Vip", vip),
        write.text("VirtualIPName", _vip_name(service)),
    )
    network = (
        write.text("ConfigurationSetType", "NetworkConfiguration"),
        write.group("InputEndpoints", [write.group("InputEndpoint", endpoint)]),
        write.group("SubnetNames", ()),
    )
    configuration_set = f'<ConfigurationSet i:type="NetworkConfigurationSet">{"".join(network)}</ConfigurationSet>'
    parts = (
        write.text("RoleName", role),
        write.text("OsVersion", _OS_VERSION),
        write.group("ConfigurationSets", [configuration_set]),
    )
    return write.group("Role", parts)


def _rollback_allowed(shown: Deployment, fabric: Fabric) -> str:
    flag = fabric.knobs.rollback_flag
    if not shown.rollback_possible:
        return write.boolean("RollbackAllowed", value=False)
    return "" if flag == "absent" else write.boolean("RollbackAllowed", value=flag == "auto")


def _extension_configuration(extensions: tuple[Extension, ...]) -> str:
    roles = list(dict.fromkeys(each.role for each in extensions if each.role is not None))
    parts = [write.group("AllRoles", (_extension(each) for each in extensions if each.role is None))]
    named = [
        write.group(
            "Role",
            (
                write.text("RoleName", role),
                write.group("Extensions", (_extension(each) for each in extensions if each.role == role)),
            ),
        )
        for role in roles
    ]
    parts.append(write.group("NamedRoles", named))
    return write.group("ExtensionConfiguration", parts)


def _extension(extension: Extension) -> str:
    state = () if extension.state is None else (write.text("State", extension.state),)
    return write.group("Extension", (write.text("Id", extension.id), *state))


def _virtual_ip(service: str, vip: str) -> str:
    parts = (
        write.text("Address", vip),
        write.boolean("IsDnsProgrammed", value=True),
        write.text("Name", _vip_name(service)),
    )
    return write.group("VirtualIP", parts)


def _vip_name(service: str) -> str:
    return f"{service}ContractContract"


def _roles(shown: Deployment) -> list[str]:
    return list(dict.fromkeys(instance.role for instance in shown.instances))
