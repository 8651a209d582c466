"""The one composition root: picks platform, journal, clock and pace, and hands an engine to whoever runs rollouts."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec
import structlog
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from rollout.core.approvals import approvers
from rollout.core.change_plan import may_create, package_shown
from rollout.core.check_plan import CommandSource, MetricSource, WebhookSource
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.foreseen import Foreseen
from rollout.core.names import ENGINE, RolloutId, ServiceName
from rollout.core.notice import NoticeFormat
from rollout.core.plan import ServicePlan
from rollout.core.snapshot import Absent, Observation
from rollout.engine.clock import Clock, EngineClock
from rollout.engine.engine import Engine
from rollout.engine.eyes import Eyes
from rollout.engine.groups import unwrapped
from rollout.engine.kit import Kit
from rollout.engine.pacer import Kind, Lane, Pacer
from rollout.engine.past import learn_past
from rollout.engine.room import Room
from rollout.engine.streams import RolloutLedger
from rollout.engine.telemetry import Telemetry
from rollout.engine.tracker import Tracker
from rollout.engine.witness import ExchangeKeeper
from rollout.errors import CommandRefused, DocumentsChanged, PolicyError, RolloutError
from rollout.gates.opening import open_sources
from rollout.gates.probe import Probe
from rollout.gates.python import CheckFunction
from rollout.gates.rehearsal import Rehearsal
from rollout.gates.sources import Probing
from rollout.journal.journal import Journal, Recorded
from rollout.journal.ledger import Ledger
from rollout.journal.sqlite import SqliteJournal
from rollout.journal.state import StateDirectory
from rollout.notify.notifier import Notifier
from rollout.notify.opening import open_fetcher, open_heartbeat, open_targets, open_wire
from rollout.platforms.classic.opening import open_platform
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.classic.preflight import preflight
from rollout.platforms.classic.secret_sources import fetch_passphrase
from rollout.platforms.platform import Platform
from rollout.policy.bundle import Bundle
from rollout.policy.diff import diff
from rollout.settings import RunSettings, Secret
from rollout.settings.allow import Asked, refusals
from rollout.settings.model import SecretSource
from rollout.tuning import cap_plan, listing_s, paces, timetable

NO_FUNCTIONS: Mapping[str, CheckFunction] = {}
FORESEE_S_MAX: Final = 30.0
"""A submission waits no longer for its forecast: it is begun without one rather than late."""


class Foresee(Protocol):
    """Forecasts what is submitted, from the looks that a submission takes anyway."""

    async def __call__(
        self, bundle: Bundle, compiled: Compiled, seen: Mapping[ServiceName, Observation], wall: float
    ) -> tuple[bytes, Foreseen]:
        """Give the plan's document, and what of it is shown all the time. Raises RolloutError."""
        ...


class Admitted(NamedTuple):
    """A rollout that is open, and whether this opened it."""

    rollout: RolloutId
    created: bool


@dataclass(frozen=True, slots=True)
class Assembly:
    """An engine with its surroundings, for the time of `assembled`'s block."""

    engine: Engine
    kit: Kit
    clock: Clock
    journal: Journal
    ledger: RolloutLedger
    platform: ClassicPlatform
    pacer: Pacer
    settings: RunSettings
    metrics: CollectorRegistry
    """`rolloutd_*`, read when somebody scrapes it."""
    logger: FilteringBoundLogger
    exchanges: ExchangeKeeper
    foresee: Foresee | None = None

    def listen(self, hear: Callable[[Sequence[Recorded]], None]) -> None:
        """Tell `hear` of every entry once it is durable, in commit order."""
        self.ledger.listen(hear)

    async def admit(self, bundle: Bundle) -> RolloutId:
        """Open the bundle's rollout for the settings' user, or find the same one already there; raises as `take`."""
        return (await self.take(bundle, self.settings.user)).rollout

    async def take(self, bundle: Bundle, submitter: str) -> Admitted:
        """Open the bundle's rollout, or find the same one already there; nothing is begun yet.

        Raises NotSupportedYet, EndpointUnreachable where our credentials are not accepted, CommandRefused with the diff
        where the id is known with other documents; and for a new rollout CommandRefused where the settings do not allow
        it, and PolicyError where a service of the fleet is not there.
        """
        settings, compiled = self.settings.of(bundle.fleet.subscription), self.compile(bundle)
        if settings.access is not None:
            await preflight(settings, compiled.services[0].target, self.platform.prove)
        rollout = compiled.plan.rollout
        known = self.ledger.rollout(rollout)
        if known is not None:
            if known.plan.documents != compiled.plan.documents:
                before = (await self.journal.payload(known.plan.policy)).decode()
                difference = diff(before, compiled.policy_text)
                raise DocumentsChanged(rollout, difference)
            return Admitted(rollout, created=False)
        if refused := refusals(self.settings, _asked(bundle, compiled)):
            raise CommandRefused("the settings do not allow this rollout:\n  " + "\n  ".join(refused))
        foreseen = await self._foreseen(bundle, compiled, await self._look_at_all(bundle, compiled))
        for payload in compiled.payloads:
            await self.journal.put(payload)
        plan = msgspec.structs.replace(compiled.plan, submitter=submitter)
        await self.engine.open_rollout(plan, compiled.services, actor=submitter or ENGINE, foreseen=foreseen)
        return Admitted(rollout, created=True)

    def compile(self, bundle: Bundle) -> Compiled:
        """Compile a bundle as `take` does. Raises NotSupportedYet; UsageError for a subscription that is not known."""
        settings = self.settings.of(bundle.fleet.subscription)
        return compile_bundle(bundle, check_packages=settings.check_packages and not settings.emulated)

    async def _look_at_all(self, bundle: Bundle, compiled: Compiled) -> dict[ServiceName, Observation]:
        """Find every deployment before anything is written down: half a fleet is no fleet."""
        problems, found = [], {}
        for plan in compiled.services:
            await self.pacer.permit(self.platform.write_scope(plan.target), Kind.READ, Lane.FORWARD)
            seen = found[plan.service] = await self.platform.prove(plan.target)
            if isinstance(seen, Absent) and not may_create(plan.change):
                message = f"there is no such service to upgrade in {plan.target.slot}: {seen.detail}"
                problems.append(bundle.problem(("fleet", "services", plan.service), message))
        if problems:
            raise PolicyError(problems)
        return found

    async def _foreseen(
        self, bundle: Bundle, compiled: Compiled, seen: Mapping[ServiceName, Observation]
    ) -> Foreseen | None:
        """Forecast what is about to be opened and keep the document; what keeps that from being made is only logged."""
        if self.foresee is None:
            return None
        try:
            async with asyncio.timeout(FORESEE_S_MAX):
                document, foreseen = await self.foresee(bundle, compiled, seen, self.clock.now().wall)
        except (RolloutError, TimeoutError) as error:
            why = str(error) or f"it was not made within {FORESEE_S_MAX:g} s"
            self.logger.warning("no_forecast", rollout=compiled.plan.rollout, reason=why)
            return None
        await self.journal.put(document)
        return foreseen


@contextlib.asynccontextmanager
async def assembled(
    settings: RunSettings,
    *,
    checks: Mapping[str, CheckFunction] = NO_FUNCTIONS,
    command: str = "rollout run",
    logger: FilteringBoundLogger | None = None,
    foresee: Foresee | None = None,
) -> AsyncIterator[Assembly]:
    """Open the state directory and everything over it. Raises StateInUse, StateUnusable, UsageError, NoAccess.

    `checks` are functions that `python` checks of a policy may name, besides those of installed packages; `command`
    is what the state directory's lock tells others of us, and `logger` is told of every entry. Without `foresee`
    nothing is forecast.
    """
    async with contextlib.AsyncExitStack() as stack:
        state = stack.enter_context(StateDirectory.open(settings.state, command=command, started_wall=time.time()))
        journal = await stack.enter_async_context(SqliteJournal.opened(state.journal))
        told = logger or structlog.get_logger("rollout.engine")
        exchanges = ExchangeKeeper(journal, told)
        platform = open_platform(settings, journal, exchanges)
        stack.push_async_callback(platform.close)
        clock = EngineClock.on_running_loop(await journal.last_t(), time.time)
        stack.enter_context(unwrapped())
        await stack.enter_async_context(exchanges.at_work(clock))
        ledger: RolloutLedger = Ledger(journal, evolve, evolve_fleet)
        await stack.enter_async_context(ledger.opened())
        sources = open_sources(settings, checks, now_t=lambda: clock.now().t, fetch_secret=_fetch_secret)
        stack.push_async_callback(sources.close)
        kit = make_kit(settings, ledger, platform, clock, random.SystemRandom().random, sources=sources)
        await learn_past(journal, kit.tracker.timetable)
        metrics = CollectorRegistry()
        telemetry = Telemetry(told, metrics)
        telemetry.watch(kit.pacer, kit.tracker)
        ledger.listen(telemetry.record)
        await stack.enter_async_context(_notices(settings, journal, ledger, clock, metrics=metrics, logger=logger))
        yield Assembly(
            Engine(journal, kit, groups=settings.groups),
            kit,
            clock,
            journal,
            ledger,
            platform,
            kit.pacer,
            settings,
            metrics,
            told,
            exchanges,
            foresee,
        )


@contextlib.asynccontextmanager
async def _notices(
    settings: RunSettings,
    journal: SqliteJournal,
    ledger: RolloutLedger,
    clock: Clock,
    *,
    metrics: CollectorRegistry,
    logger: FilteringBoundLogger | None,
) -> AsyncIterator[None]:
    """Tell people what happens, for the time of the block."""
    fetcher = open_fetcher(settings)
    try:
        heartbeat = open_heartbeat(settings, fetcher, clock, _fetch_secret, logger)
        notifier = Notifier(journal, journal, ledger, clock, heartbeat=heartbeat, logger=logger, registry=metrics)
        wire = open_wire(settings, journal, fetcher, _fetch_secret)
        async with notifier.at_work(open_targets(settings, _fetch_secret), wire, random.SystemRandom().random):
            yield
    finally:
        await fetcher.close()


def make_kit(
    settings: RunSettings,
    ledger: RolloutLedger,
    platform: Platform,
    clock: Clock,
    draw: Callable[[], float],
    *,
    sources: Probing | None = None,
) -> Kit:
    """Put the engine's parts together over a platform, a ledger, a clock and chance.

    Without `sources` nobody but the platform is asked, as in a rehearsal.
    """
    asked = Rehearsal() if sources is None else sources
    pacer = Pacer(clock, *paces(settings))
    eyes = Eyes(platform, pacer)

    def probe_of(plan: ServicePlan) -> Probe:
        return asked.probe(plan.health.checks, eyes.look)

    return Kit(
        ledger=ledger,
        platform=platform,
        tracker=Tracker(
            platform, pacer, clock, draw=draw, timetable=timetable(settings), listing_s=listing_s(settings)
        ),
        pacer=pacer,
        clock=clock,
        probe_of=probe_of,
        draw=draw,
        request_timeout_s=settings.request_timeout_s,
        room=Room(cap_plan(settings)),
    )


def _asked(bundle: Bundle, compiled: Compiled) -> Asked:
    sources = [check.source for check in compiled.services[0].health.checks]
    return Asked(
        subscription=bundle.fleet.subscription,
        packages={plan.service: package_shown(plan.change) for plan in compiled.services},
        waves={wave.name: len(wave.services) for wave in compiled.plan.waves},
        commands=frozenset(each.name for each in sources if isinstance(each, CommandSource)),
        metric_servers=frozenset(each.server for each in sources if isinstance(each, MetricSource)),
        webhooks=any(isinstance(each, WebhookSource) for each in sources),
        notices=any(each.format is NoticeFormat.JSON for each in compiled.plan.notify),
        approvers=approvers(compiled.plan),
    )


def _fetch_secret(source: SecretSource, what: str) -> Secret:
    return fetch_passphrase(source, what=what)
