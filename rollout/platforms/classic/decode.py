"""Turn the API's documents into the engine's words: deployments, operations, errors. Nothing unknown is dropped."""

import base64
import hashlib
import re
from enum import StrEnum
from typing import Final, TypeVar

import msgspec
from lxml import etree

from rollout.core.outcome import Failed, Progress, Running, Succeeded
from rollout.core.snapshot import Activity, ChangeInFlight, Instance, Snapshot
from rollout.platforms.classic import xml
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

_Word = TypeVar("_Word", bound=StrEnum)

_INTEGER = re.compile(r"\d{1,9}\Z", re.ASCII)
_REQUEST_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ACTIVITIES: Final = {
    DeploymentStatus.RUNNING: Activity.RUNNING,
    DeploymentStatus.SUSPENDED: Activity.SUSPENDED,
    DeploymentStatus.RUNNING_TRANSITIONING: Activity.CHANGING,
    DeploymentStatus.SUSPENDED_TRANSITIONING: Activity.CHANGING,
}


class UnknownWord(msgspec.Struct, frozen=True):
    """A value the vocabulary does not hold, kept as it came; worth one warning."""

    element: str
    value: str


class ApiError(msgspec.Struct, frozen=True):
    """What an Error body says; the message is redacted."""

    code: str
    message: str

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
        return _error(root)
    words = _Words()
    status = _required(root, "Status")
    snapshot = Snapshot(
        deployment=_required(root, "Name"),
        release=_label(xml.text(root, "Label") or ""),
        activity=_activity(words.known("Deployment/Status", status, DeploymentStatus)),
        status=status,
        domain_count=_integer(root, "UpgradeDomainCount") or 0,
        instances=_instances(root, words),
        change=_change(root, words),
        locked=_boolean(root, "Locked") or False,
        rollback_allowed=_boolean(root, "RollbackAllowed"),
        digest=hashlib.blake2b(body, digest_size=DIGEST_BYTES).hexdigest(),
    )
    return DeploymentRead(snapshot, words.unknown())


def decode_operation(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> OperationRead | ApiError:
    """Read the answer to Get Operation Status. An unknown Status is still running, as far as anybody knows."""
    root = xml.parse(body, {"Operation", xml.ERROR}, limits=limits)
    if xml.local(root) == xml.ERROR:
        return _error(root)
    request_id = normal_request_id(_required(root, "ID"))
    if request_id is None:
        raise xml.Unreadable("the ID of the Operation is not a request id")
    words = _Words()
    progress: Progress
    match words.known("Operation/Status", _required(root, "Status"), OperationStatus):
        case OperationStatus.SUCCEEDED:
            progress = Succeeded()
        case OperationStatus.FAILED:
            progress = _failed(root)
        case OperationStatus.IN_PROGRESS | None:
            progress = Running()
    return OperationRead(request_id, progress, words.unknown())


def decode_error(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> ApiError:
    """Read an Error body; raise `Unreadable` where it is none."""
    return _error(xml.parse(body, {xml.ERROR}, limits=limits))


def normal_request_id(text: str) -> str | None:
    """Give a request id as 32 lower-case hex digits; headers spell it so, Operation bodies with dashes."""
    text = text.strip().lower()
    return text.replace("-", "") if _REQUEST_ID.fullmatch(text) else None


class _Words:
    """Matches words of the wire against the vocabulary without regard to case, and remembers the strange ones."""

    def __init__(self) -> None:
        self._unknown: dict[UnknownWord, None] = {}

    def known(self, element: str, value: str, words: type[_Word]) -> _Word | None:
        folded = value.casefold()
        for word in words:
            if word.value.casefold() == folded:
                return word
        self._unknown[UnknownWord(element, redact(value))] = None
        return None

    def unknown(self) -> tuple[UnknownWord, ...]:
        return tuple(self._unknown)


def _instances(root: etree._Element, words: _Words) -> tuple[Instance, ...]:
    listed = xml.child(root, "RoleInstanceList")
    if listed is None:
        return ()
    return tuple(_instance(element, words) for element in xml.children(listed, "RoleInstance"))


def _instance(element: etree._Element, words: _Words) -> Instance:
    """Read one instance. A deallocated one has no upgrade domain; ready wants PowerState Started where it is shown."""
    status = xml.text(element, "InstanceStatus") or ""
    ready = words.known("InstanceStatus", status, InstanceStatus) is InstanceStatus.READY
    power = xml.text(element, "PowerState")
    if power is not None:
        ready &= words.known("PowerState", power, PowerState) is PowerState.STARTED
    return Instance(
        name=_required(element, "InstanceName"),
        role=_required(element, "RoleName"),
        domain=_integer(element, "InstanceUpgradeDomain"),
        ready=ready,
        status=status,
    )


def _change(root: etree._Element, words: _Words) -> ChangeInFlight | None:
    """Read UpgradeStatus, present only during an update.

    Of an unknown state only this is sure: it is not Before, so nothing may be walked on its strength.
    """
    upgrade = xml.child(root, "UpgradeStatus")
    if upgrade is None:
        return None
    domain = _integer(upgrade, "CurrentUpgradeDomain")
    if domain is None:
        raise xml.Unreadable("UpgradeStatus has no CurrentUpgradeDomain")
    mode = words.known("UpgradeType", _required(upgrade, "UpgradeType"), Mode)
    state = words.known("CurrentUpgradeDomainState", _required(upgrade, "CurrentUpgradeDomainState"), DomainState)
    return ChangeInFlight(manual=mode is Mode.MANUAL, domain=domain, during=state is not DomainState.BEFORE)


def _activity(status: DeploymentStatus | None) -> Activity:
    return Activity.OTHER if status is None else _ACTIVITIES.get(status, Activity.OTHER)


def _failed(root: etree._Element) -> Failed:
    """Read why an operation failed; one without an Error names its HttpStatusCode instead."""
    error = xml.child(root, xml.ERROR)
    if error is None:
        return Failed("Failed", redact(f"no Error given, HttpStatusCode {xml.text(root, 'HttpStatusCode')}"))
    read = _error(error)
    return Failed(read.code, read.message)


def _error(element: etree._Element) -> ApiError:
    return ApiError(redact(_required(element, "Code")), redact(xml.text(element, "Message") or ""))


def _required(element: etree._Element, name: str) -> str:
    """Give a child's text; without it the document cannot be used."""
    value = xml.text(element, name)
    if not value:
        raise xml.Unreadable(f"<{xml.local(element)}> has no {name}")
    return value


def _integer(element: etree._Element, name: str) -> int | None:
    value = xml.text(element, name)
    if value is None:
        return None
    if not _INTEGER.match(value):
        raise xml.Unreadable(redact(f"{name} is {value!r}, expected a number"))
    return int(value)


def _boolean(element: etree._Element, name: str) -> bool | None:
    value = xml.text(element, name)
    if value is None:
        return None
    if value.lower() not in {"true", "false"}:
        raise xml.Unreadable(redact(f"{name} is {value!r}, expected true or false"))
    return value.lower() == "true"


def _label(value: str) -> str:
    """Decode a Label: base64 of UTF-8, blanks between the characters allowed."""
    try:
        return base64.b64decode("".join(value.split()), validate=True).decode("utf-8")
    except ValueError:
        raise xml.Unreadable("the Label is not base64 of UTF-8 text") from None
