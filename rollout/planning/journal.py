"""What a state directory knows of a plan's services: durations, what runs there, a freeze, and who else wants them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from rollout.core.change_event import Installed
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState
from rollout.core.freeze import NO_FREEZE, EngineState, Freeze, evolve_engine
from rollout.core.installed import installed
from rollout.core.names import (
    ENGINE_STREAM,
    Now,
    ServiceName,
    is_rollout_stream,
    is_service_stream,
    parse_service_stream,
    rollout_stream,
)
from rollout.core.plan import RolloutPlan
from rollout.core.service import ServiceRollout
from rollout.journal.journal import Recorded, StreamRow
from rollout.journal.state import JOURNAL_NAME
from rollout.journal.visitor import Visitor
from rollout.planning.document import Finding, Severity
from rollout.simulation.history import History, history_of

STREAMS_MAX = 2_000
"""So many of the latest attempts at the plan's services are read."""


class Records(msgspec.Struct, frozen=True):
    """What was found."""

    history: History = History()
    known: dict[ServiceName, Installed] = {}
    freeze: Freeze | None = None
    notes: tuple[Finding, ...] = ()


def records_of(state: Path, plan: RolloutPlan, wall: float) -> Records:
    """Read a state directory from outside; one that does not exist knows nothing. Raises StateUnusable."""
    if not (state / JOURNAL_NAME).exists():
        return Records()
    services = {name for wave in plan.waves for name in wave.services}
    with Visitor.opened(state) as visitor, visitor.moment():
        rows = visitor.streams()
        entries = []
        known: dict[ServiceName, Installed] = {}
        for row in _latest(rows, services):
            records = visitor.read(row.stream)
            entries += [each.entry for each in records]
            if row.ended and (runs := installed(_service(records))) is not None:
                known[parse_service_stream(row.stream)[1]] = runs
        frozen = visitor.read(ENGINE_STREAM)
        freeze = _engine(frozen).freeze_at(Now(0.0, wall)) if frozen else None
        return Records(history_of(entries), known, freeze, tuple(_notes(visitor, rows, plan, services)))


def _latest(rows: Sequence[StreamRow], services: set[ServiceName]) -> list[StreamRow]:
    theirs = [row for row in rows if is_service_stream(row.stream) and parse_service_stream(row.stream)[1] in services]
    return theirs[-STREAMS_MAX:]


def _notes(
    visitor: Visitor, rows: Sequence[StreamRow], plan: RolloutPlan, services: set[ServiceName]
) -> Iterator[Finding]:
    for row in rows:
        if not is_rollout_stream(row.stream):
            continue
        if row.stream == rollout_stream(plan.rollout):
            yield _again(_rollout(visitor.read(row.stream)), plan)
        elif not row.ended:
            other = _rollout(visitor.read(row.stream))
            both = [name for wave in other.plan.waves for name in wave.services if name in services]
            if both:
                said = (
                    f"rollout {other.plan.rollout} is open and has {len(both)} of the same services, such as {both[0]}"
                )
                yield Finding(Severity.WARNING, "", f"{said}; on_conflict is {plan.on_conflict.value}")


def _again(known: RolloutState, plan: RolloutPlan) -> Finding:
    if known.plan.documents == plan.documents:
        stands = "has ended" if known.closed is not None else "is open"
        return Finding(
            Severity.INFO, "", f"the same rollout is known and {stands}: submitting it again changes nothing"
        )
    said = f"rollout {plan.rollout} is known with other documents: give the changed policy a new id"
    return Finding(Severity.ERROR, "", said)


def _service(records: Sequence[Recorded]) -> ServiceRollout:
    state = evolve(None, records[0].entry)
    for each in records[1:]:
        state = evolve(state, each.entry)
    return state


def _rollout(records: Sequence[Recorded]) -> RolloutState:
    state = evolve_fleet(None, records[0].entry)
    for each in records[1:]:
        state = evolve_fleet(state, each.entry)
    return state


def _engine(records: Sequence[Recorded]) -> EngineState:
    state = NO_FREEZE
    for each in records:
        state = evolve_engine(state, each.entry)
    return state
