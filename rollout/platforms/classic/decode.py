"""Turn the API's documents into the engine's words: deployments, operations, errors. Nothing unknown is dropped."""

import hashlib
import re
from typing import Final

import msgspec
from lxml import etree

from rollout.core.outcome import Failed, Progress, Running, Succeeded
from rollout.core.snapshot import Activity, ChangeInFlight, Instance, Snapshot
from rollout.platforms.classic import fields, xml
from rollout.platforms.classic.configuration import Keys
from rollout.platforms.classic.fields import UnknownWord, Words
from rollout.platforms.classic.redact import redact
from rollout.platforms.classic.vocabulary import (
    DeploymentStatus,
    DomainState,
    InstanceStatus,
    Mode,
    OperationStatus,
    PowerState,
)

DIGEST_BYTES: Final = 16
KEYS: Final = Keys()
"""Of every deployment that is read in this process: a look is made far more often than a configuration changes."""

_BLOCKING: Final = re.compile(r"x-ms-request-?id[ :]{1,4}([0-9a-f-]{32,36})", re.ASCII | re.IGNORECASE)

_ACTIVITIES: Final = {
    DeploymentStatus.RUNNING: Activity.RUNNING,
    DeploymentStatus.SUSPENDED: Activity.SUSPENDED,
    DeploymentStatus.RUNNING_TRANSITIONING: Activity.CHANGING,
    DeploymentStatus.SUSPENDED_TRANSITIONING: Activity.SUSPENDED_CHANGING,
}


class ApiError(msgspec.Struct, frozen=True):
    """What an Error body says; the message is redacted."""

    code: str
    message: str
    blocking: str | None = None
    """The id, in the normal spelling, of the operation that holds the lock; older texts do not name it."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class DeploymentRead(msgspec.Struct, frozen=True):
    """A Deployment body, read."""

    snapshot: Snapshot
    unknown: tuple[UnknownWord, ...] = ()


class OperationRead(msgspec.Struct, frozen=True):
    """An Operation body, read. `id` is in the normal spelling."""

    id: str
    progress: Progress
    unknown: tuple[UnknownWord, ...] = ()


def decode_deployment(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> DeploymentRead | ApiError:
    """Read the answer to Get Deployment; raise `Unreadable` where it is neither a Deployment nor an Error."""
    root = xml.parse(body, {"Deployment", xml.ERROR}, limits=limits)
    if xml.local(root) == xml.ERROR:
        return error_of(root)
    words = Words()
    return DeploymentRead(deployment_of(root, body, words), words.unknown())


def decode_operation(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> OperationRead | ApiError:
    """Read the answer to Get Operation Status. An unknown Status is still running, as far as anybody knows."""
    root = xml.parse(body, {"Operation", xml.ERROR}, limits=limits)
    if xml.local(root) == xml.ERROR:
        return error_of(root)
    request_id = fields.normal_request_id(fields.required(root, "ID"))
    if request_id is None:
        raise xml.Unreadable("the ID of the Operation is not a request id")
    words = Words()
    return OperationRead(request_id, progress_of(root, fields.required(root, "Status"), words), words.unknown())


def decode_error(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> ApiError:
    """Read an Error body; raise `Unreadable` where it is none."""
    return error_of(xml.parse(body, {xml.ERROR}, limits=limits))


def deployment_of(root: etree._Element, text: bytes, words: Words) -> Snapshot:
    """Read a Deployment, a document or one inside a cloud service; `text` is what its digest is made of."""
    status = fields.required(root, "Status")
    configuration = _configuration(root)
    return Snapshot(
        deployment=fields.required(root, "Name"),
        release=fields.label(root),
        activity=_activity(words.known("Deployment/Status", status, DeploymentStatus)),
        status=status,
        domain_count=fields.integer(root, "UpgradeDomainCount") or 0,
        instances=_instances(root, words),
        change=_change(root, words),
        locked=fields.boolean(root, "Locked") or False,
        rollback_allowed=fields.boolean(root, "RollbackAllowed"),
        digest=hashlib.blake2b(text, digest_size=DIGEST_BYTES).hexdigest(),
        configuration=configuration,
        key=KEYS.of(configuration),
        private_id=xml.text(root, "PrivateID") or "",
    )


def progress_of(operation: etree._Element | None, status: str, words: Words) -> Running | Succeeded | Failed:
    """Read how an operation is doing from its status word, and why it failed from its Operation, where there is one."""
    match words.known("Operation/Status", status, OperationStatus):
        case OperationStatus.SUCCEEDED:
            return Succeeded()
        case OperationStatus.FAILED:
            return _failed(operation)
        case OperationStatus.IN_PROGRESS | None:
            return Running()


def error_of(element: etree._Element) -> ApiError:
    """Read an Error, a document or one inside an Operation."""
    message = xml.text(element, "Message") or ""
    found = _BLOCKING.search(message)
    return ApiError(
        code=redact(fields.required(element, "Code")),
        message=redact(message),
        blocking=fields.normal_request_id(found[1]) if found else None,
    )


def _configuration(root: etree._Element) -> bytes:
    """Give the configuration as shown; none where it is absent, or hidden by who recorded the answer."""
    try:
        return fields.base64_bytes(root, "Configuration")
    except xml.Unreadable:
        return b""


def _instances(root: etree._Element, words: Words) -> tuple[Instance, ...]:
    listed = xml.child(root, "RoleInstanceList")
    if listed is None:
        return ()
    return tuple(_instance(element, words) for element in xml.children(listed, "RoleInstance"))


def _instance(element: etree._Element, words: Words) -> Instance:
    """Read one instance. A deallocated one has no upgrade domain; ready wants PowerState Started where it is shown."""
    status = xml.text(element, "InstanceStatus") or ""
    ready = words.known("InstanceStatus", status, InstanceStatus) is InstanceStatus.READY
    power = xml.text(element, "PowerState")
    if power is not None:
        ready &= words.known("PowerState", power, PowerState) is PowerState.STARTED
    return Instance(
        name=fields.required(element, "InstanceName"),
        role=fields.required(element, "RoleName"),
        domain=fields.integer(element, "InstanceUpgradeDomain"),
        ready=ready,
        status=status,
        address=xml.text(element, "IpAddress") or "",
    )


def _change(root: etree._Element, words: Words) -> ChangeInFlight | None:
    """Read UpgradeStatus, present only during an update.

    Of an unknown state only this is sure: it is not Before, so nothing may be walked on its strength.
    """
    upgrade = xml.child(root, "UpgradeStatus")
    if upgrade is None:
        return None
    domain = fields.integer(upgrade, "CurrentUpgradeDomain")
    if domain is None:
        raise xml.Unreadable("UpgradeStatus has no CurrentUpgradeDomain")
    mode = words.known("UpgradeType", fields.required(upgrade, "UpgradeType"), Mode)
    state = words.known("CurrentUpgradeDomainState", fields.required(upgrade, "CurrentUpgradeDomainState"), DomainState)
    return ChangeInFlight(manual=mode is Mode.MANUAL, domain=domain, during=state is not DomainState.BEFORE)


def _activity(status: DeploymentStatus | None) -> Activity:
    return Activity.OTHER if status is None else _ACTIVITIES.get(status, Activity.OTHER)


def _failed(operation: etree._Element | None) -> Failed:
    """Read why an operation failed; one without an Error names its HttpStatusCode instead."""
    if operation is None:
        return Failed("Failed", "no Error given")
    error = xml.child(operation, xml.ERROR)
    if error is None:
        return Failed("Failed", redact(f"no Error given, HttpStatusCode {xml.text(operation, 'HttpStatusCode')}"))
    read = error_of(error)
    return Failed(read.code, read.message)
