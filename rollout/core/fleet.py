"""The rollout one level up: which services are admitted, when a wave is judged, and how it all ended.

The same pair as for one service: `evolve_fleet` folds facts, `decide_fleet` names the one thing needed next. Services
are seen only through summaries, pure projections of their states; a service's state is never touched from here.
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from rollout.core import fleet_event
from rollout.core.action import Wait
from rollout.core.decide import decide
from rollout.core.ending import Outcome
from rollout.core.environment_event import EnvironmentFact, EnvironmentHeld, EnvironmentLifted
from rollout.core.event import Entry, HoldReason
from rollout.core.evolve import IllegalFact
from rollout.core.names import ENGINE, POLICY, Now, ServiceName
from rollout.core.phase import Beginning, HeldForPerson, NeedsOperator, Queued, Ready
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.service import ServiceRollout

FAILED = frozenset({Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.SUSPENDED})
"""Endings that count against a wave's tolerance; a skipped service was never begun."""
UNTOUCHED = frozenset({Outcome.EXCLUDED, Outcome.CANCELLED})
"""Endings by a person's word that need no admission before them."""


class Summary(msgspec.Struct, frozen=True):
    """What the fleet knows of one service rollout."""

    service: ServiceName
    admitted: bool
    outcome: Outcome | None
    failed: bool
    """Counts against the tolerance: from the moment going back or holding on failure begins."""
    for_person: bool
    """Only somebody's word moves it on; for a queued one, lets it be admitted."""
    by_person: bool = False
    """A person's word ended it."""


class RolloutState(msgspec.Struct, frozen=True):
    """Everything the rollout's own stream says."""

    plan: RolloutPlan
    version: int
    wave: int | None = None
    """Index of the open wave."""
    admitted: frozenset[ServiceName] = frozenset()
    ended: frozenset[ServiceName] = frozenset()
    halted: str | None = None
    """Why nothing new starts."""
    halted_by: str = POLICY
    aborted: bool = False
    """A person wants all of it back; that is not lifted any more."""
    forgiven: frozenset[ServiceName] = frozenset()
    """Failures that a person let the rollout go on with."""
    closed: fleet_event.RolloutClosed | None = None
    environment: str | None = None
    """Why nothing begins although no change is to blame; it lifts itself."""

    @property
    def open_wave(self) -> WavePlan | None:
        """The wave that was opened last."""
        return None if self.wave is None else self.plan.waves[self.wave]

    @property
    def opened_waves(self) -> tuple[WavePlan, ...]:
        """The waves whose services may be admitted: in an earlier one only those that a person has tried again."""
        return () if self.wave is None else self.plan.waves[: self.wave + 1]

    def knows(self, service: ServiceName) -> bool:
        """Tell whether the rollout has such a service."""
        return any(service in wave.services for wave in self.plan.waves)


class OpenWave(msgspec.Struct, frozen=True, tag="open_wave"):
    """Let the services of this wave be admitted."""

    wave: str


class Admit(msgspec.Struct, frozen=True, tag="admit"):
    """Let these services begin."""

    wave: str
    services: tuple[ServiceName, ...]


class Halt(msgspec.Struct, frozen=True, tag="halt"):
    """Start nothing new; `hold` are in flight and finish their domain's gate."""

    wave: str
    reason: str
    hold: tuple[ServiceName, ...]


class CloseRollout(msgspec.Struct, frozen=True, tag="close"):
    """Every service has ended."""

    failures: int
    reason: str


FleetAction = OpenWave | Admit | Halt | CloseRollout


def summarize(state: ServiceRollout, now: Now) -> Summary:
    """Project one service rollout."""
    ended = state.ended
    failed = state.turned_back or isinstance(state.phase, HeldForPerson | NeedsOperator)
    return Summary(
        service=state.plan.service,
        admitted=not isinstance(state.phase, Queued),
        outcome=ended.outcome if ended else None,
        failed=ended.outcome in FAILED if ended else failed,
        for_person=_for_person(state, now),
        by_person=ended is not None and ended.who not in {ENGINE, POLICY},
    )


def _for_person(state: ServiceRollout, now: Now) -> bool:
    if isinstance(state.phase, Queued):
        return bool(state.holds) or state.stop is not None
    return decide(state, now) == Wait(None) and not _lifts_itself(state)


def _lifts_itself(state: ServiceRollout) -> bool:
    """Tell whether nothing but its environment keeps it, which needs no person to change."""
    waits = isinstance(state.phase, Beginning | Ready) and state.stop is None and bool(state.holds)
    return waits and all(hold.reason is HoldReason.ENVIRONMENT for hold in state.holds)


def evolve_fleet(state: RolloutState | None, entry: Entry) -> RolloutState:
    """Give the rollout's state after `entry`. Raises IllegalFact, and then nothing changed."""
    if state is None:
        if not isinstance(entry.fact, fleet_event.RolloutOpened) or entry.version != 1:
            message = f"{entry.stream} begins with {type(entry.fact).__name__}, not with RolloutOpened"
            raise IllegalFact(message)
        return RolloutState(entry.fact.plan, version=1)
    if entry.version != state.version + 1 or state.closed is not None:
        raise _illegal(state, entry)
    after = _surrounded(state, entry) if isinstance(entry.fact, EnvironmentFact) else _apply(state, entry)
    return replace(after, version=entry.version)


def _surrounded(state: RolloutState, entry: Entry) -> RolloutState:
    match entry.fact:
        case EnvironmentHeld(reason=reason) if state.environment is None:
            return replace(state, environment=reason)
        case EnvironmentLifted() if state.environment is not None:
            return replace(state, environment=None)
        case _:
            raise _illegal(state, entry)


def _apply(state: RolloutState, entry: Entry) -> RolloutState:
    match entry.fact:
        case fleet_event.WaveOpened(wave=name):
            following = 0 if state.wave is None else state.wave + 1
            if following < len(state.plan.waves) and state.plan.waves[following].name == name:
                return replace(state, wave=following)
        case fleet_event.ServiceAdmitted(service=service):
            known = any(service in wave.services for wave in state.opened_waves)
            if known and service not in state.admitted and service not in state.ended:
                return replace(state, admitted=state.admitted | {service})
        case fleet_event.ServiceEnded(service=service, outcome=outcome):
            # A person can end what was never admitted, in a wave that may not be open yet.
            begun = service in state.admitted or (outcome in UNTOUCHED and state.knows(service))
            if begun and service not in state.ended:
                return replace(state, ended=state.ended | {service})
        case fleet_event.ServiceReopened(service=service) if service in state.ended:
            one = frozenset({service})
            return replace(state, ended=state.ended - one, admitted=state.admitted - one, forgiven=state.forgiven - one)
        case fleet_event.Halted(reason=reason, who=who) if state.halted is None:
            return replace(state, halted=reason, halted_by=who)
        case fleet_event.HaltLifted(forgiven=forgiven) if state.halted is not None and not state.aborted:
            return replace(state, halted=None, halted_by=POLICY, forgiven=state.forgiven.union(forgiven))
        case fleet_event.Aborted(who=who, note=note) if not state.aborted:
            return replace(state, aborted=True, halted=note, halted_by=who)
        case fleet_event.RolloutClosed() as closed:
            return replace(state, closed=closed)
        case _:
            pass
    raise _illegal(state, entry)


def _illegal(state: RolloutState, entry: Entry) -> IllegalFact:
    return IllegalFact(f"{entry.stream} version {entry.version}: {entry.fact!r} cannot follow version {state.version}")


def decide_fleet(state: RolloutState, summaries: Mapping[ServiceName, Summary], now: Now) -> FleetAction | None:  # noqa: ARG001 - windows and approvals count in wall time
    """Give the one action the rollout needs next; None = nothing until a service changes or somebody speaks."""
    if state.closed is not None:
        return None
    if state.wave is None and state.halted is None:
        return OpenWave(state.plan.waves[0].name)
    waves = [(wave, [summaries[service] for service in wave.services]) for wave in state.opened_waves]
    if state.halted is None:
        for wave, members in waves:
            failed = _failed(state, members)
            if failed > wave.failure_tolerance:
                return _halt(wave, members, failed)
    if all(summary.outcome is not None for summary in summaries.values()):
        return _close(summaries)
    if state.halted is not None or state.environment is not None:
        return None
    for wave, members in waves:
        if chosen := _admissible(wave, members, _failed(state, members)):
            return Admit(wave.name, chosen)
    _, last = waves[-1]
    if len(waves) < len(state.plan.waves) and all(member.outcome is not None for member in last):
        return OpenWave(state.plan.waves[len(waves)].name)
    return None


def _failed(state: RolloutState, members: list[Summary]) -> int:
    return sum(member.failed and member.service not in state.forgiven for member in members)


def _halt(wave: WavePlan, members: list[Summary], failed: int) -> Halt:
    reason = f"{failed} of {len(members)} services failed; wave {wave.name} tolerates {wave.failure_tolerance}"
    hold = tuple(
        member.service for member in members if member.admitted and member.outcome is None and not member.failed
    )
    return Halt(wave.name, reason, hold)


def _close(summaries: Mapping[ServiceName, Summary]) -> CloseRollout:
    unsuccessful = sum(summary.outcome not in {Outcome.SUCCEEDED, Outcome.UNCHANGED} for summary in summaries.values())
    total = len(summaries)
    return CloseRollout(unsuccessful, f"{total - unsuccessful} of {total} services run the new release")


def _admissible(wave: WavePlan, members: list[Summary], failed: int) -> tuple[ServiceName, ...]:
    """Fill the wave's caps in fleet order.

    What moves, or may move again at a word, is bounded by max_parallel; a failed one that waits is not. With `strict`,
    what could still fail is bounded too, so that failures never exceed failure_tolerance + 1 (StackSets' strict
    concurrency).
    """
    begun = [member for member in members if member.admitted and member.outcome is None]
    could_move = sum(not (member.failed and member.for_person) for member in begun)
    room = wave.max_parallel - could_move
    if wave.strict:
        could_fail = sum(not member.failed for member in begun)
        room = min(room, wave.failure_tolerance + 1 - failed - could_fail)
    queued = [member.service for member in members if not member.admitted and not member.for_person]
    return tuple(queued[: max(room, 0)])
