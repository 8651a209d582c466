"""How the engine does: its status, the calls in flight, the freeze, and whether it is fit to serve."""

import importlib.metadata
from typing import Annotated, Any, Final

from prometheus_client import exposition
from pydantic import Field

from rollout.core.command import Ask, Command, Verb
from rollout.core.names import ENGINE_STREAM, RolloutId
from rollout.daemon.auth.role import Role, covers
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.handlers.words import Key, Reason, key_of, recorded, say, told
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked, Body, NoQuery
from rollout.daemon.status import OperationStatus, operations_of, status_of
from rollout.views.operation import spellings

LASTING_S_MAX: Final = 90 * 86_400.0


class FreezeBody(Body):
    """On or off; `domains`: services under way go no further either; `for_s`: it ends by itself."""

    on: bool
    reason: Reason
    domains: bool = False
    for_s: Annotated[float, Field(gt=0, le=LASTING_S_MAX, allow_inf_nan=False, strict=False)] | None = None
    key: Key | None = None


async def status(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:  # noqa: ARG001 - a handler's signature
    """Say how the engine does."""
    found = status_of(desk.host)
    return Answer(
        {
            "version": importlib.metadata.version("rollout-engine"),
            "started": found.started_wall,
            "position": found.journal.position,
            "budget": [
                {
                    "scope": each.scope,
                    "kind": each.kind.value,
                    "rate": round(each.rate, 3),
                    "waiting": sum(each.waiting.values()),
                    "throttles": each.throttles,
                    "breaker_open": each.breaker_open,
                }
                for each in found.budget
            ],
            "poll_lag_s": round(max(found.poll_lag_s.values(), default=0.0), 3),
            "loop_lag_s": round(found.loop_lag_s, 4),
            "loop_lag_worst_s": round(found.loop_lag_worst_s, 4),
            "undecided_s": round(found.undecided_s, 3),
            "journal": found.journal,
            "caps": found.caps,
            "holds": found.holds,
            "for_people": found.for_people,
            "rollouts_open": found.rollouts_open,
            "in_flight": found.in_flight,
            "followed": found.followed,
            "tasks": found.tasks,
            "polls": found.polls,
            "looks": found.looks,
            "stale_s": round(max(found.poll_lag_s.values(), default=0.0), 3),
            "streams": desk.streams.count,
            "failed": found.failed,
            "draining": found.draining,
            "trouble": desk.host.trouble(),
        }
    )


async def operations(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:  # noqa: ARG001 - as above
    """List the calls in flight, those going on for longest first."""
    return Answer(
        {"items": [_operation(each) for each in operations_of(desk.host)], "next": None, "position": desk.host.position}
    )


def _operation(each: OperationStatus) -> dict[str, Any]:
    plain, dashed = spellings(each.handle)
    return {
        "rollout": each.rollout,
        "service": each.service,
        "attempt": each.attempt,
        "operation": each.what,
        "request_id": plain,
        "request_id_dashed": dashed,
        "since": each.since_wall,
        "going_back": each.going_back,
    }


async def freeze(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:  # noqa: ARG001 - as above
    """Say whether anything is begun just now."""
    held = desk.host.freeze()
    if held is None:
        return Answer({"frozen": False})
    scope = "domains" if held.domains else "admissions"
    return Answer(
        {"frozen": True, "scope": scope, "who": held.who, "why": held.note, "since": held.since_wall}
        | {"until": held.until_wall}
    )


async def set_freeze(desk: Desk, asked: Asked[NoQuery, FreezeBody]) -> Answer:
    """Freeze, or lift the freeze; whoever lifts what stops every service under way is an admin."""
    body = asked.body
    held = desk.host.freeze()
    if not body.on and held is not None and held.domains and not covers(asked.person.roles, Role.ADMIN):
        raise Refused(403, f"{held.who} froze services under way too; lifting that is for an admin")
    verb, key = Verb.FREEZE if body.on else Verb.UNFREEZE, key_of(body.key, asked.key)
    if body.for_s is not None and (known := await recorded(desk, key)) is not None:
        return told(known)  # its end was counted from then on
    until_wall = desk.host.now().wall + body.for_s if body.on and body.for_s is not None else None
    command = Command(
        key, verb, asked.person.name, body.reason, domains=body.domains and body.on, until_wall=until_wall
    )
    return await say(desk, Ask(RolloutId(ENGINE_STREAM), None, command))


async def metrics(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:  # noqa: ARG001 - as above
    """Give `rolloutd_*` in Prometheus' text format."""
    text = exposition.generate_latest(desk.host.metrics)
    return Answer(content=text, content_type=exposition.CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


async def healthy(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:  # noqa: ARG001 - as above
    """Say that the process answers."""
    return Answer({"status": "ok"})


async def ready(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:  # noqa: ARG001 - as above
    """Say whether it does all it should; what keeps it from that is told to those who have a token."""
    if desk.host.trouble() is None:
        return Answer({"status": "ready"})
    raise Refused(503, "it does not do all it should; GET /v1/status says why", headers={"Retry-After": "5"})
