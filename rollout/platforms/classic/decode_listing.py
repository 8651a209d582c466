"""Read List Subscription Operations: who asked for what on which object, and how it is doing."""

from datetime import datetime
from typing import Final, cast

import msgspec
from lxml import etree

from rollout.core.outcome import Failed, Running, Succeeded
from rollout.platforms.classic import fields, xml
from rollout.platforms.classic.decode import ApiError, error_of, progress_of
from rollout.platforms.classic.fields import UnknownWord, Words
from rollout.platforms.classic.redact import HIDDEN, redact
from rollout.platforms.classic.vocabulary import INSTANCE_NAMESPACE, NAMESPACE, OperationStatus

_NAMES: Final = {"a": NAMESPACE, "i": INSTANCE_NAMESPACE}
_LISTED: Final = "/*/a:SubscriptionOperations"
_RUNNING_IDS: Final = etree.XPath(
    f"{_LISTED}/a:SubscriptionOperation[a:OperationStatus/a:Status = '{OperationStatus.IN_PROGRESS}']"
    "/a:OperationId/text()",
    namespaces=_NAMES,
    smart_strings=False,
)
"""The ids of operations that are written in the one way that is nearly every one's."""
_ARE_ALL: Final = etree.XPath(
    f"count({_LISTED}) = 1 and count({_LISTED}/*) = $number and count({_LISTED}/*/a:OperationId) = $number"
    f" and count({_LISTED}/*/a:OperationStatus) = $number and count({_LISTED}/*/a:OperationStatus/a:Status) = $number"
    " and not(//@i:nil)",
    namespaces=_NAMES,
)
"""Whether these are all there are, each with one id and one status."""


class Parameter(msgspec.Struct, frozen=True):
    """One input of an operation, as the service wrote it down; it may hold signed URLs, so no text shows it."""

    name: str
    value: str

    def __repr__(self) -> str:
        return f"Parameter(name={self.name!r}, value={HIDDEN!r})"


class Caller(msgspec.Struct, frozen=True):
    """Who asked for an operation, as far as the service knows."""

    email: str | None = None
    thumbprint: str | None = None
    """Of the management certificate."""
    address: str | None = None
    by_api: bool | None = None
    """Through this API; otherwise by another way, such as the portal."""

    def __str__(self) -> str:
        who = self.email or (f"the certificate {self.thumbprint}" if self.thumbprint else "somebody unnamed")
        return redact(f"{who} at {self.address}" if self.address else who)


class ListedOperation(msgspec.Struct, frozen=True):
    """One operation of a subscription, whoever started it."""

    id: str
    """In the normal spelling."""
    object_path: str
    name: str
    """The service's own word; its spellings are nowhere listed."""
    parameters: tuple[Parameter, ...]
    caller: Caller
    progress: Running | Succeeded | Failed
    started: datetime | None
    completed: datetime | None


class OperationsRead(msgspec.Struct, frozen=True):
    """One page of operations; without a continuation it is the last."""

    operations: tuple[ListedOperation, ...]
    continuation: str | None
    unknown: tuple[UnknownWord, ...] = ()


class RunningRead(msgspec.Struct, frozen=True):
    """The ids of one page's operations that are in progress, in the normal spelling."""

    ids: frozenset[str]
    continuation: str | None
    unknown: tuple[UnknownWord, ...] = ()


def decode_operations(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> OperationsRead | ApiError:
    """Read one page of List Subscription Operations; raise `Unreadable` where it is neither that nor an Error."""
    root = xml.parse(body, {"SubscriptionOperationCollection", xml.ERROR}, limits=limits)
    if xml.local(root) == xml.ERROR:
        return error_of(root)
    words = Words()
    listed = xml.child(root, "SubscriptionOperations")
    elements = () if listed is None else xml.children(listed, "SubscriptionOperation")
    operations = tuple(_operation(each, words) for each in elements)
    return OperationsRead(operations, xml.text(root, "ContinuationToken") or None, words.unknown())


def decode_running(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> RunningRead | ApiError:
    """Read of one page only which operations are in progress; what has no request id is nobody's handle."""
    root = xml.parse(body, {"SubscriptionOperationCollection", xml.ERROR}, limits=limits)
    if xml.local(root) == xml.ERROR:
        return error_of(root)
    words = Words()
    found = _all_running(root)
    if found is None:
        listed = xml.child(root, "SubscriptionOperations")
        elements = () if listed is None else xml.children(listed, "SubscriptionOperation")
        running = (each for each in elements if isinstance(_progress(each, words), Running))
        ids = (fields.normal_request_id(fields.required(each, "OperationId")) for each in running)
        found = frozenset(each for each in ids if each is not None)
    return RunningRead(found, xml.text(root, "ContinuationToken") or None, words.unknown())


def _all_running(root: etree._Element) -> frozenset[str] | None:
    """Give the ids of a page on which every operation is plainly in progress, as asked for; None = read each of them.

    A page has a hundred operations and more, and looking at each element of each from here takes ten times as long.
    """
    texts = cast("list[str]", _RUNNING_IDS(root))
    if not _ARE_ALL(root, number=len(texts)):
        return None
    ids = frozenset(map(fields.normal_request_id, texts))
    return None if None in ids else cast("frozenset[str]", ids)


def _operation(element: etree._Element, words: Words) -> ListedOperation:
    """Read one operation. Only its id is needed; who lists everybody's operations meets strange ones."""
    request_id = fields.required(element, "OperationId")
    return ListedOperation(
        id=fields.normal_request_id(request_id) or redact(request_id),
        object_path=xml.text(element, "OperationObjectId") or "",
        name=xml.text(element, "OperationName") or "",
        parameters=_parameters(element),
        caller=_caller(xml.child(element, "OperationCaller")),
        progress=_progress(element, words),
        started=fields.moment(element, "OperationStartedTime"),
        completed=fields.moment(element, "OperationCompletedTime"),
    )


def _parameters(element: etree._Element) -> tuple[Parameter, ...]:
    """Read the inputs; their Name and Value lie in a namespace of their own."""
    listed = xml.child(element, "OperationParameters")
    pairs = () if listed is None else xml.children(listed, "OperationParameter")
    return tuple(Parameter(xml.text(pair, "Name") or "", xml.text(pair, "Value") or "") for pair in pairs)


def _caller(element: etree._Element | None) -> Caller:
    if element is None:
        return Caller()
    return Caller(
        email=xml.text(element, "UserEmailAddress") or None,
        thumbprint=xml.text(element, "SubscriptionCertificateThumbprint") or None,
        address=xml.text(element, "ClientIP") or None,
        by_api=fields.boolean(element, "UsedServiceManagementApi"),
    )


def _progress(element: etree._Element, words: Words) -> Running | Succeeded | Failed:
    """Read OperationStatus, an Operation of its own on the wire; a bare word is what one client expects of it."""
    status = xml.child(element, "OperationStatus")
    if status is None:
        return Running()
    nested = xml.text(status, "Status")
    if nested is not None:
        return progress_of(status, nested, words)
    bare = (status.text or "").strip()
    return progress_of(None, bare, words) if bare else Running()
