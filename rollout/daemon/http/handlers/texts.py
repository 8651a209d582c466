"""The policies that a rollout was given, as they were written."""

from rollout.daemon.http.desk import Desk
from rollout.daemon.http.pages import PageQuery, listed, page
from rollout.daemon.http.route import Answer, Asked
from rollout.views.policies import PolicyText, policy_texts


async def texts(desk: Desk, asked: Asked[PageQuery, None]) -> Answer:
    """Give the submission's policy and each amendment's, the oldest first."""
    position, state = desk.host.position, desk.read(asked.names["rollout"]).rollout
    papers = {given.digest: await desk.host.journal.payload(given.digest) for given in state.policies}
    found, following = page(policy_texts(state, papers), asked.query, _number)
    return Answer(listed(found, following, position))


def _number(each: PolicyText) -> str:
    return f"{each.at}-{each.digest}"
