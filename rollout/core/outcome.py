"""What a platform answers: three outcomes of a call, four states of an operation. Values, never exceptions."""

from enum import StrEnum

import msgspec


class Handle(msgspec.Struct, frozen=True):
    """How an accepted operation is found again, by a restarted engine too. A plain record."""

    scope: str
    """The rate bucket it is polled in; for the classic API the subscription."""
    id: str
    """The platform's id of the operation, in one normal spelling."""


class RefusedKind(StrEnum):
    """Why a call is known not to have been applied."""

    NOT_SENT = "not_sent"
    """The first byte never left."""
    THROTTLED = "throttled"
    BUSY = "busy"
    """The deployment is locked by an operation in progress."""
    REJECTED = "rejected"
    """The platform said no; what the deployment shows decides what that means."""


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The platform took the call; the work goes on behind `handle`."""

    handle: Handle


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The call is known not to have been applied by this attempt."""

    kind: RefusedKind
    error: str
    retry_after_s: float | None = None
    blocking: str | None = None
    """The id of the operation that is in the way, where the platform names it."""


class Lost(msgspec.Struct, frozen=True, tag="lost"):
    """Nobody knows whether the call was applied. Never repeated blindly: looked at first."""

    detail: str


Outcome = Accepted | Refused | Lost


class Running(msgspec.Struct, frozen=True, tag="running"):
    """The operation is in progress."""


class Succeeded(msgspec.Struct, frozen=True, tag="succeeded"):
    """The operation ended well; the deployment may not have settled yet."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The operation ended badly, with the platform's own code and text."""

    code: str
    message: str


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """The platform does not know the id: not visible yet, or forgotten. Not a failure."""

    detail: str


class Unreachable(msgspec.Struct, frozen=True, tag="unreachable"):
    """The question got no usable answer: no evidence either way."""

    detail: str
    throttled: bool = False
    retry_after_s: float | None = None


Progress = Running | Succeeded | Failed | Unknown | Unreachable
