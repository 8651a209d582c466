"""Write a request's document: children in the order given, text escaped, a null marked as one."""

import base64
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from rollout.platforms.classic.paths import utf8
from rollout.platforms.classic.request import CannotEncode
from rollout.platforms.classic.vocabulary import INSTANCE_NAMESPACE, LABEL_CHARACTERS_MAX, NAMESPACE

PACKAGE_URL_CHARS_MAX: Final = 2_048

Field = tuple[str, "str | Sequence[Field] | None"]
"""A child: its name, and its text, its own children, or None for nil."""

_DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>\n'
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NIL: Final = f'<{{name}} xmlns:i="{INSTANCE_NAMESPACE}" i:nil="true"/>'


def document(root: str, fields: Sequence[Field]) -> bytes:
    """Write the children in the order given: the API's contract numbers them, and their order is significant."""
    inner = "".join(map(_element, fields))
    return f'{_DECLARATION}<{root} xmlns="{NAMESPACE}">{inner}</{root}>'.encode()


def label_text(label: str) -> str:
    """Give a label as the API wants it, base64 of UTF-8; raise `CannotEncode` where it is too long."""
    if len(label) > LABEL_CHARACTERS_MAX:
        raise CannotEncode(
            f"the label has {len(label)} characters and the API takes {LABEL_CHARACTERS_MAX}: shorten it"
        )
    return base64_text(utf8(label, "the label"))


def base64_text(payload: bytes) -> str:
    """Give bytes as the API's base64 text."""
    return base64.b64encode(payload).decode("ascii")


def boolean_text(value: bool) -> str:
    """Give a boolean in the API's lower case."""
    return "true" if value else "false"


def blob_url(url: str, what: str) -> str:
    """Give `url` back, or raise `CannotEncode` where it cannot be a blob's or a container's."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise CannotEncode(f"{what} is not a URL") from None
    if parts.scheme not in {"https", "http"} or not parts.netloc or re.search(r"\s", url):
        raise CannotEncode(f"{what} is not an http or https URL of a blob store")
    if len(url) > PACKAGE_URL_CHARS_MAX:
        raise CannotEncode(f"{what} is longer than {PACKAGE_URL_CHARS_MAX} characters")
    return url


def url_text(payload: bytes, what: str) -> str:
    """Give a stored URL as text, without the line break a file may end with."""
    try:
        return payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise CannotEncode(f"{what} is not a URL") from None


def _element(field: Field) -> str:
    name, content = field
    if content is None:
        return _NIL.format(name=name)
    if isinstance(content, str):
        return f"<{name}>{_escaped(content, name)}</{name}>"
    return f"<{name}>{''.join(map(_element, content))}</{name}>" if content else f"<{name}/>"


def _escaped(text: str, name: str) -> str:
    """Escape text; a signed package URL is full of `&`."""
    if _NOT_XML.search(text):
        raise CannotEncode(f"{name} contains a character that XML cannot carry")
    return escape(text)
