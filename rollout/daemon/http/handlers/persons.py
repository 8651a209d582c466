"""Who asks: themselves, tickets that are good once, and a browser's session."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from rollout.daemon.auth.person import Person
from rollout.daemon.auth.sessions import TicketFor
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked, Body, NoQuery


class TicketBody(Body):
    """What the ticket is to open."""

    for_: Literal["events", "ui"] = Field(default="events", alias="for")


class SessionBody(Body):
    """The ticket of a link that `rollout ui` printed."""

    ticket: Annotated[str, StringConstraints(min_length=1, max_length=200)]


async def me(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:
    """Say who the caller is."""
    return Answer(_told(desk, asked.person))


async def ticket(desk: Desk, asked: Asked[NoQuery, TicketBody]) -> Answer:
    """Give a ticket that is good once, for a short while."""
    made, lasting_s = desk.sessions.ticket(asked.person, TicketFor(asked.body.for_))
    return Answer({"ticket": made, "expires_s": lasting_s}, 201)


async def session(desk: Desk, asked: Asked[NoQuery, SessionBody]) -> Answer:
    """Begin a session for whoever has a ticket."""
    person = desk.sessions.redeem(asked.body.ticket, TicketFor.UI)
    if person is None:
        raise Refused(401, "this link was used already, or its minute is over", instead="`rollout ui` prints a new one")
    token, lasting_s = desk.sessions.open(person)
    return Answer({"token": token, "expires_s": lasting_s, **_told(desk, person)}, 201)


def _told(desk: Desk, person: Person) -> dict[str, Any]:
    groups = [name for name, members in desk.host.works.engine.groups.items() if person.name in members]
    return {"name": person.name, "roles": list(person.roles), "groups": groups}
