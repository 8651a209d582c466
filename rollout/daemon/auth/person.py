"""A person as the API knows them for one request."""

import re
from typing import Final

import msgspec

from rollout.core.names import ENGINE, POLICY
from rollout.daemon.auth.role import Role
from rollout.errors import UsageError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_OURS: Final = frozenset({ENGINE, POLICY})
"""Actors that are no person: what they say means something else."""


class Person(msgspec.Struct, frozen=True):
    """Who asks. `token` is the id of the token it all comes from, `via` a session's id where one was used."""

    name: str
    roles: tuple[Role, ...]
    token: str
    via: str = ""

    @property
    def bucket(self) -> str:
        """Under which name this caller's requests are counted."""
        return self.via or self.token


def person_name(name: str) -> str:
    """Give a name that entries may carry. Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name[:80]!r} is no person's name: letters, digits and . _ @ + - (at most 64), such as a login name"
        )
    if name.lower() in _OURS:
        raise UsageError(f"{name} is what entries of rollout itself are signed with: name a person")
    return name
