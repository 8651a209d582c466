"""Read XML from outside: one hardened parse function, and readers that see direct children only."""

import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec
from lxml import etree

from rollout.errors import PlatformError
from rollout.platforms.classic.redact import redact
from rollout.platforms.classic.vocabulary import INSTANCE_NAMESPACE, NAMESPACE, NAMESPACE_MISPRINTED

API_NAMESPACES: Final = frozenset({NAMESPACE, NAMESPACE_MISPRINTED})
"""Recorded replies carry the first; some documentation pages print the second, so it is read as well."""
ERROR: Final = "Error"
"""The one root that is recognised in any namespace: documentation shows it in none."""

_ENCODINGS: Final = frozenset({b"utf-8", b"us-ascii"})
_DECLARATION_BYTES: Final = 256
_DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_FORBIDDEN: Final = (b"\x00", b"<!DOCTYPE", b"<!ENTITY")
_IS_CROWDED: Final = etree.XPath("boolean(//@*[position() > $most])")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Unreadable(PlatformError):
    """A document cannot be used; the message is redacted and says which rule it broke."""


class XmlLimits(msgspec.Struct, frozen=True):
    """How large a document may be.

    A recorded role instance has 33 `<` and 869 bytes in the median, 113 and 2,509 at most: the defaults admit about
    350 to 1,200 instances in one reply. libxml2 itself bounds depth, text, names and expansion, but none of these.
    """

    bytes_max: int = 1 << 20
    markup_max: int = 40_000
    """Of `<`: about twice the number of elements."""
    attributes_max: int = 64
    """On any one element."""


DEFAULT_LIMITS: Final = XmlLimits()


def parse(
    body: bytes,
    roots: Collection[str],
    *,
    namespaces: Collection[str] = API_NAMESPACES,
    limits: XmlLimits = DEFAULT_LIMITS,
) -> etree._Element:
    """Give the root of a document from outside, or raise `Unreadable`.

    The root's local name must be one of `roots`, in one of `namespaces`. DOCTYPE and entity declarations are refused
    wherever they stand, inside CDATA and comments too. Comments and processing instructions are dropped.
    """
    text = _checked_bytes(body, limits)
    try:
        root = etree.fromstring(text, _parser())
    except (etree.LxmlError, ValueError) as error:
        raise Unreadable(redact(f"the document is not well-formed XML: {error}")) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreadable("the document declares a document type, which is never read")
    if _IS_CROWDED(root, most=limits.attributes_max):
        raise Unreadable(f"an element has more than {limits.attributes_max} attributes")
    _check_root(root, roots, namespaces)
    return root


def _checked_bytes(body: bytes, limits: XmlLimits) -> bytes:
    """Refuse what must not reach the parser; give the bytes without a byte-order mark."""
    if len(body) > limits.bytes_max:
        raise Unreadable(f"the document is over the cap of {limits.bytes_max} bytes")
    text = body.removeprefix(_BYTE_ORDER_MARK)
    if not text.strip():
        raise Unreadable("the document is empty")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"the document is not UTF-8: {error.reason} at byte {error.start}") from None
    declared = _DECLARED.search(text[:_DECLARATION_BYTES])
    if declared is not None and declared[1].lower() not in _ENCODINGS:
        raise Unreadable(redact(f"the document declares the encoding {declared[1].decode()!r}; only utf-8 is read"))
    for forbidden in _FORBIDDEN:
        if forbidden in text:
            raise Unreadable(f"the document contains {forbidden.decode()!r}, which is never read")
    if text.count(b"<") > limits.markup_max:
        raise Unreadable(f"the document is over the cap of {limits.markup_max} '<'")
    return text


def _parser() -> etree.XMLParser:
    """Make a fresh parser, so that nothing is shared.

    `collect_ids` keeps its default: with False this libxml2 opens an external DTD in spite of `load_dtd=False`.
    The forced encoding stops a UTF-7 document whose declaration is too long to be found beforehand.
    """
    return etree.XMLParser(
        resolve_entities="internal",  # type: ignore[arg-type]  # the stubs know only bool; lxml 5 added 'internal'
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
        remove_pis=True,
        remove_comments=True,
        encoding="utf-8",
    )


def _check_root(root: etree._Element, roots: Collection[str], namespaces: Collection[str]) -> None:
    """Refuse a root of another name or namespace."""
    name, namespace = local(root), root.tag.rpartition("}")[0].removeprefix("{")
    if name not in roots:
        raise Unreadable(redact(f"the root is <{name}>, expected {' or '.join(f'<{root}>' for root in sorted(roots))}"))
    if name != ERROR and namespace not in namespaces:
        raise Unreadable(redact(f"<{name}> is in the namespace {namespace!r}, which is not the API's"))


def local(element: etree._Element) -> str:
    """Give an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """Give the direct children of that local name, in document order."""
    return (child for child in element if local(child) == name)


def child(element: etree._Element, name: str) -> etree._Element | None:
    """Give the first direct child of that local name that is not nil."""
    return next((found for found in children(element, name) if not _is_nil(found)), None)


def text(element: etree._Element, name: str) -> str | None:
    """Give the text of a direct child, without blanks around it; None where it is absent or nil."""
    found = child(element, name)
    return None if found is None else (found.text or "").strip()


def serialise(root: etree._Element) -> bytes:
    """Write a parsed document again, with an XML declaration."""
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def canonical(root: etree._Element) -> bytes:
    """Write a parsed document as canonical XML: equal for documents that mean the same.

    Blanks around text, the order of attributes and the choice of prefixes are gone; so are comments, by parsing.
    """
    return str(etree.canonicalize(root, strip_text=True, rewrite_prefixes=True)).encode()


def _is_nil(element: etree._Element) -> bool:
    return element.get(f"{{{INSTANCE_NAMESPACE}}}nil", "").strip().lower() in {"true", "1"}
