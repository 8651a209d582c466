"""Read cloud services: one with the deployments of both its slots, a page of all, and whether a name is free."""

from datetime import datetime

import msgspec
from lxml import etree

from rollout.core.snapshot import Snapshot
from rollout.platforms.classic import fields, xml
from rollout.platforms.classic.decode import ApiError, deployment_of, error_of
from rollout.platforms.classic.fields import UnknownWord, Words
from rollout.platforms.classic.service_words import ServiceStatus
from rollout.platforms.classic.vocabulary import Slot


class Deployed(msgspec.Struct, frozen=True):
    """A deployment and the slot it stands in, as the API spells it."""

    slot: str
    snapshot: Snapshot


class CloudService(msgspec.Struct, frozen=True):
    """One cloud service."""

    name: str
    url: str
    status: str
    label: str
    place: str
    """Its location or its affinity group."""
    description: str | None
    created: datetime | None
    modified: datetime | None
    properties: dict[str, str]
    deployments: tuple[Deployed, ...] | None
    """None where nobody asked for them; empty = none there."""


class ServiceRead(msgspec.Struct, frozen=True):
    """A HostedService body, read."""

    service: CloudService
    unknown: tuple[UnknownWord, ...] = ()


class ServicesRead(msgspec.Struct, frozen=True):
    """A HostedServices body, read; the mark of the next page travels in a header."""

    services: tuple[CloudService, ...]
    unknown: tuple[UnknownWord, ...] = ()


class Availability(msgspec.Struct, frozen=True):
    """Whether a cloud service may have a name, and why not."""

    free: bool
    reason: str


def decode_service(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> ServiceRead | ApiError:
    """Read the answer to Get Cloud Service Properties; raise `Unreadable` where it is neither that nor an Error."""
    root = xml.parse(body, {"HostedService", xml.ERROR}, limits=limits)
    if xml.local(root) == xml.ERROR:
        return error_of(root)
    words = Words()
    return ServiceRead(_service(root, words), words.unknown())


def decode_services(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> ServicesRead | ApiError:
    """Read one page of List Cloud Services."""
    root = xml.parse(body, {"HostedServices", xml.ERROR}, limits=limits)
    if xml.local(root) == xml.ERROR:
        return error_of(root)
    words = Words()
    return ServicesRead(tuple(_service(each, words) for each in xml.children(root, "HostedService")), words.unknown())


def decode_availability(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> Availability | ApiError:
    """Read the answer to the check of a name."""
    root = xml.parse(body, {"AvailabilityResponse", xml.ERROR}, limits=limits)
    if xml.local(root) == xml.ERROR:
        return error_of(root)
    free = fields.boolean(root, "Result")
    if free is None:
        raise xml.Unreadable("<AvailabilityResponse> has no Result")
    return Availability(free, xml.text(root, "Reason") or "")


def _service(element: etree._Element, words: Words) -> CloudService:
    inner = xml.child(element, "HostedServiceProperties")
    if inner is None:
        raise xml.Unreadable("<HostedService> has no HostedServiceProperties")
    status = xml.text(inner, "Status") or ""
    if status:
        words.known("HostedService/Status", status, ServiceStatus)
    return CloudService(
        name=fields.required(element, "ServiceName"),
        url=xml.text(element, "Url") or "",
        status=status,
        label=fields.label(inner),
        place=xml.text(inner, "Location") or xml.text(inner, "AffinityGroup") or "",
        description=xml.text(inner, "Description"),
        created=fields.moment(inner, "DateCreated"),
        modified=fields.moment(inner, "DateLastModified"),
        properties=_properties(inner),
        deployments=_deployments(element, words),
    )


def _properties(inner: etree._Element) -> dict[str, str]:
    listed = xml.child(inner, "ExtendedProperties")
    pairs = () if listed is None else xml.children(listed, "ExtendedProperty")
    return {fields.required(pair, "Name"): xml.text(pair, "Value") or "" for pair in pairs}


def _deployments(element: etree._Element, words: Words) -> tuple[Deployed, ...] | None:
    listed = xml.child(element, "Deployments")
    if listed is None:
        return None
    return tuple(_deployed(each, words) for each in xml.children(listed, "Deployment"))


def _deployed(element: etree._Element, words: Words) -> Deployed:
    slot = fields.required(element, "DeploymentSlot")
    words.known("DeploymentSlot", slot, Slot)
    return Deployed(slot, deployment_of(element, xml.serialise(element), words))
