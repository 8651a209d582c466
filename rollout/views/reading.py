"""One rollout as it is known at one moment: read from a state directory from outside, or from an engine's memory."""

import time
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from rollout.core.admission import Scene
from rollout.core.around import ALONE, Around, Taken
from rollout.core.conflict import Claim, taken_by_others
from rollout.core.event import Entry
from rollout.core.evolve import IllegalFact, evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState, Summary
from rollout.core.freeze import NO_FREEZE, EngineState, evolve_engine
from rollout.core.names import (
    ENGINE_STREAM,
    Now,
    RolloutId,
    ServiceName,
    StreamName,
    is_rollout_stream,
    is_service_stream,
    parse_service_stream,
)
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize
from rollout.errors import JournalDamaged, UsageError
from rollout.journal.journal import Recorded, StreamRow
from rollout.journal.ledger import Fold
from rollout.journal.visitor import Visitor

HEARD_S_MAX: Final = 15.0
"""An engine tells of itself every five seconds; one that was not heard for three times as long is not running."""

ALONE_MAX: Final = 2
"""With fewer open rollouts nobody else wants anything."""

S = TypeVar("S")


class Read(msgspec.Struct, frozen=True):
    """Everything that views are made of. In an engine's own process `heard` is now."""

    rollout: RolloutState
    services: Mapping[ServiceName, ServiceRollout]
    """The newest attempts, in fleet order."""
    now: Now
    heard: Now
    """The last moment of which an engine told."""
    said: str = ""
    """What it said of its pace then, if calls waited for their turn."""
    around: Around = ALONE
    entries: dict[ServiceName, Sequence[Recorded]] = {}
    """Of these attempts, where they are at hand: they tell moments exactly, and what was said last."""
    summaries: Mapping[ServiceName, Summary] = {}
    """What was projected of the services before, so that it is not done anew."""
    trouble: str | None = None
    """Why the engine at work does not go on with this rollout: a mistake of its own."""

    @property
    def running(self) -> bool:
        """Whether an engine was heard just now; while none runs, engine seconds stand still."""
        return is_running(self.heard, self.now.wall)

    def scene(self) -> Scene:
        """Give what the rules of the fleet decide on."""
        return Scene(self.rollout, {name: self.summary(name) for name in self.services}, self.now, self.around)

    def summary(self, name: ServiceName) -> Summary:
        """Give what the fleet knows of a service."""
        return self.summaries.get(name) or summarize(self.services[name], self.now)

    def wall_at(self, t: float) -> float:
        """Give the POSIX second of an engine second, as far as engine time went on without a break."""
        return self.now.wall + t - self.now.t


def is_running(heard: Now, wall: float) -> bool:
    """Tell whether an engine was heard just now."""
    return wall - heard.wall <= HEARD_S_MAX


def read_rollout(state: Path, rollout: RolloutId) -> Read:
    """Read one rollout. Raises UsageError for one that is not there, StateUnusable, JournalDamaged."""
    with Visitor.opened(state) as visitor, visitor.moment():
        return _read(visitor, visitor.streams(), rollout, state)


def read_all(state: Path) -> list[Read]:
    """Read every rollout, in the order in which they were opened."""
    with Visitor.opened(state) as visitor, visitor.moment():
        rows = visitor.streams()
        return [_read(visitor, rows, RolloutId(row.stream), state) for row in rows if is_rollout_stream(row.stream)]


def read_attempts(state: Path, service: ServiceName) -> tuple[list[ServiceRollout], Now]:
    """Read every attempt at a service, the newest rollout's and its newest first, and the present moment."""
    with Visitor.opened(state) as visitor, visitor.moment():
        rows = visitor.streams()
        order = {RolloutId(row.stream): n for n, row in enumerate(rows) if is_rollout_stream(row.stream)}
        found: list[tuple[int, int, StreamName]] = []
        for row in rows:
            if is_service_stream(row.stream):
                rollout, name, attempt = parse_service_stream(row.stream)
                if name == service:
                    found.append((order.get(rollout, 0), attempt, row.stream))
        states = [_fold(evolve, visitor.read(stream)) for _, _, stream in sorted(found, reverse=True)]
        return states, _now(visitor)


def read_entries(state: Path) -> Iterator[Entry]:
    """Read everything that services went through in a state directory, stream after stream."""
    with Visitor.opened(state) as visitor, visitor.moment():
        for row in visitor.streams():
            if is_service_stream(row.stream):
                yield from (recorded.entry for recorded in visitor.read(row.stream))


def _read(visitor: Visitor, rows: Sequence[StreamRow], rollout: RolloutId, state: Path) -> Read:
    known = [RolloutId(row.stream) for row in rows if is_rollout_stream(row.stream)]
    if rollout not in known:
        near = get_close_matches(rollout, known, n=1)
        there = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known[-5:]) or 'none'}"
        raise UsageError(f"{state} knows no rollout {rollout}; {there}")
    own, services, entries = _claim(visitor, rows, rollout)
    now, heard = _now(visitor), visitor.heard()
    around = Around(_engine(visitor).freeze_at(now), _taken(visitor, rows, own))
    return Read(own, services, now, heard, visitor.said(), around, entries)


def _now(visitor: Visitor) -> Now:
    """Give the present moment; engine seconds stand still while no engine is heard."""
    heard, wall = visitor.heard(), time.time()
    since_s = wall - heard.wall
    return Now(heard.t + (since_s if 0 <= since_s <= HEARD_S_MAX else 0.0), wall)


def _claim(
    visitor: Visitor, rows: Sequence[StreamRow], rollout: RolloutId
) -> tuple[RolloutState, dict[ServiceName, ServiceRollout], dict[ServiceName, Sequence[Recorded]]]:
    """Fold one rollout and the newest attempts at its services; the last are these attempts' entries."""
    newest: dict[ServiceName, tuple[int, StreamName]] = {}
    for row in rows:
        if is_service_stream(row.stream):
            whose, service, attempt = parse_service_stream(row.stream)
            if whose == rollout:
                newest[service] = max(newest.get(service, (0, row.stream)), (attempt, row.stream))
    own = _fold(evolve_fleet, visitor.read(StreamName(rollout)))
    entries = {service: visitor.read(stream) for service, (_, stream) in newest.items()}
    return own, {service: _fold(evolve, records) for service, records in entries.items()}, entries


def _taken(visitor: Visitor, rows: Sequence[StreamRow], own: RolloutState) -> Mapping[ServiceName, Taken]:
    """Find which services other open rollouts have, if there are others."""
    open_now = [RolloutId(row.stream) for row in rows if is_rollout_stream(row.stream) and not row.ended]
    if own.closed is not None or len(open_now) < ALONE_MAX:
        return {}
    claims = [Claim(*_claim(visitor, rows, rollout)[:2]) for rollout in open_now]
    return taken_by_others(own.plan.rollout, claims)


def _engine(visitor: Visitor) -> EngineState:
    records = visitor.read(ENGINE_STREAM)
    return _fold(evolve_engine, records) if records else NO_FREEZE


def _fold(fold: Fold[S], records: Sequence[Recorded]) -> S:
    state: S | None = None
    try:
        for recorded in records:
            state = fold(state, recorded.entry)
    except IllegalFact as error:
        message = f"the journal does not follow from itself: {error}"
        raise JournalDamaged(message) from error
    if state is None:
        raise JournalDamaged("the journal names a stream that has no entry")
    return state
