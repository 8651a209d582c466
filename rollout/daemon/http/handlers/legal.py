"""Which words are legal now, for a rollout or for one of its services, and why the rest is not."""

from typing import Annotated, Any, Final

from msgspec.structs import replace
from pydantic import StringConstraints

from rollout.core.approvals import plan_digest
from rollout.core.caring import needy
from rollout.core.command import FOR_ROLLOUTS, FOR_SERVICES, Ask, Command, Verb
from rollout.core.ending import Claim
from rollout.core.names import ServiceName
from rollout.core.reply import Kind, Reply
from rollout.core.service import ServiceRollout
from rollout.daemon.auth.role import Role, covers
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.handlers.actions import DESTRUCTIVE, REVERT, role_of
from rollout.daemon.http.handlers.reverting import went_well, why_not
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked, Query
from rollout.views.reading import Read

OF_ROLLOUT: Final = (Verb.APPROVE, Verb.REJECT, Verb.HALT, Verb.ABORT, Verb.AMEND)


class ActionsQuery(Query):
    """For one service, if it is named."""

    service: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


async def actions(desk: Desk, asked: Asked[ActionsQuery, None]) -> Answer:
    """List every word with what it would be answered now."""
    read = await desk.recall(asked.names["rollout"])
    name = asked.query.service
    if name is not None and ServiceName(name) not in read.services:
        raise Refused(404, f"{asked.names['rollout']} has no service {name[:80]}")
    service = None if name is None else ServiceName(name)
    verbs = [verb for verb in Verb if verb in FOR_SERVICES]
    words = verbs if service is not None else [*OF_ROLLOUT, *verbs]
    items = [_told(desk, read, asked, verb, service) for verb in words]
    if service is None:
        items.append(_revert(read, asked))
    return Answer({"items": items, "next": None, "position": desk.host.position})


def _told(
    desk: Desk, read: Read, asked: Asked[ActionsQuery, None], verb: Verb, service: ServiceName | None
) -> dict[str, Any]:
    plan = plan_digest(read.rollout.plan)
    command = Command("", verb, asked.person.name, "asked", resolve_as=Claim.LEFT, plan=plan)
    ask = Ask(read.rollout.plan.rollout, service, command)
    needs = ["reason", "plan"] if verb is Verb.APPROVE else ["reason"]
    if verb is Verb.AMEND and read.trouble is None:
        reply, needs = None, ["reason", "bundle"]
    else:
        reply = desk.host.weigh(ask)
        if service is not None and reply.kind is Kind.REFUSED:
            reply, needs = _with_flags(desk, ask, reply, read.services[service])
        if verb is Verb.RESOLVE:
            needs.append("resolve_as")
    count = _count(read, verb, service)
    destructive = verb in DESTRUCTIVE
    if destructive and count > 1:
        needs.append("confirm_count")
    refused = _refusal(read, reply)
    return {
        "verb": verb.value,
        "target": str(service or read.rollout.plan.rollout),
        "legal": refused is None,
        "no_op": reply is not None and reply.kind is Kind.NO_OP,
        "said": reply.said[0].text if reply is not None and reply.said else "",
        "why_not": None if refused is None else refused[0],
        "instead": None if refused is None else refused[1],
        "role": role_of(verb).value,
        "allowed": covers(asked.person.roles, role_of(verb)),
        "needs": needs,
        "destructive": destructive,
        "count": count,
    }


def _revert(read: Read, asked: Asked[ActionsQuery, None]) -> dict[str, Any]:
    names, why = went_well(read), why_not(read)
    return {
        "verb": REVERT,
        "target": str(read.rollout.plan.rollout),
        "legal": not why,
        "no_op": False,
        "said": "" if why else "a new rollout takes it back",
        "why_not": why or None,
        "instead": "abort takes back what has not ended" if why else None,
        "role": Role.OPERATOR.value,
        "allowed": covers(asked.person.roles, Role.OPERATOR),
        "needs": ["reason", "confirm_count"] if len(names) > 1 else ["reason"],
        "destructive": True,
        "count": len(names),
    }


def _refusal(read: Read, reply: Reply | None) -> tuple[str, str] | None:
    if reply is None:
        over = read.rollout.closed
        return None if over is None else (f"it is over: {over.reason}", "a new rollout")
    if reply.kind is not Kind.REFUSED:
        return None
    first = reply.said[0] if reply.said else None
    return ("it is refused", "") if first is None else (first.text, first.instead)


def _with_flags(desk: Desk, ask: Ask, plain: Reply, state: ServiceRollout) -> tuple[Reply, list[str]]:
    """Find the flags with which a refused word would be taken, one by one and then together."""
    red = tuple(dict.fromkeys(_red(state)))
    tries: dict[Verb, list[tuple[list[str], dict[str, Any]]]] = {
        Verb.ADVANCE: [
            (["past_no_return"], {"past_no_return": True}),
            (["accept_red"], {"accept_red": red}),
            (["accept_red", "past_no_return"], {"accept_red": red, "past_no_return": True}),
        ],
        Verb.ROLLBACK: [(["take_over"], {"take_over": True})],
    }
    for names, flags in tries.get(ask.command.verb, ()):
        reply = desk.host.weigh(replace(ask, command=replace(ask.command, **flags)))
        if reply.kind is not Kind.REFUSED:
            return reply, ["reason", *names]
    return plain, ["reason"]


def _red(state: ServiceRollout) -> list[str]:
    """Name the checks that a person may have to take as they are."""
    return [check.name for check in state.plan.health.checks]


def _count(read: Read, verb: Verb, service: ServiceName | None) -> int:
    if service is not None:
        return 1
    if verb in FOR_ROLLOUTS - {Verb.ABORT, Verb.HALT}:
        return 1
    if verb is Verb.CLAIM:
        return len(needy(read.services, read.now))
    return sum(state.ended is None or verb is Verb.RETRY for state in read.services.values())
