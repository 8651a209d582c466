"""What a person is shown of a running rollout: frozen values computed from the services' states. Pure."""

from collections.abc import Mapping, Sequence
from enum import Enum

import msgspec

from rollout.core.cells import goes_back
from rollout.core.decide import consider
from rollout.core.ending import Outcome
from rollout.core.fleet_state import Summary
from rollout.core.names import Now, RolloutId, ServiceName
from rollout.core.operation import Walk
from rollout.core.phase import (
    Checking,
    HeldForPerson,
    NeedsOperator,
    Phase,
    Queued,
    Ready,
    Reconciling,
    RollingBack,
    Settling,
    Walking,
)
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize

GOOD = frozenset({Outcome.SUCCEEDED, Outcome.UNCHANGED})
"""Endings after which the service runs the new release."""


class Domain(Enum):
    """How far one upgrade domain is."""

    TO_DO = "to do"
    IN_WORK = "in work"
    DONE = "done"
    FAILED = "failed"
    GOING_BACK = "going back"


class Group(Enum):
    """Where a service stands for who counts; the order is the order of what a person wants to see first."""

    FAILED = "failed"
    """Went wrong: going back, gone back, held, or waiting for a person."""
    MOVING = "in flight"
    QUEUED = "queued"
    DONE = "done"


class Row(msgspec.Struct, frozen=True):
    """One service in the table."""

    service: str
    phase: str
    doing: str
    domains: tuple[Domain, ...]
    since_s: float
    """How long it has been in its phase; 0 once it has ended."""
    outcome: str
    group: Group


class View(msgspec.Struct, frozen=True):
    """One frame: as many rows as fit, and totals of all."""

    rollout: RolloutId
    rows: tuple[Row, ...]
    totals: Mapping[Group, int]
    hidden: Mapping[Group, int]
    """Services that have no row."""
    elapsed_s: float


def view(rollout: RolloutId, services: Mapping[ServiceName, ServiceRollout], now: Now, rows_max: int) -> View:
    """Choose at most `rows_max` rows: in fleet order when all fit, else what failed first, then what moves."""
    groups = {name: group_of(state, now) for name, state in services.items()}
    chosen = list(groups)
    if len(chosen) > rows_max:
        order = list(Group)
        chosen = sorted(chosen, key=lambda name: order.index(groups[name]))[: max(rows_max, 0)]
    shown = set(chosen)
    return View(
        rollout=rollout,
        rows=tuple(_row(services[name], groups[name], now) for name in chosen),
        totals=_counts(list(groups.values())),
        hidden=_counts([group for name, group in groups.items() if name not in shown]),
        elapsed_s=elapsed_s(services, now),
    )


def group_of(state: ServiceRollout, now: Now, summary: Summary | None = None) -> Group:
    """Say in which column of the totals a service counts; `summary` if it was projected before."""
    if isinstance(state.phase, Queued):
        return Group.QUEUED
    if state.ended is not None:
        return Group.DONE if state.ended.outcome in GOOD else Group.FAILED
    known = summary or summarize(state, now)
    return Group.FAILED if known.failed or known.for_person else Group.MOVING


def elapsed_s(services: Mapping[ServiceName, ServiceRollout], now: Now) -> float:
    """Give the engine seconds from the first admission until now, or until the last ending."""
    started = [state.started_t for state in services.values() if state.started_t is not None]
    if not started:
        return 0.0
    over = all(state.ended is not None for state in services.values())
    end_t = max(state.phase_since_t for state in services.values()) if over else now.t
    return max(end_t - min(started), 0.0)


def phase_name(phase: Phase | type[Phase]) -> str:
    """Give a phase's name as the journal and the policy's documentation spell it."""
    return str(phase.__struct_config__.tag)


def domains_of(state: ServiceRollout) -> tuple[Domain, ...]:
    """Give each domain's part of the bar; empty until the deployment has been looked at."""
    marks = [Domain.DONE if domain in state.walked else Domain.TO_DO for domain in range(state.domain_count)]
    if state.ended is not None:
        back = state.ended.outcome is not Outcome.SUCCEEDED
        return (Domain.TO_DO if back else Domain.DONE,) * state.domain_count
    if isinstance(state.phase, RollingBack) or state.turned_back:
        return tuple(Domain.GOING_BACK if mark is Domain.DONE else mark for mark in marks)
    current = _current(state)
    if current is not None and current < len(marks):
        stuck = isinstance(state.phase, HeldForPerson | NeedsOperator)
        marks[current] = Domain.FAILED if stuck else Domain.IN_WORK
    return tuple(marks)


def _current(state: ServiceRollout) -> int | None:
    match state.phase:
        case Walking(domain=domain) | Settling(domain=domain) | Checking(domain=domain):
            return domain
        case Reconciling(call=call) if isinstance(call.operation, Walk):
            return call.operation.domain
        case HeldForPerson() | NeedsOperator():
            return max(state.walked, default=None)
        case _:
            return None


def _row(state: ServiceRollout, group: Group, now: Now) -> Row:
    ended = state.ended
    return Row(
        service=state.plan.service,
        phase=phase_name(state.phase),
        doing=ended.reason if ended else f"{consider(state, now).doing}{kept_from(state)}",
        domains=domains_of(state),
        since_s=0.0 if ended else max(now.t - state.phase_since_t, 0.0),
        outcome=ended.outcome.value if ended else "",
        group=group,
    )


def kept_from(state: ServiceRollout) -> str:
    """Tell of a stop or a hold that does not show yet, for what is under way goes on."""
    if isinstance(state.phase, Ready | Queued):
        return ""
    if state.stop is not None:
        return f" (stopped by {state.stop.who})"
    if state.holds and not goes_back(state):
        return f" (then holds: {', '.join(f'{hold.reason} by {hold.who}{_noted(hold.note)}' for hold in state.holds)})"
    return ""


def _noted(note: str) -> str:
    return f": {note}" if note else ""


def _counts(groups: Sequence[Group]) -> dict[Group, int]:
    return {group: groups.count(group) for group in Group}
