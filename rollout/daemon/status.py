"""How an engine does: its pace, its lateness, its disk, its caps, and what it is held up by. Plain values."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import msgspec

from rollout.core.action import Prepare, Record, Submit, Watch
from rollout.core.caps import in_flight
from rollout.core.decide import consider
from rollout.core.names import Now, RolloutId, ServiceName
from rollout.core.operation import describe
from rollout.core.phase import call_of, step_of
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize
from rollout.daemon.host import Host
from rollout.engine.pacer import Standing


class CapStatus(msgspec.Struct, frozen=True):
    """How much of something is under way in a scope, and how much may be."""

    scope: str
    what: str
    """`services`, `domains` or `instances`."""
    used: int
    limit: int


class JournalStatus(msgspec.Struct, frozen=True):
    """How the disk does."""

    position: int
    sync_ms: float
    """How long the last append took to be durable."""
    trouble: str | None
    """Why nothing is recorded just now."""


class EngineStatus(msgspec.Struct, frozen=True):
    """One moment of an engine."""

    started_wall: float
    """POSIX seconds."""
    now: Now
    budget: tuple[Standing, ...]
    """Reads and writes of each scope."""
    poll_lag_s: dict[str, float]
    """By scope: how late the question is that has waited longest."""
    loop_lag_s: float
    loop_lag_worst_s: float
    """Within the last minute."""
    undecided_s: float
    """For how long the step has been due that was not taken for longest, be it for want of a permit or of our own."""
    journal: JournalStatus
    caps: tuple[CapStatus, ...]
    holds: dict[str, int]
    """Services held, by reason; one may have several."""
    for_people: int
    """Services that only a person moves on."""
    rollouts_open: int
    in_flight: int
    """Services begun and not ended."""
    streams: int
    """Services in memory."""
    tasks: int
    """Of the loop, whatever they are for."""
    followed: int
    """Operations and deployments that are asked about."""
    polls: int
    looks: int
    pages: int
    failed: dict[RolloutId, str]
    """Rollouts that this process stopped because of a mistake of its own."""
    draining: bool


class OperationStatus(msgspec.Struct, frozen=True):
    """A call that the platform has accepted and that is followed."""

    rollout: RolloutId
    service: ServiceName
    attempt: int
    number: int
    """Which call of this attempt it is."""
    what: str
    """Such as `walk of domain 2`."""
    handle: str
    """The platform's id of it."""
    since_wall: float
    """POSIX seconds, as far as engine time went on without a break."""
    going_back: bool


def status_of(host: Host) -> EngineStatus:
    """Look at everything once; costs one decision for each service under way."""
    kit, now = host.works.kit, host.now()
    services = kit.ledger.services().values()
    flying = [state for state in services if in_flight(state)]
    full = kit.ledger.full or kit.ledger.broken
    return EngineStatus(
        started_wall=host.started_wall,
        now=now,
        budget=tuple(kit.pacer.standings()),
        poll_lag_s=kit.tracker.late_s(),
        loop_lag_s=host.lag.last_s,
        loop_lag_worst_s=host.lag.worst_s,
        undecided_s=max((_overdue_s(state, now) for state in flying), default=0.0),
        journal=JournalStatus(host.position, kit.ledger.sync_s * 1000, None if full is None else str(full)),
        caps=tuple(_caps(host)),
        holds=dict(Counter(str(hold.reason) for state in services if state.ended is None for hold in state.holds)),
        for_people=sum(summarize(state, now).for_person for state in flying),
        rollouts_open=sum(state.closed is None for state in host.rollouts().values()),
        in_flight=len(flying),
        streams=len(services),
        tasks=len(asyncio.all_tasks()),
        followed=kit.tracker.held,
        polls=kit.tracker.polls,
        looks=kit.tracker.looks,
        pages=kit.tracker.pages,
        failed=dict(host.failed),
        draining=host.draining,
    )


def operations_of(host: Host) -> list[OperationStatus]:
    """List the calls in flight, those going on for longest first."""
    now = host.now()
    found = []
    for state in host.works.kit.ledger.services().values():
        call = call_of(state.phase) if in_flight(state) else None
        if call is None or call.handle is None:
            continue
        found.append(
            OperationStatus(
                rollout=state.plan.rollout,
                service=state.plan.service,
                attempt=state.attempt,
                number=call.number,
                what=describe(call.operation),
                handle=call.handle.id,
                since_wall=now.wall - (now.t - call.accepted_t),
                going_back=state.turned_back,
            )
        )
    return sorted(found, key=lambda each: each.since_wall)


def _overdue_s(state: ServiceRollout, now: Now) -> float:
    """Tell for how long a step has been due: a call or a record not made, or an end of a wait that nobody noticed."""
    following = consider(state, now)
    match following.action:
        case Submit() | Record() | Prepare():
            step = step_of(state.phase)
            return now.t - max(state.phase_since_t, 0.0 if step is None else step.not_before_t)
        case Watch(due_t=due_t):
            return max(now.t - due_t, 0.0)
        case _:
            return 0.0


def _caps(host: Host) -> Iterator[CapStatus]:
    for scope, caps, load in host.works.kit.room.standings():
        for what in ("services", "domains", "instances"):
            if (limit := getattr(caps, what)) is not None:
                yield CapStatus(str(scope), what, getattr(load, what), limit)
