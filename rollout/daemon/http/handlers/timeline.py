"""What happened to a rollout or to one of its services, in order."""

from typing import Annotated, Final

from pydantic import StringConstraints

from rollout.core.names import RolloutId, ServiceName, rollout_stream, service_stream
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.pages import PageQuery, cursor, listed, page, read_cursor
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked
from rollout.journal.journal import Recorded
from rollout.views.timeline import timeline_entry, whose

BATCH: Final = 1_000
BATCHES_MAX: Final = 20
"""So much of the journal is looked at for one page; a page may be empty and have a next one."""


class TimelineQuery(PageQuery):
    """Of one service alone, if it is named."""

    service: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


async def timeline(desk: Desk, asked: Asked[TimelineQuery, None]) -> Answer:
    """Tell what was recorded, the oldest first."""
    query, own = asked.query, RolloutId(asked.names["rollout"])
    if query.service is not None:
        entries = await _of_service(desk, own, ServiceName(query.service))
        found, following = page(entries, query, lambda each: str(each.position))
        return Answer(listed([timeline_entry(each) for each in found], following, desk.host.position))
    desk.read(own)
    after = await _start(desk, own) if query.cursor is None else _position(query.cursor)
    told: list[Recorded] = []
    for _ in range(BATCHES_MAX):
        batch = await desk.host.journal.read_after(after, BATCH)
        for record in batch:
            after = record.position
            if whose(record.entry)[0] == own:
                told.append(record)
            if len(told) == query.limit:
                break
        if len(told) == query.limit or len(batch) < BATCH:
            break
    more = after < desk.host.position
    return Answer(
        listed([timeline_entry(each) for each in told], cursor(str(after)) if more else None, desk.host.position)
    )


async def _of_service(desk: Desk, rollout: RolloutId, service: ServiceName) -> list[Recorded]:
    """Read all attempts at one service."""
    read = desk.read(rollout)
    if not read.rollout.knows(service):
        raise Refused(404, f"{rollout} has no service {service[:80]}")
    found: list[Recorded] = []
    attempt = 1
    while entries := await desk.host.entries(service_stream(rollout, service, attempt)):
        found += entries
        attempt += 1
    return found


async def _start(desk: Desk, rollout: RolloutId) -> int:
    """Give the position before the rollout's first entry."""
    entries = await desk.host.entries(rollout_stream(rollout))
    return entries[0].position - 1


def _position(text: str) -> int:
    position = read_cursor(text)
    if not position.isascii() or not position.isdigit() or len(position) > 18:  # noqa: PLR2004 - of 64 bits
        raise Refused(400, "this is no cursor that a list gave")
    return int(position)
