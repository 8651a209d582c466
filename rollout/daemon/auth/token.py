"""A token: what its holder shows, and what is kept of it, which is its hash."""

import hashlib
import hmac
import re
import secrets
from typing import Final

import msgspec

from rollout.daemon.auth.role import Role

SECRET_BYTES: Final = 32
ID_BYTES: Final = 5

_SHAPE: Final = re.compile(r"ro_([0-9a-f]{10})_[A-Za-z0-9_-]{43}")


class TokenRecord(msgspec.Struct, frozen=True):
    """What is kept. Moments are POSIX seconds; `expires_wall` None = it holds until it is revoked."""

    id: str
    name: str
    """The person."""
    roles: tuple[Role, ...]
    sha256: str
    created_wall: float
    expires_wall: float | None = None
    note: str = ""

    def holds(self, wall: float) -> bool:
        """Tell whether it has not expired."""
        return self.expires_wall is None or wall < self.expires_wall


def fresh_id() -> str:
    """Draw the part of a token that may be shown."""
    return secrets.token_hex(ID_BYTES)


def fresh_token(token_id: str) -> str:
    """Draw a token: 256 bits of chance behind its id."""
    return f"ro_{token_id}_{secrets.token_urlsafe(SECRET_BYTES)}"


def id_in(token: str) -> str | None:
    """Give the id that a token names; None for what is no token of ours."""
    found = _SHAPE.fullmatch(token)
    return found.group(1) if found else None


def hashed(token: str) -> str:
    """Give what is kept of a token: 256 bits of chance need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_of(token: str, record: TokenRecord) -> bool:
    """Compare, in a time that tells nothing."""
    return hmac.compare_digest(hashed(token), record.sha256)
