"""Ask everybody's operations: who else is at work on a deployment, and which of ours are still in progress."""

from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from rollout.core.outcome import Failed, Running, Succeeded, Unreachable
from rollout.core.snapshot import Absent
from rollout.platforms.classic.client import ClassicClient
from rollout.platforms.classic.decode_listing import Caller, ListedOperation
from rollout.platforms.classic.fields import normal_request_id
from rollout.platforms.classic.redact import redact
from rollout.platforms.classic.requests.operation import LISTED_DAYS_MAX, ListOperations
from rollout.platforms.classic.vocabulary import OperationStatus

SKEW_S: Final = 300.0
"""How far the service's clock and ours may be apart: listings begin earlier and end later by it."""
_LOOK_BACK_MAX: Final = timedelta(days=LISTED_DAYS_MAX) - timedelta(seconds=4 * SKEW_S)


class ForeignOperation(msgspec.Struct, frozen=True):
    """An operation somebody else started."""

    caller: Caller
    name: str
    started: datetime | None
    id: str
    status: Running | Succeeded | Failed

    def __str__(self) -> str:
        """Say who does what since when, for people."""
        since = f", started {self.started:%Y-%m-%d %H:%M:%S} UTC" if self.started else ""
        return redact(f"{self.name or 'an operation'} ({self.id}) by {self.caller}{since}, {_doing(self.status)}")


async def whose(
    client: ClassicClient,
    subscription: str,
    paths: Collection[str],
    window: tuple[float, float],
    ours: Collection[str] = (),
) -> tuple[ForeignOperation, ...] | Unreachable:
    """Give the operations of others on the objects named by `paths`, the latest first.

    `window` is since when and now, in POSIX seconds UTC; `ours` are the request ids we were given, in either spelling.
    """
    known = {normal_request_id(each) for each in ours}
    found: dict[str, ListedOperation] = {}
    for path in paths:
        listed = await _listed(client, _listing(subscription, window, path=path))
        if isinstance(listed, Unreachable):
            return listed
        found.update((each.id, each) for each in listed if each.id not in known)
    latest = sorted(found.values(), key=lambda each: each.started or datetime.min.replace(tzinfo=UTC), reverse=True)
    return tuple(ForeignOperation(each.caller, each.name, each.started, each.id, each.progress) for each in latest)


async def running(
    client: ClassicClient, subscription: str, window: tuple[float, float]
) -> AsyncIterator[frozenset[str] | Unreachable]:
    """Give the ids of all operations in progress that began in `window`, page by page: a hint, never a proof.

    The service may show an operation late, so one that is missing here is asked for by its id.
    """
    async for page in client.running(_listing(subscription, window, status=OperationStatus.IN_PROGRESS)):
        yield Unreachable(page.detail) if isinstance(page, Absent) else page


async def _listed(client: ClassicClient, call: ListOperations) -> list[ListedOperation] | Unreachable:
    """Gather every page, or nothing: a part of a listing would be taken for the whole."""
    listed: list[ListedOperation] = []
    async for page in client.operations(call):
        if isinstance(page, Unreachable):
            return page
        if isinstance(page, Absent):
            return Unreachable(page.detail)
        listed += page
    return listed


def _listing(
    subscription: str,
    window: tuple[float, float],
    *,
    path: str | None = None,
    status: OperationStatus | None = None,
) -> ListOperations:
    since, now = (datetime.fromtimestamp(each, UTC) for each in window)
    skew = timedelta(seconds=SKEW_S)
    start = max(since - skew, now - _LOOK_BACK_MAX)
    return ListOperations(subscription=subscription, start=start, end=now + skew, object_path=path, status=status)


def _doing(progress: Running | Succeeded | Failed) -> str:
    match progress:
        case Running():
            return "in progress"
        case Succeeded():
            return "succeeded"
        case Failed(code=code, message=message):
            return f"failed ({code}: {message})"
