"""What a rollout promised to do: its frozen plan, with digests in the place of documents."""

from rollout.core.approvals import plan_digest
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.route import Answer, Asked, NoQuery


async def plan(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:
    """Give the plan of the rollout, and of each service."""
    read = await desk.recall(asked.names["rollout"])
    services = {name: state.plan for name, state in read.services.items()}
    return Answer({"plan": plan_digest(read.rollout.plan), "rollout": read.rollout.plan, "services": services})
