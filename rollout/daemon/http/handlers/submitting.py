"""A rollout is submitted, or what that would come to is looked at."""

from typing import Any, Literal

from rollout.daemon.http.desk import Desk
from rollout.daemon.http.handlers.bundles import BundleBody, load
from rollout.daemon.http.handlers.plan import weighed
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked, Query
from rollout.policy.bundle import Bundle
from rollout.policy.diff import diff


class DryQuery(Query):
    """`dry_run=1`: nothing is done."""

    dry_run: Literal["0", "1"] = "0"


class SubmitQuery(DryQuery):
    """`offline=1`: a dry run looks at no deployment."""

    offline: Literal["0", "1"] = "0"


async def submit(desk: Desk, asked: Asked[SubmitQuery, BundleBody]) -> Answer:
    """Open a rollout and begin with it; the same documents again are the same rollout."""
    bundle = await load(asked.body)
    if asked.query.dry_run == "1":
        return Answer(await _weighed(desk, bundle, offline=asked.query.offline == "1"))
    if asked.query.offline == "1":
        raise Refused(400, "`offline` goes with `dry_run=1`: a submission looks at every deployment")
    admitted = await desk.host.submit(bundle, actor=asked.person.name, key=asked.key)
    return Answer(
        {"id": admitted.rollout, "created": admitted.created},
        201 if admitted.created else 200,
        {"Location": f"/v1/rollouts/{admitted.rollout}"},
    )


async def _weighed(desk: Desk, bundle: Bundle, *, offline: bool) -> dict[str, Any]:
    """Give what `rollout plan -o json` gives, and whether the rollout is known and how it differs from that one."""
    compiled = desk.host.works.compile(bundle)
    document = await weighed(desk, bundle, compiled, offline=offline)
    known = desk.host.rollouts().get(compiled.plan.rollout)
    difference = ""
    if known is not None and known.plan.documents != compiled.plan.documents:
        before = (await desk.host.journal.payload(known.plan.policy)).decode()
        difference = diff(before, compiled.policy_text)
    fields = {name: getattr(document, name) for name in document.__struct_fields__}
    more = {"id": compiled.plan.rollout, "known": known is not None, "diff": difference, "about": compiled.plan.about}
    return fields | more
