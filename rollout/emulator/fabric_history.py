"""The history: which accepted requests List Subscription Operations shows, page by page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rollout.emulator import refusals
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Operation
from rollout.platforms.classic.vocabulary import OperationStatus

DAYS_BACK_MAX: Final = 90


@dataclass(frozen=True, slots=True)
class Wanted:
    """A checked List Subscription Operations."""

    start: datetime
    end: datetime
    object_id: str | None = None
    """A path as one would GET the object, without the host."""
    status: OperationStatus | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """An operation as the listing knows it: late by the lag."""

    operation: Operation
    status: OperationStatus


@dataclass(frozen=True, slots=True)
class Page:
    """Some operations, oldest first, and the token of the next page."""

    shown: tuple[Shown, ...]
    token: str | None


def listed(fabric: Fabric, wanted: Wanted, subscription: str) -> Page:
    """Give one page. The token names the last operation shown, so that a page stays itself while others begin."""
    now = fabric.now()
    if wanted.start < fabric.date(now) - timedelta(days=DAYS_BACK_MAX):
        raise refusals.bad_request(f"StartTime is more than {DAYS_BACK_MAX} days back.")
    if wanted.end < wanted.start:
        raise refusals.bad_request("EndTime is before StartTime.")
    if wanted.token is not None and wanted.token not in fabric.world.history:
        raise refusals.bad_request("ContinuationToken is unknown.")
    size = fabric.knobs.list_ops_page_size
    found: list[Shown] = []
    for each in _matching(fabric, wanted, subscription, now):
        if len(found) == size:
            return Page(tuple(found), found[-1].operation.id)
        found.append(each)
    return Page(tuple(found), None)


def object_id(operation: Operation, subscription: str) -> str:
    """Give the path of what an operation is about: the deployment by its name, else the service."""
    service = f"/{subscription}/services/hostedservices/{operation.service}"
    return f"{service}/deployments/{operation.deployment}" if operation.deployment else service


def _matching(fabric: Fabric, wanted: Wanted, subscription: str, now: float) -> Iterator[Shown]:
    lag_s = fabric.knobs.list_ops_lag_s
    filtered = None if wanted.object_id is None else wanted.object_id.rstrip("/").lower()
    reached = wanted.token is None
    for operation in list(fabric.world.history.values()):
        if not reached:
            reached = operation.id == wanted.token
            continue
        if operation.started_at + lag_s > now:
            continue
        if not wanted.start <= fabric.date(operation.started_at) <= wanted.end:
            continue
        if filtered is not None and filtered not in _object_ids(operation, subscription):
            continue
        ended = operation.completed_at is not None and operation.completed_at + lag_s <= now
        status = operation.status if ended else OperationStatus.IN_PROGRESS
        if wanted.status is None or wanted.status is status:
            yield Shown(operation, status)


def _object_ids(operation: Operation, subscription: str) -> tuple[str, ...]:
    """Give every path of the object: a deployment has one by name and, at the time, one by slot."""
    named = object_id(operation, subscription).lower()
    service = f"/{subscription}/services/hostedservices/{operation.service}"
    if not operation.slot:
        return (named,)
    return (
        named,
        f"{service}/deploymentslots/{operation.slot}".lower(),
    )
