"""The one door to the XML parser: bytes of unknown origin become a tree, or are refused."""

import re
from typing import Final

from lxml import etree

DOCUMENT_BYTES_MAX: Final = 1 << 20
TAG_OPENINGS_MAX: Final = 40_000
ATTRIBUTES_MAX: Final = 64

_DECLARATION_BYTES: Final = 256
_ENCODING: Final = re.compile(r"""\A\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)["']""")
_ENCODINGS: Final = frozenset({"utf-8", "us-ascii"})


class XmlRefused(ValueError):
    """The document is not taken; the message says why and quotes nothing of it."""


def parse(document: bytes) -> etree._Element:
    """Give the root of a well-formed document without entities, doctype or excess. Raises XmlRefused.

    The checks stand in the order of their cost, and each fails closed: a doctype is refused even inside a comment.
    """
    if len(document) > DOCUMENT_BYTES_MAX:
        raise XmlRefused(f"The document is over {DOCUMENT_BYTES_MAX} bytes.")
    try:
        text = document.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="strict")
    except UnicodeDecodeError:
        raise XmlRefused("The document is not UTF-8.") from None
    declared = _ENCODING.match(text[:_DECLARATION_BYTES])
    if declared and declared.group(1).lower() not in _ENCODINGS:
        raise XmlRefused("The declared encoding is neither utf-8 nor us-ascii.")
    if any(word in text for word in ("\0", "<!DOCTYPE", "<!ENTITY")):
        raise XmlRefused("The document contains a NUL, a doctype or an entity declaration.")
    if text.count("<") > TAG_OPENINGS_MAX:
        raise XmlRefused("The document has too many elements.")
    return _tree(text.encode())


def _tree(document: bytes) -> etree._Element:
    # `collect_ids=False` must never be given: with it libxml2 opens an external DTD in spite of everything else here.
    parser = etree.XMLParser(
        resolve_entities="internal",  # type: ignore[arg-type] # the stubs are older than this value
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
        remove_pis=True,
        remove_comments=True,
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise XmlRefused("The document is not well-formed XML.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlRefused("The document has a doctype.")
    if any(len(element.attrib) > ATTRIBUTES_MAX for element in root.iter()):
        raise XmlRefused(f"An element has more than {ATTRIBUTES_MAX} attributes.")
    return root
