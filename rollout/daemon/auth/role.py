"""What a person may do: roles, and what each of them covers."""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """A token has one or several; each of them may look at everything."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    """Submits, pauses, stops, takes back: every word but those of approvers and admins."""
    APPROVER = "approver"
    """Approves and rejects what waits for a group that the person is in."""
    ADMIN = "admin"
    """Everything."""


def covers(roles: Iterable[Role], needed: Role) -> bool:
    """Tell whether somebody with these roles may do what `needed` may."""
    held = frozenset(roles)
    return bool(held) and (needed is Role.VIEWER or needed in held or Role.ADMIN in held)
