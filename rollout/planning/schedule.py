"""What would happen when, if nothing failed: the rules of the fleet, played in time that nobody waits for. Pure."""

import heapq
from collections.abc import Mapping
from itertools import count
from math import ceil
from typing import Final

from msgspec.structs import replace

from rollout.core import fleet_event
from rollout.core.around import Around
from rollout.core.change_plan import Barrier
from rollout.core.ending import Outcome
from rollout.core.event import Entry, HoldReason
from rollout.core.fleet import Course, consider_fleet
from rollout.core.fleet_action import (
    Admit,
    AskApproval,
    BeginBake,
    CloseRollout,
    FleetAction,
    OpenBarrier,
    OpenWave,
    Release,
)
from rollout.core.fleet_event import FleetFact
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState, Summary
from rollout.core.holding import keeps
from rollout.core.names import ENGINE, Now, ServiceName, rollout_stream
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.wave_plan import Moment
from rollout.errors import InvariantBroken
from rollout.planning.legs import Leg
from rollout.planning.line import Line
from rollout.planning.spans import Schedule, Span, Terms, WaveSpan
from rollout.planning.turns import Turns

LEAD_S: Final = 1.0
"""An approval that comes at the last moment comes so long before it lapses."""
STEPS_PER_SERVICE_MAX: Final = 200
NAMED_MAX: Final = 3


def scheduled(
    plan: RolloutPlan, ways: Mapping[ServiceName, tuple[Leg, ...]], unfit: Mapping[ServiceName, Outcome], terms: Terms
) -> Schedule:
    """Play a plan. `ways` are the legs of each service; `unfit` end at once, without a leg.

    The rollout's deadline is left out: what it would cut off is to be seen.
    """
    return _Play(replace(plan, deadline_s=None), ways, unfit, terms).schedule()


class _Play:
    """One play under way."""

    def __init__(
        self,
        plan: RolloutPlan,
        ways: Mapping[ServiceName, tuple[Leg, ...]],
        unfit: Mapping[ServiceName, Outcome],
        terms: Terms,
    ) -> None:
        self._ways = ways
        self._unfit = unfit
        self._terms = terms
        self._t = 0.0
        self._events: list[tuple[float, int, str, str]] = []
        self._numbers = count()
        names = [name for wave in plan.waves for name in wave.services]
        self._summaries = {
            name: Summary(name, admitted=False, outcome=None, failed=False, for_person=False) for name in names
        }
        self._at = dict.fromkeys(names, 0)
        self._begun: dict[ServiceName, float] = {}
        self._spans: dict[ServiceName, list[Span]] = {}
        self._opened: dict[str, float] = {}
        self._bakes: dict[str, list[Span]] = {}
        self._line = Line(terms.caps, terms.sizes)
        self._reads, self._writes = Turns(terms.paces.reads), Turns(terms.paces.writes)
        self._moved = True
        self._flying = 0
        self._at_once = 0
        opened = Entry(rollout_stream(plan.rollout), 1, self._now(), ENGINE, fleet_event.RolloutOpened(plan))
        self._state: RolloutState = evolve_fleet(None, opened)

    def schedule(self) -> Schedule:
        """Play until it is over, or until nothing moves by itself."""
        course = Course()
        for _ in range(STEPS_PER_SERVICE_MAX * len(self._summaries)):
            # A service that goes from one leg to the next is no news to the fleet.
            if self._moved or (course.until_wall is not None and course.until_wall <= self._now().wall):
                self._moved = False
                course = consider_fleet(self._state, self._summaries, self._now(), self._around())
            if course.action is not None:
                self._moved = True
                if not self._act(course.action):
                    return self._told(None, f"the rules want {type(course.action).__name__} where nothing failed")
                if self._state.closed is not None:
                    return self._told(self._t, "")
            elif not self._go_on(course):
                return self._told(None, self._why_stuck())
        raise InvariantBroken(f"the forecast of {self._state.plan.rollout} does not come to an end")

    # --- time ---

    def _now(self) -> Now:
        return Now(self._t, self._terms.begins_wall + self._t)

    def _around(self) -> Around:
        freeze, room = self._terms.freeze, self._terms.room
        over = freeze is not None and freeze.until_wall is not None and freeze.until_wall <= self._now().wall
        left = None if room is None else max(room - self._flying, 0)
        return Around(freeze=None if over else freeze, room=left)

    def _go_on(self, course: Course) -> bool:
        """Go to the next moment at which anything happens; False = there is none."""
        dates = [self._events[0][0]] if self._events else []
        if course.until_wall is not None:
            dates.append(course.until_wall - self._terms.begins_wall)
        later = [date for date in dates if date > self._t] or dates[:1]
        if not later:
            return False
        self._t = max(self._t, min(later))
        while self._events and self._events[0][0] <= self._t:
            _, _, kind, name = heapq.heappop(self._events)
            self._happens(kind, name)
        return True

    def _plan(self, after_s: float, kind: str, name: str) -> None:
        """Whole seconds: what happens within one is looked at together."""
        heapq.heappush(self._events, (float(ceil(self._t + after_s)), next(self._numbers), kind, name))

    def _happens(self, kind: str, name: str) -> None:
        match kind:
            case "leg":
                self._leg_ends(ServiceName(name))
            case "bake":
                self._put(fleet_event.BakeEnded(name))
            case _:
                self._put(fleet_event.Approved(name, "", ""))

    # --- what the rules want ---

    def _act(self, action: FleetAction) -> bool:
        match action:
            case OpenWave(wave=wave):
                self._opened[wave] = self._t
                self._put(fleet_event.WaveOpened(wave))
            case Admit(services=services):
                for service in services:
                    self._admit(service)
            case AskApproval(scope=scope, by=by, until_wall=until_wall, digest=digest):
                self._put(fleet_event.ApprovalAsked(scope, by, until_wall, digest))
                wait_s = until_wall - self._now().wall - LEAD_S if self._terms.late_approvals else 0.0
                self._plan(max(wait_s, 0.0), "approval", scope)
            case BeginBake(wave=wave, first=first, services=services):
                self._bake(self._state.wave(wave), services, first=first)
            case OpenBarrier(services=services):
                for service in services:
                    self._set(service, barrier=None, let_through=True)
                    self._fly(service)
            case Release(holds=holds):
                for service, _ in holds:
                    self._set(service, holds=frozenset())
                    self._fly(service)
            case CloseRollout(failures=failures, reason=reason):
                self._put(fleet_event.RolloutClosed(failures, reason))
            case _:
                return False
        return True

    def _bake(self, wave: WavePlan, services: tuple[ServiceName, ...], *, first: bool) -> None:
        bake = wave.bake
        if bake is None:
            raise InvariantBroken(f"wave {wave.name} bakes without a bake")
        self._put(fleet_event.BakeBegan(wave.name, first, services))
        lasting_s = max(bake.first_s if first else bake.all_s, bake.stable_s)
        lasting_s = ceil(lasting_s / bake.interval_s) * bake.interval_s
        what = "first bake" if first else "bake"
        self._bakes.setdefault(wave.name, []).append(Span(what, self._t, self._t + lasting_s))
        self._plan(lasting_s, "bake", wave.name)

    def _put(self, fact: FleetFact) -> None:
        self._moved = True
        stream = rollout_stream(self._state.plan.rollout)
        self._state = evolve_fleet(self._state, Entry(stream, self._state.version + 1, self._now(), ENGINE, fact))

    # --- services ---

    def _set(self, service: ServiceName, **changes: object) -> None:
        self._moved = True
        self._summaries[service] = replace(self._summaries[service], **changes)

    def _admit(self, service: ServiceName) -> None:
        self._put(fleet_event.ServiceAdmitted(service))
        self._begun[service] = self._t
        self._spans[service] = []
        self._flying += 1
        self._at_once = max(self._at_once, self._flying)
        self._set(service, admitted=True)
        if service in self._unfit:
            self._end(service, self._unfit[service])
        else:
            self._fly(service)

    def _fly(self, service: ServiceName) -> None:
        """Begin the leg that is next, unless something has to be waited for first."""
        leg = self._ways[service][self._at[service]]
        barrier = leg.before.barrier
        if barrier is not Barrier.NONE and not self._summaries[service].let_through:
            self._set(service, barrier=barrier)
            return
        if leg.writes and (hold := self._held(service, leg)) is not None:
            self._set(service, holds=frozenset({hold}), stands_at=Moment.SWAP if leg.before.swap else Moment.LAST)
            return
        if not self._line.enter(service, leg):
            return
        begins_s = self._writes.take(self._t, leg.writes)
        ends_s = max(begins_s + leg.seconds, self._reads.take(begins_s, leg.reads))
        self._spans[service].append(Span(leg.what, begins_s, ends_s, leg.domain))
        self._plan(ends_s - self._t, "leg", service)

    def _held(self, service: ServiceName, leg: Leg) -> HoldReason | None:
        """Give the hold that the rules put on before a call."""
        moment = Moment.SWAP if leg.before.swap else Moment.LAST
        reasons = [HoldReason.FREEZE, HoldReason.WINDOW]
        reasons += [HoldReason.APPROVAL] if leg.before.swap or leg.before.last else []
        for reason in reasons:
            if keeps(self._state, service, reason, self._now(), self._around(), moment=moment) is not None:
                return reason
        return None

    def _leg_ends(self, service: ServiceName) -> None:
        if not self._ways[service][self._at[service]].keeps:
            for other in self._line.leave(service):
                self._fly(other)
        self._at[service] += 1
        if self._at[service] < len(self._ways[service]):
            self._fly(service)
        else:
            self._end(service, Outcome.SUCCEEDED)

    def _end(self, service: ServiceName, outcome: Outcome) -> None:
        self._put(fleet_event.ServiceEnded(service, outcome))
        self._flying -= 1
        took_s = self._t - self._begun[service] if outcome is Outcome.SUCCEEDED else None
        self._set(service, outcome=outcome, took_s=took_s)

    # --- what came of it ---

    def _told(self, finish_s: float | None, stuck: str) -> Schedule:
        services = {name: tuple(spans) for name, spans in self._spans.items()}
        waves = {wave.name: self._wave(wave) for wave in self._state.plan.waves}
        return Schedule(services, waves, finish_s, stuck, self._at_once)

    def _wave(self, wave: WavePlan) -> WaveSpan:
        bakes = tuple(self._bakes.get(wave.name, ()))
        opens_s = self._opened.get(wave.name)
        if any(self._summaries[name].outcome is None for name in wave.services):
            return WaveSpan(opens_s, None, bakes)
        ends = [span.to_s for name in wave.services for span in self._spans.get(name, ())[-1:]]
        return WaveSpan(opens_s, max([*ends, *(bake.to_s for bake in bakes)], default=opens_s), bakes)

    def _why_stuck(self) -> str:
        waiting = [name for name, member in self._summaries.items() if member.outcome is None]
        shown = ", ".join(waiting[:NAMED_MAX])
        more = f" and {len(waiting) - NAMED_MAX} more" if len(waiting) > NAMED_MAX else ""
        return f"{shown}{more} would wait for ever"
