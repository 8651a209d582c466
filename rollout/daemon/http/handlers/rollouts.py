"""Rollouts and their services, looked at."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from rollout.daemon.http.desk import Desk
from rollout.daemon.http.pages import PageQuery, listed, page
from rollout.daemon.http.route import Answer, Asked, NoQuery, Query
from rollout.views.choosing import Selection, chosen
from rollout.views.document import rollout_fields, service_document
from rollout.views.head import RolloutHead, etag_of

Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class RolloutsQuery(PageQuery):
    """`attention=1`: only those that wait for a person."""

    attention: Literal["0", "1"] = "0"


class ServicesQuery(Query):
    """Which services of the rollout; what is absent does not narrow."""

    phase: Text | None = None
    wave: Text | None = None
    select: Text | None = None


async def rollouts(desk: Desk, asked: Asked[RolloutsQuery, None]) -> Answer:
    """List all rollouts, the oldest first."""
    position, known = desk.host.position, desk.host.rollouts()
    if asked.query.attention == "1":
        # One that is over needs nobody.
        heads = [desk.head(desk.read(name)) for name, state in known.items() if state.closed is None]
        found, following = page([head for head in heads if head.attention], asked.query, _id)
        return Answer(listed(found, following, position))
    names, following = page(list(known), asked.query, str)
    return Answer(listed([desk.head(desk.read(name)) for name in names], following, position))


async def rollout(desk: Desk, asked: Asked[ServicesQuery, None]) -> Answer:
    """Give one rollout with its services."""
    read = await desk.recall(asked.names["rollout"])
    query = asked.query
    names = chosen(read, Selection(query.wave, query.select, query.phase))
    position = desk.host.position
    rows = [row async for row in desk.rows(read, names)]
    document = rollout_fields(read, desk.head(read)) | {
        "services": rows,
        "position": position,
    }
    freshness = int(read.now.t // _FRESH_S)
    tag = f"{etag_of(read)}-{freshness}-{query.wave}-{query.select}-{query.phase}".encode().hex()
    return Answer(document, tag=tag if len(tag) <= _TAG_CHARS_MAX else None)


async def service(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:
    """Give one service with evidence, operation, way back, and what each word would be answered."""
    read, name = await desk.recall_service(asked.names["rollout"], asked.names["service"])
    exchanges = await desk.host.works.exchanges.of(read.services[name].stream)
    return Answer(service_document(read, name, desk.scene(read), exchanges))


def _id(head: RolloutHead) -> str:
    return head.id


_FRESH_S = 2.0
_TAG_CHARS_MAX = 400
