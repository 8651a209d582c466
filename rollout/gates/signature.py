"""Signed words between hooks and us: HMAC-SHA256 over id, time and body, young, seen once, under a key with a name.

Whoever receives our webhooks checks them with `verify_signature`; the way in is checked by the same function.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from rollout.errors import SignatureRefused

ID_HEADER: Final = "x-rollout-id"
TIME_HEADER: Final = "x-rollout-timestamp"
KEY_HEADER: Final = "x-rollout-key"
SIGNATURE_HEADER: Final = "x-rollout-signature"
SCHEME: Final = "sha256="
WINDOW_S: Final = 300.0
"""How far the sender's clock may be from ours, either way."""
IDS_MAX: Final = 100_000
_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TIME: Final = re.compile(r"[0-9]{1,12}")


class ReplayCache:
    """The ids seen within the window. One that is full refuses: forgetting an id would let it in again."""

    def __init__(self, ids_max: int = IDS_MAX) -> None:
        self._seen: dict[str, float] = {}
        self._ids_max = ids_max

    def first_time(self, identity: str, sent: float, now: float) -> bool:
        """Remember an id; False = it was seen before, or there is no room to remember it."""
        if identity in self._seen:
            return False
        if len(self._seen) >= self._ids_max:
            self._seen = {each: when for each, when in self._seen.items() if now - when <= WINDOW_S}
        if len(self._seen) >= self._ids_max:
            return False
        self._seen[identity] = sent
        return True


def signed(key: str, secret: str, identity: str, now: float, body: bytes) -> dict[str, str]:
    """Give the headers that sign `body`."""
    sent = f"{now:.0f}"
    return {
        ID_HEADER: identity,
        TIME_HEADER: sent,
        KEY_HEADER: key,
        SIGNATURE_HEADER: SCHEME + _mac(secret, identity, sent, body),
    }


def verify_signature(
    secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes, *, now: float, seen: ReplayCache
) -> str:
    """Give the name of the key that signed `body`; raises SignatureRefused, and then nothing of it may be believed.

    `secrets` maps the names of all keys that are valid at the moment; `now` is POSIX time. Answer a refusal with 401.
    """
    given = {name.lower(): value for name, value in headers.items()}
    signature, sent = given.get(SIGNATURE_HEADER, ""), given.get(TIME_HEADER, "")
    identity, key = given.get(ID_HEADER, ""), given.get(KEY_HEADER, "")
    if not signature:
        raise SignatureRefused("there is no signature")
    if not signature.startswith(SCHEME):
        raise SignatureRefused("the signature is not of the kind sha256=")
    if not _ID.fullmatch(identity) or not _TIME.fullmatch(sent):
        raise SignatureRefused("the id or the timestamp is missing or has another form")
    # An unknown key costs as much time as a known one.
    expected = SCHEME + _mac(secrets.get(key, ""), identity, sent, body)
    if not hmac.compare_digest(expected.encode(), signature.encode()) or not secrets.get(key):
        raise SignatureRefused("the signature does not fit the body")
    if abs(now - float(sent)) > WINDOW_S:
        raise SignatureRefused(f"it was signed more than {WINDOW_S:.0f} s from now")
    if not seen.first_time(identity, float(sent), now):
        raise SignatureRefused("the same id came before")
    return key


def _mac(secret: str, identity: str, sent: str, body: bytes) -> str:
    message = f"{identity}.{sent}.".encode() + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
