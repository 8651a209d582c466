"""Cut text from outside down to what may be shown: no secrets, no control characters, at most `SHOWN_CHARS_MAX`."""

import re
from typing import Final

from rollout.settings.redaction import without_known

SHOWN_CHARS_MAX: Final = 200
READ_CHARS_MAX: Final = 8_192
"""How much of a text is looked at; the rest could not be shown anyway."""
HIDDEN: Final = "…"

_PEM = re.compile(r"-----BEGIN.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)
_USER = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@\"'<>]*@")
_QUERY = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s?\"'<>]*)\?[^\s\"'<>]*")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}")
_SIGNATURE = re.compile(r"(?i)\b(sig|token|password|secret|accountkey)=[^&\s\"'<>;]*")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def redact(text: str, chars_max: int = SHOWN_CHARS_MAX) -> str:
    """Give `text` on one line, without URL queries, signatures, bearer tokens and keys, cut to `chars_max`."""
    text = without_known(text[:READ_CHARS_MAX], HIDDEN)
    text = _PEM.sub(HIDDEN, text)
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    text = _QUERY.sub(rf"\1?{HIDDEN}", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _SIGNATURE.sub(rf"\1={HIDDEN}", text)
    text = _UNPRINTABLE.sub(" ", text).strip()
    return text if len(text) <= chars_max else text[: chars_max - 1] + HIDDEN


def redact_bytes(body: bytes) -> str:
    """Do the same to undecoded bytes, whatever they are."""
    return redact(body[:READ_CHARS_MAX].decode("utf-8", errors="replace"))
