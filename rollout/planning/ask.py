"""A bundle's plan as settings, state directory and platform have it: what verbs, the API and submissions call."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from rollout.core.change_event import Installed
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.names import ServiceName
from rollout.engine.clock import EngineClock
from rollout.engine.groups import unwrapped
from rollout.engine.pacer import Pacer
from rollout.planning.caps import Shared
from rollout.planning.document import Finding, PlanDocument, Severity
from rollout.planning.journal import records_of
from rollout.planning.look import Looker, Shelf
from rollout.planning.make import Around, Wanted, plan_document
from rollout.planning.sighted import Sight
from rollout.planning.turns import Paces
from rollout.platforms.classic.opening import open_platform
from rollout.platforms.classic.preflight import knock
from rollout.policy.bundle import Bundle
from rollout.policy.rules import advice
from rollout.settings import RunSettings
from rollout.tuning import cap_plan, paces

Known = Mapping[ServiceName, Installed]
"""What our own records say runs on services."""
Look = Callable[[Known], Awaitable[Mapping[ServiceName, Sight]]]
"""Looks at every deployment."""


class Subject(NamedTuple):
    """What is planned, by which settings (those of its subscription), and when it would begin."""

    bundle: Bundle
    compiled: Compiled
    settings: RunSettings
    wall: float
    """POSIX seconds."""


def _nobody() -> None:
    """Tell nobody."""


async def plan_of(
    bundle: Bundle, settings: RunSettings, *, offline: bool = False, looked: Callable[[], None] = _nobody
) -> PlanDocument:
    """Plan a bundle; unless `offline`, look at every deployment first, and call `looked` after each.

    Raises NotSupportedYet, EndpointUnreachable, StateUnusable and UsageError. Takes no lock and changes nothing.
    """
    subject = Subject(bundle, compile_bundle(bundle), settings, time.time())

    async def look(known: Known) -> Mapping[ServiceName, Sight]:
        return await _look(subject, known, looked)

    return await planned(subject, None if offline else look)


async def planned(subject: Subject, look: Look | None) -> PlanDocument:
    """Make the plan beside the loop, which has other things to do; without `look` nobody looks.

    Raises StateUnusable and whatever `look` raises.
    """
    bundle, compiled, settings, wall = subject
    records = await asyncio.to_thread(records_of, settings.state, compiled.plan, wall)
    reads, writes = paces(settings)
    around = Around(
        history=records.history,
        paces=Paces(reads, writes),
        shared=_shared(subject),
        freeze=records.freeze,
        notes=(*records.notes, *_advice(bundle)),
    )
    wanted = Wanted(compiled.plan, compiled.services, _counts(bundle))
    sights = None if look is None else await look(records.known)
    return await asyncio.to_thread(plan_document, wanted, wall, around, sights)


async def _look(subject: Subject, known: Known, looked: Callable[[], None]) -> dict[ServiceName, Sight]:
    _, compiled, settings, _ = subject
    await knock(settings, compiled.services[0].target.subscription)
    shelf = Shelf(compiled.payloads)
    clock = EngineClock.on_running_loop(0.0, time.time)
    platform = open_platform(settings, shelf)
    try:
        with unwrapped():
            return await Looker(platform, Pacer(clock, *paces(settings)), shelf, looked).look_at_all(
                compiled.services, known
            )
    finally:
        await platform.close()


def _counts(bundle: Bundle) -> dict[ServiceName, dict[str, int]]:
    files = [each for each in bundle.services if each.configuration is not None]
    return {ServiceName(each.service): each.configuration.roles for each in files if each.configuration is not None}


def _shared(subject: Subject) -> tuple[Shared, ...]:
    subscription, rollout = subject.bundle.fleet.subscription, subject.compiled.plan.rollout
    return tuple(Shared(str(scope), caps) for scope, caps in cap_plan(subject.settings).over(subscription, rollout))


def _advice(bundle: Bundle) -> tuple[Finding, ...]:
    return tuple(Finding(Severity.WARNING, ".".join(map(str, loc)), said) for loc, said in advice(bundle.policy))
