"""What a policy would do, looked at by this daemon; and what was expected of a rollout when it was submitted."""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from rollout.core.compile import Compiled
from rollout.core.names import ServiceName
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked, NoQuery
from rollout.engine.groups import unwrapped
from rollout.planning.ask import Known, Subject, planned
from rollout.planning.document import Finding, PlanDocument, Severity
from rollout.planning.look import Looker, Shelf
from rollout.planning.make import Around, Wanted, plan_document
from rollout.planning.sighted import Sight
from rollout.policy.bundle import Bundle
from rollout.views.reading import Read

NONE_KEPT: Final = (
    "no forecast was kept when it was submitted: this one is made of what it promised, without a look at anything"
)


async def plan(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:
    """Give the plan that was in force at submission, as `rollout plan -o json` writes it."""
    foreseen = desk.read(asked.names["rollout"]).rollout.foreseen
    if foreseen is not None:
        return Answer(content=await desk.host.journal.payload(foreseen.document), tag=foreseen.document)
    read = await desk.recall(asked.names["rollout"])
    return Answer(content=msgspec.json.encode(await asyncio.to_thread(_promised, read)))


def _promised(read: Read) -> PlanDocument:
    services = tuple(state.plan for state in read.services.values())
    notes = (Finding(Severity.INFO, "", NONE_KEPT),)
    return plan_document(Wanted(read.rollout.plan, services), read.rollout.opened_wall, Around(notes=notes))


async def weighed(desk: Desk, bundle: Bundle, compiled: Compiled, *, offline: bool) -> PlanDocument:
    """Plan a bundle; unless `offline`, by looks of this daemon's own, at its own pace and after everything else.

    Raises EndpointUnreachable, StateUnusable, and Refused (503) where it takes too long.
    """
    settings = desk.host.works.settings.of(bundle.fleet.subscription)
    subject = Subject(bundle, compiled, settings, desk.host.now().wall)
    seen: list[None] = []

    async def look(known: Known) -> Mapping[ServiceName, Sight]:
        shelf, kit = Shelf(compiled.payloads), desk.host.works.kit
        with unwrapped():
            looker = Looker(kit.platform, kit.pacer, shelf, lambda: seen.append(None))
            return await looker.look_at_all(compiled.services, known)

    try:
        async with asyncio.timeout(desk.limits.plan_s), desk.planning:
            return await planned(subject, None if offline else look)
    except TimeoutError:
        raise Refused(503, _late(desk, compiled, len(seen)), instead="offline=1, or `rollout plan`") from None


def _late(desk: Desk, compiled: Compiled, seen: int) -> str:
    pace = desk.host.works.kit.pacer.why(desk.host.works.kit.platform.write_scope(compiled.services[0].target))
    looks = f"{seen} of {len(compiled.services)} deployments were looked at"
    return f"the plan was not made within {desk.limits.plan_s:g} s; {looks}: {pace}"
