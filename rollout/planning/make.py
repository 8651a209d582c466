"""From a compiled rollout, what was seen and what is known to the document of its plan. Pure."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from rollout.core.approvals import plan_digest
from rollout.core.caps import Load
from rollout.core.change_plan import UpgradePlan, updates
from rollout.core.freeze import Freeze
from rollout.core.names import Now, ServiceName
from rollout.core.plan import RolloutPlan, ServicePlan, WavePlan
from rollout.core.wave_plan import ApprovalPlan
from rollout.core.windows import spans_from
from rollout.planning.caps import Bound, Shared, effective
from rollout.planning.document import Calls, Finding, Known, Moments, PlanDocument, PlannedService, PlannedWave
from rollout.planning.findings import Forecasts, by_severity, findings
from rollout.planning.forecast import Given, forecast
from rollout.planning.said import about, changed, windows_said
from rollout.planning.sighted import Sight, Sighted, Standing, sighted, ways
from rollout.planning.timing import Case, Source, Timings, of_services
from rollout.planning.turns import Paces, Turns
from rollout.platforms.classic.vocabulary import Verb
from rollout.simulation.history import History

WINDOWS_SHOWN_MAX: Final = 60
"""Of each wave."""
VERB_OF: Final = {"begin": (Verb.UPGRADE, Verb.CONFIG), "domain": (Verb.WALK,), "swap": (Verb.SWAP,)}


class Wanted(msgspec.Struct, frozen=True):
    """What a plan is made from: the compiled rollout, and the instance counts of the configurations it sends."""

    plan: RolloutPlan
    services: tuple[ServicePlan, ...]
    counts: Mapping[ServiceName, Mapping[str, int]] = {}


class Around(msgspec.Struct, frozen=True):
    """What is known of the world: journal, pace, caps that rollouts share, a freeze."""

    history: History = History()
    paces: Paces = Paces()
    shared: tuple[Shared, ...] = ()
    freeze: Freeze | None = None
    notes: tuple[Finding, ...] = ()
    """What whoever asks knows besides, such as rollouts that have the same services."""


UNKNOWN: Final = Around()


def plan_document(
    wanted: Wanted, begins_wall: float, around: Around = UNKNOWN, sights: Mapping[ServiceName, Sight] | None = None
) -> PlanDocument:
    """Make the document. `begins_wall` is when it would begin, in POSIX seconds UTC; no `sights` = nobody looked."""
    return _Making(wanted, begins_wall, around, sights).document(looked=sights is not None)


class _Making:
    """One document under way."""

    def __init__(
        self, wanted: Wanted, begins_wall: float, around: Around, sights: Mapping[ServiceName, Sight] | None
    ) -> None:
        self._wanted = wanted
        self._plans = {each.service: each for each in wanted.services}
        self._sights = sights or {}
        now = Now(0.0, begins_wall)
        self._seen = {
            name: sighted(self._plans[name], sight, wanted.counts.get(name, {}), now)
            for name, sight in self._sights.items()
        }
        self._around = around
        self._given = Given(
            wanted.plan,
            wanted.services,
            begins_wall,
            self._seen,
            of_services(around.history, self._plans),
            around.paces,
            around.shared,
            around.freeze,
        )
        self._cases: Forecasts = {case: forecast(self._given, case) for case in Case}
        self._expected = self._cases[Case.EXPECTED].schedule
        self._ways = {
            name: ways(plan, self._sights.get(name), self._given.domains(name)) for name, plan in self._plans.items()
        }

    def document(self, *, looked: bool) -> PlanDocument:
        plan, first, calls = self._wanted.plan, self._wanted.services[0], self._calls()
        bounds = {wave.name: self._bound(wave) for wave in plan.waves}
        finish = self._finish()
        changes = len(self._plans) - sum(each.standing is not Standing.CHANGES for each in self._seen.values())
        return PlanDocument(
            rollout=plan.rollout,
            change=changed(first.change),
            slot=first.target.slot,
            subscription=first.target.subscription,
            plan=plan_digest(plan),
            documents=plan.documents,
            begins=iso(self._given.begins_wall),
            begins_wall=self._given.begins_wall,
            looked=looked,
            summary=self._summary(changes, finish),
            changes=changes,
            finish=finish,
            deadline=None if plan.deadline_s is None else iso(self._given.begins_wall + plan.deadline_s),
            waves=tuple(self._wave(wave, bounds[wave.name]) for wave in plan.waves),
            services=tuple(self._services()),
            open_windows=self._open_windows(),
            calls=calls,
            durations=tuple(self._durations()),
            findings=by_severity([*self._around.notes, *findings(self._given, self._cases, bounds, self._ways, calls)]),
            at_once=self._expected.at_once,
        )

    def _summary(self, changes: int, finish: Moments) -> str:
        waves, total = len(self._wanted.plan.waves), len(self._plans)
        how = f"{changes} of {total} services in {waves} wave{'' if waves == 1 else 's'}"
        if not changes:
            return f"nothing is to be done to any of {total} services"
        if finish.expected_s is None or finish.best_s is None:
            return f"{how}; it would not end by itself"
        latest = "no end in the latest case" if finish.latest_s is None else f"{about(finish.latest_s)} at the latest"
        return f"{how}, done in {about(finish.expected_s)} as expected ({about(finish.best_s)} at best, {latest})"

    # --- parts ---

    def _services(self) -> list[PlannedService]:
        order = list(self._expected.services)
        waiting = [name for name in self._plans if name not in self._expected.services]
        return [self._service(name, place) for place, name in enumerate(order, 1)] + [
            self._service(name, None) for name in waiting
        ]

    def _service(self, name: ServiceName, order: int | None) -> PlannedService:
        plan, ways_of, sight = self._wanted.plan, self._ways[name], self._seen.get(name, Sighted())
        spans = self._expected.services.get(name, ())
        late = self._cases[Case.LATEST].schedule.services.get(name, ())
        begins_s, ends_s = (spans[0].from_s, spans[-1].to_s) if spans else (None, None)
        return PlannedService(
            service=name,
            wave=next(wave.name for wave in plan.waves if name in wave.services),
            order=order,
            standing=sight.standing.value,
            why=sight.why,
            domains=self._given.domains(name),
            looked=sight.domains is not None,
            instances=sight.instances,
            release=sight.release,
            counts=sight.counts,
            needs=plan.needs.get(name, ()),
            paired=plan.paired.get(name, ()),
            no_return=ways_of.no_return,
            way_back=ways_of.before,
            way_back_after=ways_of.after,
            begins_s=begins_s,
            ends_s=ends_s,
            begins=self._at(begins_s),
            ends=self._at(ends_s),
            latest_ends=self._at(late[-1].to_s if late else None),
            spans=spans,
        )

    def _wave(self, wave: WavePlan, bound: Bound) -> PlannedWave:
        span, plan = self._expected.waves[wave.name], self._wanted.plan
        before = plan.waves[: plan.waves.index(wave)][-1:]
        return PlannedWave(
            wave=wave.name,
            services=tuple(name for name in self._expected.services if name in wave.services)
            + tuple(name for name in wave.services if name not in self._expected.services),
            needs=tuple(each.name for each in before) if wave.needs is None else wave.needs,
            max_parallel=wave.max_parallel,
            effective=bound.services,
            bound_by=bound.said,
            failure_tolerance=wave.failure_tolerance,
            strict=wave.strict,
            on_failure=wave.on_failure.value,
            bake_s=wave.bake.all_s if wave.bake else 0.0,
            bake_first_s=wave.bake.first_s if wave.bake else 0.0,
            approve=_approvals(wave.approval, plan.approval),
            windows=windows_said(wave.windows),
            opens_s=span.opens_s,
            ends_s=span.ends_s,
            opens=self._at(span.opens_s),
            ends=self._at(span.ends_s),
            bakes=span.bakes,
        )

    def _bound(self, wave: WavePlan) -> Bound:
        seats = [self._given.seat(self._plans[name]) for name in wave.services]
        largest = Load(0, max(seat.domains for seat in seats), max(seat.instances for seat in seats))
        return effective(wave, self._around.shared, largest)

    def _finish(self) -> Moments:
        best, expected, latest = (self._cases[case].schedule.finish_s for case in Case)
        return Moments(self._at(best), self._at(expected), self._at(latest), best, expected, latest)

    def _calls(self) -> Calls:
        legs = [leg for way in self._cases[Case.EXPECTED].ways.values() for leg in way]
        reads, writes = sum(leg.reads for leg in legs), sum(leg.writes for leg in legs)
        pace = self._around.paces
        alone_s = max(Turns(pace.reads).take(0.0, reads), Turns(pace.writes).take(0.0, writes))
        return Calls(reads, writes, pace.reads.start, pace.writes.start, alone_s)

    def _durations(self) -> list[Known]:
        timings, found = Timings(Case.EXPECTED, self._given.history), []
        for what in dict.fromkeys(leg.what for way in self._cases[Case.EXPECTED].ways.values() for leg in way):
            if what not in VERB_OF:
                continue
            upgrades = isinstance(updates(self._wanted.services[0].change), UpgradePlan)
            verb = VERB_OF[what][0 if upgrades or what != "begin" else 1]
            sources = Counter(timings.source(name, verb) for name in self._plans)
            best_s, expected_s, latest_s = (self._mean_s(case, what) for case in Case)
            counts = {source.value: sources[source] for source in Source if sources[source]}
            found.append(Known(what, best_s, expected_s, latest_s, counts))
        return found

    def _mean_s(self, case: Case, what: str) -> float:
        times = [leg.seconds for way in self._cases[case].ways.values() for leg in way if leg.what == what]
        return sum(times) / len(times)

    def _open_windows(self) -> dict[str, tuple[tuple[float, float], ...]]:
        """Give when each wave's windows are open, as far as the latest case that ends goes."""
        begins = self._given.begins_wall
        ends = [each.schedule.finish_s for each in self._cases.values() if each.schedule.finish_s is not None]
        until = begins + max(ends, default=0.0)
        found = {}
        for wave in self._wanted.plan.waves:
            if wave.windows is None:
                continue
            spans: list[tuple[float, float]] = []
            for opens, closes in spans_from(wave.windows, begins):
                if opens > until or len(spans) == WINDOWS_SHOWN_MAX:
                    break
                spans.append((max(opens, begins) - begins, closes - begins))
            found[wave.name] = tuple(spans)
        return found

    def _at(self, seconds: float | None) -> str | None:
        return None if seconds is None else iso(self._given.begins_wall + seconds)


def iso(wall: float) -> str:
    """Write a POSIX second as ISO 8601 in UTC."""
    return datetime.fromtimestamp(round(wall), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _approvals(own: ApprovalPlan | None, whole: ApprovalPlan | None) -> str:
    return "; ".join(f"{each.by} before {each.before.value}" for each in (own, whole) if each is not None)
