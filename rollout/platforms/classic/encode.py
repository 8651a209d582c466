"""Turn an operation into the one request that asks for it: method, path and body, byte for byte."""

import base64
import re
from collections.abc import Mapping
from typing import Final, assert_never
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

import msgspec

from rollout.core.names import Digest, Target
from rollout.core.names import Slot as CoreSlot
from rollout.core.operation import Operation, RollBack, RollbackMode, StartUpgrade, Walk
from rollout.errors import PlatformError
from rollout.platforms.classic.configuration import with_instance_counts
from rollout.platforms.classic.vocabulary import (
    LABEL_CHARACTERS_MAX,
    NAMESPACE,
    UPGRADE_DOMAINS_MAX,
    Comp,
    Mode,
    Slot,
)
from rollout.platforms.classic.xml import Unreadable

PACKAGE_URL_CHARS_MAX: Final = 2_048
SEGMENT_CHARS_MAX: Final = 256

_DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>\n'
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SLOTS: Final = {CoreSlot.PRODUCTION: Slot.PRODUCTION, CoreSlot.STAGING: Slot.STAGING}
_ROLLBACK_MODES: Final = {RollbackMode.AUTO: Mode.AUTO, RollbackMode.MANUAL: Mode.MANUAL}


class CannotEncode(PlatformError):
    """The API would have to refuse this; nothing has been sent."""


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, without host and headers."""

    method: str
    path: str
    """Percent-encoded, with its query."""
    body: bytes = b""

    @property
    def mutates(self) -> bool:
        """Whether the platform may do something because of it: sent once, never repeated by a library."""
        return self.method != "GET"


def payloads_of(operation: Operation) -> tuple[Digest, ...]:
    """Name the payloads `encode` wants for `operation`."""
    match operation:
        case StartUpgrade():
            return (operation.package, operation.configuration)
        case Walk() | RollBack():
            return ()
        case _:
            assert_never(operation)


def encode(target: Target, operation: Operation, payloads: Mapping[Digest, bytes]) -> Request:
    """Give the request for `operation`; raise `CannotEncode` for what the API cannot take."""
    match operation:
        case StartUpgrade():
            return _change(target, Comp.UPGRADE, _upgrade(operation, payloads))
        case Walk():
            return _change(target, Comp.WALK, _walk(operation))
        case RollBack():
            return _change(target, Comp.ROLLBACK, _rollback(operation))
        case _:
            assert_never(operation)


def get_deployment(target: Target) -> Request:
    """Ask for one deployment."""
    return Request("GET", deployment_path(target))


def get_operation(subscription: str, request_id: str) -> Request:
    """Ask how an accepted request is doing."""
    return Request("GET", f"/{_segment(subscription)}/operations/{_segment(request_id)}")


def deployment_path(target: Target) -> str:
    """Name a deployment by its own name where known, since a slot means another deployment after a swap."""
    service = f"/{_segment(target.subscription)}/services/hostedservices/{_segment(target.service)}"
    if target.deployment is not None:
        return f"{service}/deployments/{_segment(target.deployment)}"
    return f"{service}/deploymentslots/{_SLOTS[target.slot]}"


def _change(target: Target, comp: Comp, document: str) -> Request:
    """Post a document to a deployment; the API spells these paths with a slash before the query."""
    return Request("POST", f"{deployment_path(target)}/?comp={comp}", document.encode())


def _upgrade(operation: StartUpgrade, payloads: Mapping[Digest, bytes]) -> str:
    if len(operation.label) > LABEL_CHARACTERS_MAX:
        raise CannotEncode(
            f"the label has {len(operation.label)} characters and the API takes {LABEL_CHARACTERS_MAX}: shorten it"
        )
    try:
        configuration = with_instance_counts(payloads[operation.configuration], operation.instance_counts)
    except Unreadable as error:
        raise CannotEncode(f"the service configuration cannot be used: {error}") from error
    fields = [
        ("Mode", Mode.MANUAL),
        ("PackageUrl", _package_url(payloads[operation.package])),
        ("Configuration", _base64(configuration)),
        ("Label", _base64(_utf8(operation.label, "the label"))),
    ]
    if operation.role is not None:
        fields.append(("RoleToUpgrade", operation.role))
    fields.append(("Force", _boolean(operation.force)))
    return _document("UpgradeDeployment", fields)


def _walk(operation: Walk) -> str:
    if not 0 <= operation.domain < UPGRADE_DOMAINS_MAX:
        raise CannotEncode(f"upgrade domain {operation.domain} cannot exist: they count from 0, at most 20 of them")
    return _document("WalkUpgradeDomain", [("UpgradeDomain", str(operation.domain))])


def _rollback(operation: RollBack) -> str:
    """Force is always sent, as the documentation requires, and false: a rollback that would lose data is refused."""
    mode = _ROLLBACK_MODES[operation.mode]
    return _document("RollbackUpdateOrUpgrade", [("Mode", mode), ("Force", _boolean(value=False))])


def _document(root: str, fields: list[tuple[str, str]]) -> str:
    """Write the children in the order given: the API's contract numbers them, and their order is significant."""
    inner = "".join(f"<{name}>{_escaped(text, name)}</{name}>" for name, text in fields)
    return f'{_DECLARATION}<{root} xmlns="{NAMESPACE}">{inner}</{root}>'


def _escaped(text: str, name: str) -> str:
    """Escape text; a signed package URL is full of `&`."""
    if _NOT_XML.search(text):
        raise CannotEncode(f"{name} contains a character that XML cannot carry")
    return escape(text)


def _package_url(payload: bytes) -> str:
    try:
        url = payload.decode("utf-8").strip()
        parts = urlsplit(url)
    except ValueError:
        raise CannotEncode("the package reference is not a URL") from None
    if parts.scheme not in {"https", "http"} or not parts.netloc or re.search(r"\s", url):
        raise CannotEncode("the package reference is not an http or https URL of a blob")
    if len(url) > PACKAGE_URL_CHARS_MAX:
        raise CannotEncode(f"the package URL is longer than {PACKAGE_URL_CHARS_MAX} characters")
    return url


def _segment(text: str) -> str:
    """Quote one path segment, so that no name can leave its place in the path."""
    if not text or text in {".", ".."} or len(text) > SEGMENT_CHARS_MAX:
        raise CannotEncode(f"{text[:SEGMENT_CHARS_MAX]!r} cannot name anything in a path of the API")
    return quote(_utf8(text, "a name"), safe="")


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise CannotEncode(f"{what} contains half a character (a lone surrogate)") from None


def _base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode("ascii")


def _boolean(value: bool) -> str:
    return "true" if value else "false"
