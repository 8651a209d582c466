"""A rollout's report, as a document or as one page."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from rollout.core.names import Digest, RolloutId
from rollout.core.witnessed import Witnessed
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.route import Answer, Asked, Query
from rollout.journal.journal import Recorded
from rollout.views.reading import Read
from rollout.views.records import gather_records
from rollout.views.report import report as made
from rollout.views.report_page import page, rules
from rollout.views.report_papers import papers_of, with_papers


class ReportQuery(Query):
    """Which of the two."""

    format: Literal["json", "html"] = "json"


async def report(desk: Desk, asked: Asked[ReportQuery, None]) -> Answer:
    """Read it off the journal and write it, apart from the loop: with hundreds of services that takes a while."""
    read = await desk.recall(asked.names["rollout"])
    papers = {digest: await desk.host.journal.payload(digest) for digest in papers_of(read.rollout)}
    records = await gather_records(desk.host.journal, RolloutId(asked.names["rollout"]))
    wrong = await desk.host.works.exchanges.gone_wrong(RolloutId(asked.names["rollout"]))
    html = asked.query.format == "html"
    content = await asyncio.to_thread(_written, read, records, papers, wrong, html=html)
    if html:
        headers = {"Content-Security-Policy": f"{rules()}; frame-ancestors 'none'"}
        return Answer(content=content, content_type="text/html; charset=utf-8", headers=headers)
    return Answer(content=content)


def _written(
    read: Read,
    records: Sequence[Recorded],
    papers: Mapping[Digest, bytes],
    wrong: Sequence[Witnessed],
    *,
    html: bool,
) -> bytes:
    document = with_papers(made(read, records, wrong), read.rollout, papers)
    return page(document).encode() if html else msgspec.json.encode(document)
