"""A bundle's plan as settings, state directory and platform have it: the one function that verbs and the API call."""

import time
from collections.abc import Callable

from rollout.core.compile import Compiled, compile_bundle
from rollout.core.names import ServiceName
from rollout.engine.clock import EngineClock
from rollout.engine.groups import unwrapped
from rollout.engine.pacer import Pacer
from rollout.planning.caps import Shared
from rollout.planning.document import Finding, PlanDocument, Severity
from rollout.planning.journal import Records, records_of
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


def _nobody() -> None:
    """Tell nobody."""


async def plan_of(
    bundle: Bundle, settings: RunSettings, *, offline: bool = False, looked: Callable[[], None] = _nobody
) -> PlanDocument:
    """Plan a bundle; unless `offline`, look at every deployment first, and call `looked` after each.

    Raises NotSupportedYet, EndpointUnreachable, StateUnusable and UsageError. Takes no lock and changes nothing.
    """
    compiled, wall = compile_bundle(bundle), time.time()
    records = records_of(settings.state, compiled.plan, wall)
    reads, writes = paces(settings)
    around = Around(
        history=records.history,
        paces=Paces(reads, writes),
        shared=_shared(bundle, settings, compiled),
        freeze=records.freeze,
        notes=(*records.notes, *_advice(bundle)),
    )
    wanted = Wanted(compiled.plan, compiled.services, _counts(bundle))
    sights = None if offline else await _look(compiled, settings, records, looked)
    return plan_document(wanted, wall, around, sights)


async def _look(
    compiled: Compiled, settings: RunSettings, records: Records, looked: Callable[[], None]
) -> dict[ServiceName, Sight]:
    await knock(settings, compiled.services[0].target.subscription)
    shelf = Shelf(compiled.payloads)
    clock = EngineClock.on_running_loop(0.0, time.time)
    platform = open_platform(settings, shelf)
    try:
        with unwrapped():
            looker = Looker(platform, Pacer(clock, *paces(settings)), shelf, looked)
            return await looker.look_at_all(compiled.services, records.known)
    finally:
        await platform.close()


def _counts(bundle: Bundle) -> dict[ServiceName, dict[str, int]]:
    files = [each for each in bundle.services if each.configuration is not None]
    return {ServiceName(each.service): each.configuration.roles for each in files if each.configuration is not None}


def _shared(bundle: Bundle, settings: RunSettings, compiled: Compiled) -> tuple[Shared, ...]:
    over = cap_plan(settings).over(bundle.fleet.subscription, compiled.plan.rollout)
    return tuple(Shared(str(scope), caps) for scope, caps in over)


def _advice(bundle: Bundle) -> tuple[Finding, ...]:
    return tuple(Finding(Severity.WARNING, ".".join(map(str, loc)), said) for loc, said in advice(bundle.policy))
