"""A rollout's report, as a document or as one page."""

import asyncio
from collections.abc import Sequence
from typing import Literal

import msgspec

from rollout.core.names import RolloutId
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.route import Answer, Asked, Query
from rollout.journal.journal import Recorded
from rollout.views.reading import Read
from rollout.views.records import gather_records
from rollout.views.report import beside
from rollout.views.report import report as made
from rollout.views.report_forecast import forecast_in
from rollout.views.report_page import page, rules


class ReportQuery(Query):
    """Which of the two."""

    format: Literal["json", "html"] = "json"


async def report(desk: Desk, asked: Asked[ReportQuery, None]) -> Answer:
    """Read it off the journal and write it, apart from the loop: with hundreds of services that takes a while."""
    read = await desk.recall(asked.names["rollout"])
    foreseen = read.rollout.foreseen
    plan = None if foreseen is None else await desk.host.journal.payload(foreseen.document)
    records = await gather_records(desk.host.journal, RolloutId(asked.names["rollout"]))
    html = asked.query.format == "html"
    content = await asyncio.to_thread(_written, read, records, plan, html=html)
    if html:
        headers = {"Content-Security-Policy": f"{rules()}; frame-ancestors 'none'"}
        return Answer(content=content, content_type="text/html; charset=utf-8", headers=headers)
    return Answer(content=content)


def _written(read: Read, records: Sequence[Recorded], plan: bytes | None, *, html: bool) -> bytes:
    document = made(read, records)
    if plan is not None:
        document = beside(document, forecast_in(plan, read.rollout.plan.rollout))
    return page(document).encode() if html else msgspec.json.encode(document)
