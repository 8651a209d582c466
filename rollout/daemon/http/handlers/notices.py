"""What people were told or could not be told, and what nobody took sent once more."""

import asyncio
from typing import Annotated, Literal

from pydantic import StringConstraints

from rollout.core.freeze_event import SentAgain
from rollout.core.names import ENGINE_STREAM, RolloutId
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.handlers.words import Name, Reason
from rollout.daemon.http.pages import PageQuery, listed, page
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked, Body, NoQuery
from rollout.views.notices import NoticeView, read_notices


class NoticesQuery(PageQuery):
    """Of one rollout alone, or of one kind; `given_up` are the dead letters."""

    rollout: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    delivery: Literal["given_up", "waits", "sent"] | None = None


class AgainBody(Body):
    """Why, and of which rollout; without one all that was given up is sent again."""

    reason: Reason
    rollout: Name | None = None


async def notices(desk: Desk, asked: Asked[NoticesQuery, None]) -> Answer:
    """List them: what was given up first, then what waits, then what was sent, each with the newest first."""
    query = asked.query
    known = await _known(desk, query.rollout)
    wanted = None if query.delivery is None else query.delivery.replace("_", " ")
    found, following = page([each for each in known if wanted in {None, each.delivery}], query, _number)
    return Answer(listed(found, following, desk.host.position))


async def resend(desk: Desk, asked: Asked[NoQuery, AgainBody]) -> Answer:
    """Record who wants what was given up to be sent again; whoever tells people reads it there, and does it."""
    if (trouble := desk.host.trouble()) is not None:
        raise Refused(503, f"nothing of this was done: {trouble}", headers={"Retry-After": "5"})
    rollout = asked.body.rollout
    if rollout is not None:
        desk.read(rollout)
    count = sum(each.delivery == "given up" for each in await _known(desk, rollout))
    if not count:
        return Answer({"kind": "no_op", "count": 0}, 202)
    who, fact = asked.person.name, SentAgain(asked.person.name, asked.body.reason, rollout or "")
    await desk.host.works.kit.ledger.put([(ENGINE_STREAM, fact)], now=desk.host.now(), actor=who)
    return Answer({"kind": "accepted", "count": count}, 202)


async def _known(desk: Desk, rollout: str | None) -> list[NoticeView]:
    own = None if rollout is None else RolloutId(rollout)
    return await asyncio.to_thread(read_notices, desk.site.state, own)


def _number(each: NoticeView) -> str:
    return f"{each.key} {each.target}"
