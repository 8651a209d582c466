"""The policies that the daemon's folder offers."""

from typing import Any

from rollout.daemon.folder import Offer
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked, Body, NoQuery


class SubmitBody(Body):
    """Nothing; an empty object."""


async def policies(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:  # noqa: ARG001 - a handler's signature
    """List what the folder holds, by name."""
    folder = desk.site.folder
    offers = [] if folder is None else folder.offered()
    trouble = None if folder is None else folder.trouble
    return Answer(
        {"items": [_told(each) for each in offers], "next": None, "position": desk.host.position, "trouble": trouble}
    )


async def submit_policy(desk: Desk, asked: Asked[NoQuery, SubmitBody]) -> Answer:
    """Submit one of them as it was offered."""
    folder, name = desk.site.folder, asked.names["name"]
    if folder is None or name not in {each.name for each in folder.offered()}:
        raise Refused(404, f"there is no policy {name[:80]}", instead="GET /v1/policies names them")
    admitted = await folder.submit(name, actor=asked.person.name, key=asked.key)
    return Answer(
        {"id": admitted.rollout, "created": admitted.created},
        201 if admitted.created else 200,
        {"Location": f"/v1/rollouts/{admitted.rollout}"},
    )


def _told(offer: Offer) -> dict[str, Any]:
    return {
        "name": offer.name,
        "rollout": offer.rollout,
        "digest": offer.digest,
        "submit": offer.submit.value,
        "state": offer.state.value,
        "problem": offer.why or "; ".join(str(each) for each in offer.problems) or None,
        "diff": offer.diff or None,
    }
