"""An ended rollout is taken back, by a new one; asking again finds that one."""

from typing import Any, Final

from rollout.core.compile_revert import SUFFIX
from rollout.core.ending import Outcome
from rollout.core.names import RolloutId
from rollout.core.reply import Kind, Said
from rollout.daemon.auth.role import Role, covers
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked
from rollout.views.reading import Read

TARGETS: Final = ("service", "wave", "select", "phase")
SHOWN_MAX: Final = 50


async def revert(desk: Desk, asked: Asked[Any, Any]) -> Answer:
    """Open the rollout that takes this one back, and begin with it."""
    body = asked.body
    if not covers(asked.person.roles, Role.OPERATOR):
        raise Refused(403, f"revert is for an operator, and {asked.person.name} is {', '.join(asked.person.roles)}")
    if any(getattr(body, name) is not None for name in TARGETS):
        raise Refused(400, "revert is for a whole rollout, not for some of its services")
    read = await desk.recall(asked.names["rollout"])
    names = went_well(read)
    if asked.query.dry_run == "1":
        return Answer({"count": len(names), "services": names[:SHOWN_MAX], "told": [], "why_not": why_not(read)})
    own = read.rollout.plan.rollout
    if why := why_not(read):
        raise Refused(409, why, instead=f"abort {own} takes back what has not ended")
    if len(names) > 1 and body.confirm_count != len(names) and _back(own) not in desk.host.rollouts():
        raise Refused(
            409, f"revert concerns {len(names)} services", count=len(names), instead=f"confirm_count: {len(names)}"
        )
    admitted = await desk.host.revert(own, actor=asked.person.name, reason=body.reason, partial=body.partial)
    text = f"is taken back by {admitted.rollout}" if admitted.created else f"{admitted.rollout} takes it back already"
    kind = Kind.ACCEPTED if admitted.created else Kind.NO_OP
    counts = {each.value: int(each is kind) for each in Kind}
    document = {"kind": kind, "said": [Said(own, kind, text)], "counts": counts, "rollout": admitted.rollout}
    return Answer(document, 202, {"Location": f"/v1/rollouts/{admitted.rollout}"})


def why_not(read: Read) -> str:
    """Say why a rollout cannot be taken back by a new one; empty = nothing speaks against it yet."""
    if read.rollout.closed is None:
        return f"{read.rollout.plan.rollout} is still open"
    return "" if went_well(read) else "nothing of it went well, so there is nothing to take back"


def went_well(read: Read) -> list[str]:
    """Name the services that a revert is about."""
    return [name for name, state in read.services.items() if state.ended and state.ended.outcome is Outcome.SUCCEEDED]


def _back(own: RolloutId) -> RolloutId:
    return RolloutId(f"{own}{SUFFIX}")
