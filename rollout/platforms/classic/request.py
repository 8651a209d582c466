"""One HTTP request without host and headers, and what makes one: a call of the API, in a version that knows it."""

import re
from typing import Final, Protocol

import msgspec

from rollout.errors import PlatformError, UsageError
from rollout.platforms.classic.redact import redact

_VERSION: Final = re.compile(r"20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\Z", re.ASCII)


class CannotEncode(PlatformError):
    """The API would have to refuse this; nothing has been sent."""


class NeedsVersion(CannotEncode):
    """The chosen `x-ms-version` does not know this part of the API. `needed` is the first that does."""

    def __init__(self, what: str, needed: str, chosen: str) -> None:
        self.needed = needed
        super().__init__(f"{what} needs x-ms-version {needed} or later, and {chosen} is chosen")


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, without host and headers."""

    method: str
    path: str
    """Percent-encoded, with its query."""
    body: bytes = b""
    continuation: str | None = None
    """The mark at which a listing goes on, sent as a header."""

    @property
    def mutates(self) -> bool:
        """Whether the platform may do something because of it: sent once, never repeated by a library."""
        return self.method != "GET"


class Call(Protocol):
    """One operation of the API with its arguments: the records of `requests`, mutating ones and questions alike."""

    @property
    def subscription(self) -> str:
        """Whose service it is about; the API authenticates and throttles by it."""
        ...

    def request(self, version: str) -> Request:
        """Give the request in the given `x-ms-version`; raise `CannotEncode` for what the API cannot take."""
        ...


def require(chosen: str, needed: str, what: str) -> None:
    """Raise `NeedsVersion` unless `chosen` is `needed` or later; versions are dates and sort as text."""
    if chosen < needed:
        raise NeedsVersion(what, needed, chosen)


def checked_version(version: str) -> str:
    """Give `version` back; raise UsageError where it is not spelt as the API's versions are."""
    if not _VERSION.match(version):
        raise UsageError(f"x-ms-version {redact(version)!r}: expected a date such as 2015-09-01")
    return version
