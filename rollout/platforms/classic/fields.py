"""Read the fields of a document: texts, numbers, booleans, dates, base64, and words the vocabulary may not hold."""

import base64
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

import msgspec
from lxml import etree

from rollout.platforms.classic import xml
from rollout.platforms.classic.redact import redact

_Word = TypeVar("_Word", bound=StrEnum)

_INTEGER: Final = re.compile(r"\d{1,9}\Z", re.ASCII)
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d)?)(?:\.\d{1,9})?Z?\Z", re.ASCII)
_REQUEST_ID: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class UnknownWord(msgspec.Struct, frozen=True):
    """A value the vocabulary does not hold, kept as it came; worth one warning."""

    element: str
    value: str


class Words:
    """Matches words of the wire against the vocabulary without regard to case, and remembers the strange ones."""

    def __init__(self) -> None:
        self._unknown: dict[UnknownWord, None] = {}

    def known(self, element: str, value: str, words: type[_Word]) -> _Word | None:
        """Give the word, or None where the vocabulary does not hold it."""
        folded = value.casefold()
        for word in words:
            if word.value.casefold() == folded:
                return word
        self._unknown[UnknownWord(element, redact(value))] = None
        return None

    def unknown(self) -> tuple[UnknownWord, ...]:
        """Give the strange words met, each once."""
        return tuple(self._unknown)


def normal_request_id(text: str) -> str | None:
    """Give a request id as 32 lower-case hex digits; headers spell it so, Operation bodies with dashes."""
    text = text.strip().lower()
    return text.replace("-", "") if _REQUEST_ID.fullmatch(text) else None


def required(element: etree._Element, name: str) -> str:
    """Give a child's text; without it the document cannot be used."""
    value = xml.text(element, name)
    if not value:
        raise xml.Unreadable(f"<{xml.local(element)}> has no {name}")
    return value


def integer(element: etree._Element, name: str) -> int | None:
    """Give a child's number; None where it is absent."""
    value = xml.text(element, name)
    if value is None:
        return None
    if not _INTEGER.match(value):
        raise xml.Unreadable(redact(f"{name} is {value!r}, expected a number"))
    return int(value)


def boolean(element: etree._Element, name: str) -> bool | None:
    """Give a child's truth value; None where it is absent."""
    value = xml.text(element, name)
    if value is None:
        return None
    if value.lower() not in {"true", "false"}:
        raise xml.Unreadable(redact(f"{name} is {value!r}, expected true or false"))
    return value.lower() == "true"


def moment(element: etree._Element, name: str) -> datetime | None:
    """Give a child's moment, in UTC and to the second; None where it is absent."""
    value = xml.text(element, name)
    if not value:
        return None
    found = _MOMENT.match(value)
    try:
        return datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else _no_moment(name, value)
    except ValueError:
        return _no_moment(name, value)


def base64_bytes(element: etree._Element, name: str) -> bytes:
    """Give the bytes of a base64 child, blanks between the characters allowed; none where it is absent."""
    value = xml.text(element, name) or ""
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except ValueError:
        raise xml.Unreadable(f"the {name} is not base64") from None


def label(element: etree._Element) -> str:
    """Give the Label: base64 of UTF-8."""
    try:
        return base64_bytes(element, "Label").decode("utf-8")
    except (ValueError, xml.Unreadable):
        raise xml.Unreadable("the Label is not base64 of UTF-8 text") from None


def _no_moment(name: str, value: str) -> datetime:
    raise xml.Unreadable(redact(f"{name} is {value!r}, expected a moment such as 2016-02-19T01:41:14Z"))
