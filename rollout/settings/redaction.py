"""Leave secrets out of log events and error texts: by the name of a field, by shape, and by known value."""

import base64
import functools
import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

from rollout.settings.secret import HIDDEN, Secret, known_values

KNOWN_CHARS_MIN: Final = 6
"""A shorter value is left out by name and shape only: taking it out of every text would shred the text."""
DEPTH_MAX: Final = 8
"""Values nested deeper than this are left out whole."""

_SECRET_WORDS: Final = frozenset(
    {"password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "tokens", "authorization", "cookie"}
    | {"sig", "signature", "credential", "credentials", "pem", "pfx", "bearer"}
)
_SECRET_NAMES: Final = frozenset(
    {"key", "private_key", "api_key", "apikey", "account_key", "accountkey", "access_key", "sas", "sas_key"}
)
_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

_PEM: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL)
_PFX: Final = re.compile(r"\bMII[A-Za-z0-9+/_-]{120,}={0,2}")
"""Base64 of a long DER sequence: a PKCS#12 file, a key or a certificate."""
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}")
_JWT: Final = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?")
_USER: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@\"'<>]*@")
_QUERY: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s?\"'<>]*)\?[^\s\"'<>`]*")
_PAIR: Final = re.compile(
    r"(?i)\b(sig|signature|token|passw(?:or)?d|passphrase|secret|accountkey|sharedaccesskey|client_secret)(=|%3d)"
    r"[^&\s\"'<>;,`]+"
)


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Clean one log event, as a structlog processor. It stands behind the one that formats exceptions."""
    known = _known_forms()
    for name, value in event.items():
        event[name] = _cleaned(name, value, known, DEPTH_MAX)
    return event


def redact_text(text: str) -> str:
    """Give `text` without secrets, of the same length otherwise."""
    return _clean(text, _known_forms())


def without_known(text: str, hidden: str = HIDDEN) -> str:
    """Give `text` without the values of known secrets, for who knows the shapes of secrets by itself."""
    known = _known_forms()
    return text if known is None else known.sub(hidden, text)


def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name holds a secret, such as `token`, `client_secret` or `sasToken`."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) or "_".join(words) in _SECRET_NAMES


def _cleaned(name: str, value: Any, known: re.Pattern[str] | None, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Secret) or is_secret_name(name) or depth == 0:
        return HIDDEN
    if isinstance(value, Mapping):
        return {_clean(str(key), known): _cleaned(str(key), each, known, depth - 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned("", each, known, depth - 1) for each in value]
    if isinstance(value, bytes | bytearray):
        return _clean(bytes(value).decode("utf-8", errors="replace"), known)
    return _clean(str(value), known)


def _clean(text: str, known: re.Pattern[str] | None) -> str:
    if known is not None:
        text = known.sub(HIDDEN, text)
    text = _PEM.sub(HIDDEN, text)
    text = _PFX.sub(HIDDEN, text)
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    text = _QUERY.sub(rf"\1?{HIDDEN}", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _JWT.sub(HIDDEN, text)
    return _PAIR.sub(rf"\1\2{HIDDEN}", text)


def _known_forms() -> re.Pattern[str] | None:
    return _forms_of(known_values())


@functools.lru_cache(maxsize=1)
def _forms_of(values: tuple[str, ...]) -> re.Pattern[str] | None:
    """Match each secret as it is, in base64, and quoted for a URL; the longest first."""
    forms: set[str] = set()
    for value in values:
        if len(value) >= KNOWN_CHARS_MIN:
            raw = value.encode()
            encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
            forms |= {value, quote(value), quote(value, safe=""), quote_plus(value), repr(value)[1:-1]}
            forms |= encoded | {each.rstrip("=") for each in encoded}
    if not forms:
        return None
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))))
