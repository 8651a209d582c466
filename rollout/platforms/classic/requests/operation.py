"""Get Operation Status and List Subscription Operations: how accepted requests are doing, ours and everybody's."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from rollout.platforms.classic.paths import operations_path, segment, with_query
from rollout.platforms.classic.request import CannotEncode, Request
from rollout.platforms.classic.vocabulary import OperationStatus

LISTED_DAYS_MAX: Final = 90
"""How far back the service lists operations."""


class GetOperation(msgspec.Struct, frozen=True, kw_only=True):
    """Ask how one accepted request is doing."""

    subscription: str
    id: str

    def request(self, _version: str) -> Request:
        """Get it by its request id."""
        return Request("GET", f"{operations_path(self.subscription)}/{segment(self.id)}")


class ListOperations(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for one page of the operations started between two moments, whoever started them."""

    subscription: str
    start: datetime
    end: datetime
    object_path: str | None = None
    """Only those on this object: the path one would Get it by, without host."""
    status: OperationStatus | None = None
    continuation: str | None = None
    """The mark the page before ended with."""

    def request(self, _version: str) -> Request:
        """Get one page."""
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise CannotEncode("operations are listed between two moments, and one of these has no time zone")
        if not timedelta() <= self.end - self.start <= timedelta(days=LISTED_DAYS_MAX):
            raise CannotEncode(f"operations are listed forward in time and over {LISTED_DAYS_MAX} days at most")
        query = {
            "StartTime": _moment(self.start),
            "EndTime": _moment(self.end),
            "ObjectIdFilter": self.object_path,
            "OperationResultFilter": self.status,
            "ContinuationToken": self.continuation,
        }
        return Request("GET", with_query(operations_path(self.subscription), query))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
