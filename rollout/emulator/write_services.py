"""Writing services: a service with or without its deployments, the list of all, names, extensions, events."""

from collections.abc import Iterable, Sequence
from typing import Final

from rollout.emulator import write
from rollout.emulator.beside import Reboot
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import InstalledExtension, Service
from rollout.emulator.refusals import name_taken
from rollout.emulator.write_deployment import deployment_parts, wire_time
from rollout.platforms.classic.vocabulary import Slot

_REASON: Final = "PlannedMaintenance"
_NO_DESCRIPTION: Final = '<Description i:nil="true"/>'
_WEB_SIZES: Final = ("ExtraSmall", "Small", "Medium", "Large", "ExtraLarge")
_MACHINE_SIZES: Final = ("Basic_A0", *_WEB_SIZES)


def service(shown: Service, fabric: Fabric, subscription: str, version: str, *, detail: bool) -> bytes:
    """Write Get Cloud Service Properties' reply, with both slots in one where details are asked for."""
    parts = list(_service(shown, fabric, subscription))
    if detail:
        parts.append(
            write.group(
                "Deployments",
                (
                    write.group("Deployment", deployment_parts(shown.slots[slot], fabric, version))
                    for slot in Slot
                    if slot in shown.slots
                ),
            )
        )
    return write.document("HostedService", parts)


def services(shown: Sequence[Service], fabric: Fabric, subscription: str) -> bytes:
    """Write List Cloud Services' reply."""
    return write.document(
        "HostedServices",
        (write.group("HostedService", (*_service(each, fabric, subscription), _capabilities())) for each in shown),
    )


def availability(*, free: bool) -> bytes:
    """Write whether a name can be had."""
    reason = '<Reason i:nil="true"/>' if free else write.text("Reason", name_taken().message)
    return write.document("AvailabilityResponse", (write.boolean("Result", free), reason))


def extension(shown: InstalledExtension) -> bytes:
    """Write Get Extension's reply."""
    return write.document("Extension", _extension(shown))


def extensions(shown: Iterable[InstalledExtension]) -> bytes:
    """Write List Extensions' reply."""
    return write.document("Extensions", (write.group("Extension", _extension(each)) for each in shown))


def events(shown: Iterable[Reboot], fabric: Fabric) -> bytes:
    """Write List Deployment Events' reply."""
    reboots = (
        write.group(
            "RebootEvent",
            (
                write.text("RoleName", each.role),
                write.text("InstanceName", each.instance),
                write.text("RebootReason", _REASON),
                write.text("RebootStartTime", wire_time(fabric.date(each.at))),
            ),
        )
        for each in shown
    )
    return write.document("DeploymentEventCollection", [write.group("RebootEvents", reboots)])


def _service(shown: Service, fabric: Fabric, subscription: str) -> Iterable[str]:
    modified = shown.created_at if shown.modified_at is None else shown.modified_at
    place = "AffinityGroup" if shown.location is None else "Location"
    properties = dict(shown.properties)
    if shown.location is not None:
        properties = {"ResourceGroup": shown.name, "ResourceLocation": shown.location} | properties
    parts = [
        _NO_DESCRIPTION if shown.description is None else write.text("Description", shown.description),
        write.text(place, shown.location or shown.affinity_group or ""),
        write.base64("Label", shown.label.encode()),
        write.text("Status", "Deleting" if shown.deleting else "Created"),
        write.text("DateCreated", wire_time(fabric.date(shown.created_at))),
        write.text("DateLastModified", wire_time(fabric.date(modified))),
        write.properties(properties.items()),
    ]
    if shown.reverse_dns is not None:
        parts.append(write.text("ReverseDnsFqdn", shown.reverse_dns))
    address = f"https://management.core.windows.net/{subscription}/services/hostedservices/{shown.name}"
    return (
        write.text("Url", address),
        write.text("ServiceName", shown.name),
        write.group("HostedServiceProperties", parts),
    )


def _capabilities() -> str:
    groups = (("WebWorkerRoleSizes", _WEB_SIZES), ("VirtualMachinesRoleSizes", _MACHINE_SIZES))
    return write.group(
        "ComputeCapabilities",
        (write.group(name, (write.text("RoleSize", size) for size in sizes)) for name, sizes in groups),
    )


def _extension(shown: InstalledExtension) -> Iterable[str]:
    return (
        write.text("ProviderNameSpace", shown.provider),
        write.text("Type", shown.type),
        write.text("Id", shown.id),
        write.text("Version", shown.version),
        write.text("Thumbprint", shown.thumbprint),
        write.text("ThumbprintAlgorithm", shown.thumbprint_algorithm),
        write.base64("PublicConfiguration", shown.public_configuration),
        write.boolean("IsJsonExtension", value=False),
        write.boolean("DisallowMajorVersionUpgrade", value=False),
    )
