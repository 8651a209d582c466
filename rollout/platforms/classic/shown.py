"""What was sent and what came back, made fit to be shown: an outline in which only what is known to be harmless stands.

Of a document the texts of a few named elements are shown; whatever else is written `…`. So a configuration, a setting's
value or a key is left out because nobody has allowed it, and not because somebody recognised it. Never shown at all:
the Authorization header, the query of a URL, certificates.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator
from typing import Final
from xml.sax.saxutils import escape

import msgspec
from lxml import etree

from rollout.core.names import StreamName
from rollout.core.witnessed import PATH_CHARS_MAX, TEXT_CHARS_MAX, Witnessed
from rollout.platforms.classic import xml
from rollout.platforms.classic.exchange import Broken, Exchange, Reply
from rollout.platforms.classic.fields import normal_request_id
from rollout.platforms.classic.redact import HIDDEN, READ_CHARS_MAX, redact, redact_bytes
from rollout.platforms.classic.request import Request
from rollout.platforms.classic.vocabulary import REQUEST_CONTENT_TYPE, REQUEST_ID_HEADER, VERSION_HEADER
from rollout.settings.redaction import redact_text
from rollout.settings.secret import HIDDEN as STARS

ROOTS: Final = frozenset(
    {"UpgradeDeployment", "ChangeConfiguration", "CreateDeployment", "WalkUpgradeDomain", "RollbackUpdateOrUpgrade"}
    | {"UpdateDeploymentStatus", "Swap", "Operation", xml.ERROR}
)
"""The documents that are outlined; of any other one nothing but its size is told."""
PLAIN: Final = frozenset(
    {"Mode", "Force", "UpgradeDomain", "Status", "Production", "SourceDeployment", "RoleToUpgrade", "RoleName"}
    | {"TreatWarningsAsError", "StartDeployment", "Name", "Id", "State", "ID", "HttpStatusCode", "Code", "Message"}
    | {"PackageUrl"}
)
"""Elements whose text is shown, cleaned: modes, names of ours and the platform's words. A URL loses its query."""
ENCODED: Final = frozenset({"Label"})
"""Elements whose text is shown as what the base64 in it says."""
MEASURED: Final = frozenset({"Configuration"})
"""Elements of which only size and digest are told."""
VALUE_CHARS_MAX: Final = 600
"""Of one element's text."""
QUERY_SHOWN: Final = frozenset({"comp", "overwriteExisting"})
"""Parts of a query whose value is shown."""
HEADERS_SHOWN: Final = (REQUEST_ID_HEADER, "date", "retry-after", "content-type", "content-length")
"""Of an answer, in this order."""

Tell = Callable[[Request, Exchange], None]
"""Hears what was sent and what came back."""


class Shown(msgspec.Struct, frozen=True):
    """A text, and whether something was too long for it."""

    text: str
    cut: bool = False


class Called(msgspec.Struct, frozen=True):
    """Which call it was; the fields are those of Witnessed."""

    stream: StreamName
    number: int
    what: str
    at: float
    request_id: str | None = None
    """None = the one in the answer."""


def witnessed(call: Called, request: Request, exchange: Exchange, version: str) -> Witnessed:
    """Give a call and its answer as people may see them."""
    path, asked, answered = path_shown(request.path), request_shown(request, version), answer_shown(exchange)
    return Witnessed(
        stream=call.stream,
        number=call.number,
        what=call.what,
        at=call.at,
        method=request.method,
        path=path.text,
        sent=exchange.sent if isinstance(exchange, Broken) else True,
        status=exchange.status if isinstance(exchange, Reply) else None,
        request=asked.text,
        answer=answered.text,
        request_id=request_id_in(exchange) if call.request_id is None else call.request_id,
        cut=path.cut or asked.cut or answered.cut,
    )


def path_shown(path: str) -> Shown:
    """Give path and query, without values that are not known to be harmless."""
    bare, _, query = path.partition("?")
    pairs = []
    for pair in query.split("&") if query else []:
        name, _, value = pair.partition("=")
        pairs.append(f"{name}={value if name in QUERY_SHOWN else HIDDEN}")
    return _cut(_clean(f"{bare}?{'&'.join(pairs)}" if pairs else bare, PATH_CHARS_MAX + 1), PATH_CHARS_MAX)


def request_shown(request: Request, version: str) -> Shown:
    """Give the headers that say what was meant, and the body."""
    headers = [f"{VERSION_HEADER}: {version}"]
    if request.mutates:
        headers.append(f"Content-Type: {REQUEST_CONTENT_TYPE}")
    return _cut("\n".join([*headers, *_body(request.body)]), TEXT_CHARS_MAX)


def answer_shown(exchange: Exchange) -> Shown:
    """Give the headers that matter and the body, or say what happened instead."""
    if isinstance(exchange, Broken):
        return Shown(_clean(exchange.detail, VALUE_CHARS_MAX))
    headers = [
        f"{name}: {_clean(value, VALUE_CHARS_MAX)}" for name in HEADERS_SHOWN for value in exchange.header_values(name)
    ]
    shown = _cut("\n".join([*headers, *_body(exchange.body)]), TEXT_CHARS_MAX)
    return Shown(shown.text, shown.cut or exchange.oversize)


def request_id_in(exchange: Exchange) -> str:
    """Give the platform's id of the request as 32 hex digits; "" where there is none, or not one."""
    ids = exchange.header_values(REQUEST_ID_HEADER) if isinstance(exchange, Reply) else ()
    return (normal_request_id(ids[0]) or "") if len(ids) == 1 else ""


def _body(body: bytes) -> Iterator[str]:
    """Give an empty line and the body's outline; of what is no document of the API its beginning, cleaned."""
    if not body:
        return
    yield ""
    try:
        root = xml.parse(body, ROOTS)
    except xml.Unreadable:
        yield f"{redact_bytes(body)} ({len(body)} bytes)" if not _is_document(body) else _measured(body)
        return
    yield from _outline(root, "")


def _is_document(body: bytes) -> bool:
    """Tell XML, of which nothing is shown that nobody allowed, from a page or a word of somebody in between."""
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:9].lower()
    return start.startswith(b"<") and not start.startswith((b"<html", b"<!doctype"))


def _outline(element: etree._Element, indent: str) -> Iterator[str]:
    name = xml.local(element)
    if len(element):
        yield f"{indent}<{name}>"
        for child in element:
            yield from _outline(child, indent + "  ")
        yield f"{indent}</{name}>"
        return
    text = (element.text or "").strip()
    yield f"{indent}<{name}>{escape(_text(name, text))}</{name}>" if text else f"{indent}<{name}/>"


def _text(name: str, text: str) -> str:
    if name in PLAIN:
        return _clean(text, VALUE_CHARS_MAX)
    if name in ENCODED | MEASURED and (decoded := _decoded(text)) is not None:
        return _clean(decoded.decode("utf-8", "replace"), VALUE_CHARS_MAX) if name in ENCODED else _measured(decoded)
    return HIDDEN


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _measured(payload: bytes) -> str:
    return f"{HIDDEN} {len(payload)} bytes, sha256 {hashlib.sha256(payload).hexdigest()}"


def _clean(text: str, chars_max: int) -> str:
    """Leave out what looks like a secret: by shape as for logs, by shape as for errors, and by known value."""
    return redact(redact_text(text[:READ_CHARS_MAX]).replace(STARS, HIDDEN), chars_max)


def _cut(text: str, chars_max: int) -> Shown:
    return Shown(text) if len(text) <= chars_max else Shown(text[: chars_max - 1] + HIDDEN, cut=True)
