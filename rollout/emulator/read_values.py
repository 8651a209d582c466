"""Reading values: the text of an element becomes a name, a truth value, a number or bytes."""

import re
from base64 import b64decode
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import urlsplit

from rollout.emulator.read_elements import Reader
from rollout.emulator.refusals import bad_request, invalid_xml
from rollout.platforms.classic.vocabulary import LABEL_CHARACTERS_MAX

_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z")
_INTEGER: Final = re.compile(r"-?[0-9]{1,9}\Z")
_URL_CHARACTERS_MAX: Final = 8192
_XML_BLANKS: Final = " \t\r\n"

Word = TypeVar("Word", bound=StrEnum)


def enum(text: str, words: type[Word], name: str, reader: Reader) -> Word:
    """Read one of a set of words, in any case unless the knob says otherwise."""
    given = text.strip(_XML_BLANKS)
    for word in words:
        if given == word or (reader.knobs.enum_case == "any" and given.lower() == word.lower()):
            return word
    raise invalid_xml(f"{name} is none of its known values.")


def boolean(text: str, name: str) -> bool:
    """Read `true` or `false`; no recorded client writes anything else."""
    given = text.strip(_XML_BLANKS)
    if given not in {"true", "false"}:
        raise invalid_xml(f"{name} is true or false.")
    return given == "true"


def integer(text: str, name: str, *, most: int) -> int:
    """Read a whole number from 0 to `most`."""
    given = text.strip(_XML_BLANKS)
    if not _INTEGER.match(given):
        raise invalid_xml(f"{name} is a whole number.")
    if not 0 <= int(given) <= most:
        raise bad_request(f"{name} is out of range.")
    return int(given)


def base64(text: str, name: str) -> bytes:
    """Read base64 of the standard alphabet with its padding; nothing else, not even a line break."""
    if not text or not _BASE64.match(text):
        raise bad_request(f"{name} is not base64.")
    return b64decode(text, validate=True)


def base64_text(text: str, name: str) -> str:
    """Read base64 of UTF-8 text."""
    try:
        return base64(text, name).decode()
    except UnicodeDecodeError:
        raise bad_request(f"{name} is not base64 of UTF-8 text.") from None


def label(text: str) -> str:
    """Read a label: base64 of 1 to 100 characters."""
    plain = base64_text(text, "Label")
    if not 1 <= len(plain) <= LABEL_CHARACTERS_MAX:
        raise bad_request(f"Label has {len(plain)} characters; allowed are 1 to {LABEL_CHARACTERS_MAX}.")
    return plain


def configuration(text: str) -> bytes:
    """Read a service configuration: base64 of XML, whose lines end as replies end them."""
    return base64(text, "Configuration").replace(b"\r\n", b"\n")


def web_address(text: str, name: str) -> str:
    """Read an http or https address."""
    if len(text) > _URL_CHARACTERS_MAX or not _is_web_address(text):
        raise bad_request(f"{name} is not an http or https address.")
    return text


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
