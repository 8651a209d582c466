"""What became of each service when: its attempts as lines of bars, folded from the entries by the rules themselves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from rollout.core.event import Admitted
from rollout.core.evolve import evolve
from rollout.core.mark import without_token
from rollout.core.names import StreamName, is_service_stream, parse_service_stream
from rollout.core.phase import (
    Back,
    Baking,
    Checking,
    Ended,
    ForeignChange,
    HeldForPerson,
    NeedsOperator,
    Phase,
    Queued,
    SwapBaking,
    doing,
    domain_of,
)
from rollout.core.plan import RolloutPlan
from rollout.core.service import ServiceRollout
from rollout.journal.journal import Recorded
from rollout.views.text import one_line
from rollout.views.view import phase_name


class BarKind(StrEnum):
    """What a stretch of time was spent on."""

    WORK = "work"
    """The platform at work, and looks at what it did."""
    GATE = "gate"
    """Checks that have to be healthy for long enough, bakes among them."""
    WAITS = "waits"
    """Held by a rule or a word that is not about this service alone, with nothing under way."""
    BACK = "back"
    PERSON = "person"
    """Waits for a person."""


class Bar(msgspec.Struct, frozen=True):
    """A stretch of time. `to_at` is the moment of the report where it has not ended."""

    kind: BarKind
    from_at: float
    to_at: float
    what: str
    domain: int | None = None


class Line(msgspec.Struct, frozen=True):
    """One attempt at one service."""

    service: str
    wave: str
    attempt: int
    phase: str
    outcome: str | None
    reason: str
    begun_at: float | None
    ended_at: float | None
    domains: int
    release_before: str | None
    bars: tuple[Bar, ...]


@dataclass(slots=True)
class _Drawing:
    state: ServiceRollout
    began_at: float
    begun_at: float | None = None
    ended_at: float | None = None
    bars: list[Bar] = field(default_factory=list)


def lines_of(plan: RolloutPlan, records: Sequence[Recorded], until_at: float) -> tuple[Line, ...]:
    """Draw every attempt; what goes on is drawn up to `until_at`."""
    drawings: dict[StreamName, _Drawing] = {}
    for each in records:
        entry = each.entry
        if not is_service_stream(entry.stream):
            continue
        known, at = drawings.get(entry.stream), entry.now.wall
        state = evolve(None if known is None else known.state, entry)
        if known is None:
            drawings[entry.stream] = _Drawing(state, at)
            continue
        if _shown(known.state) != _shown(state):
            _close(known, at)
        known.state = state
        if isinstance(entry.fact, Admitted):
            known.begun_at = at
        if state.ended is not None:
            known.ended_at = at
    for drawing in drawings.values():
        _close(drawing, max(until_at, drawing.began_at))
    return tuple(_in_order(plan, drawings))


def _in_order(plan: RolloutPlan, drawings: dict[StreamName, _Drawing]) -> Iterator[Line]:
    by_service: dict[str, list[tuple[int, _Drawing]]] = {}
    for stream, drawing in drawings.items():
        _, service, attempt = parse_service_stream(stream)
        by_service.setdefault(service, []).append((attempt, drawing))
    for wave in plan.waves:
        for service in wave.services:
            for attempt, drawing in sorted(by_service.get(service, []), key=lambda each: each[0]):
                yield _line(service, wave.name, attempt, drawing)


def _line(service: str, wave: str, attempt: int, drawing: _Drawing) -> Line:
    state = drawing.state
    before = None if state.before is None else without_token(state.before.release)
    return Line(
        service=service,
        wave=wave,
        attempt=attempt,
        phase=phase_name(state.phase),
        outcome=None if state.ended is None else state.ended.outcome.value,
        reason=one_line(state.ended.reason if state.ended is not None else state.failure or ""),
        begun_at=drawing.begun_at,
        ended_at=drawing.ended_at,
        domains=state.domain_count,
        release_before=before,
        bars=tuple(drawing.bars),
    )


def _close(drawing: _Drawing, at: float) -> None:
    """End the stretch that was open."""
    shown = _shown(drawing.state)
    if shown is not None and at > drawing.began_at:
        kind, what, domain = shown
        drawing.bars.append(Bar(kind, drawing.began_at, at, what, domain))
    drawing.began_at = at


def _shown(state: ServiceRollout) -> tuple[BarKind, str, int | None] | None:
    """Say what a service's time is spent on; None = it was not begun, or has ended."""
    phase = state.phase
    if isinstance(phase, Queued | Ended):
        return None
    domain, what = domain_of(phase), phase_name(doing(phase)).replace("_", " ")
    if isinstance(phase, HeldForPerson | ForeignChange | NeedsOperator) or state.stop is not None:
        return BarKind.PERSON, "stopped" if state.stop is not None else what, domain
    if isinstance(phase, Back) or state.turned_back:
        return BarKind.BACK, what, domain
    if state.holds and _is_between(phase):
        return BarKind.WAITS, f"held: {', '.join(sorted(hold.reason for hold in state.holds))}", domain
    if isinstance(phase, Checking | Baking | SwapBaking):
        return BarKind.GATE, what, domain
    return BarKind.WORK, what, domain


def _is_between(phase: Phase) -> bool:
    """Tell whether nothing is under way at the platform, so that a hold is what keeps it."""
    return getattr(phase, "call", None) is None and not isinstance(phase, Checking | Baking | SwapBaking)
