"""A rollout is submitted, or what that would come to is looked at."""

from typing import Any, Literal

from rollout.core.approvals import plan_digest
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.handlers.bundles import BundleBody, load
from rollout.daemon.http.route import Answer, Asked, Query
from rollout.policy.bundle import Bundle
from rollout.policy.diff import diff


class DryQuery(Query):
    """`dry_run=1`: nothing is done."""

    dry_run: Literal["0", "1"] = "0"


async def submit(desk: Desk, asked: Asked[DryQuery, BundleBody]) -> Answer:
    """Open a rollout and begin with it; the same documents again are the same rollout."""
    bundle = await load(asked.body)
    if asked.query.dry_run == "1":
        return Answer(await _weighed(desk, bundle))
    admitted = await desk.host.submit(bundle, actor=asked.person.name, key=asked.key)
    return Answer(
        {"id": admitted.rollout, "created": admitted.created},
        201 if admitted.created else 200,
        {"Location": f"/v1/rollouts/{admitted.rollout}"},
    )


async def _weighed(desk: Desk, bundle: Bundle) -> dict[str, Any]:
    compiled = desk.host.works.compile(bundle)
    known = desk.host.rollouts().get(compiled.plan.rollout)
    difference = ""
    if known is not None and known.plan.documents != compiled.plan.documents:
        before = (await desk.host.journal.payload(known.plan.policy)).decode()
        difference = diff(before, compiled.policy_text)
    return {
        "id": compiled.plan.rollout,
        "known": known is not None,
        "diff": difference,
        "plan": plan_digest(compiled.plan),
        "services": [each.service for each in compiled.services],
        "waves": [
            {
                "name": wave.name,
                "services": wave.services,
                "max_parallel": wave.max_parallel,
                "failure_tolerance": wave.failure_tolerance,
                "strict": wave.strict,
                "approve": None if wave.approval is None else wave.approval.by,
            }
            for wave in compiled.plan.waves
        ],
        "change": compiled.services[0].change,
        "about": compiled.plan.about,
    }
