"""A rollout as a whole, as people are shown it: where it stands, its waves, and whether it needs somebody."""

from collections.abc import Mapping

import msgspec

from rollout.core.admission import Scene
from rollout.core.caring import care_of_rollout
from rollout.core.fleet import is_done
from rollout.core.fleet_event import RolloutClosed
from rollout.core.result import ExitCode, is_over, result
from rollout.core.waiting import stuck
from rollout.views.eta import Eta, etas
from rollout.views.reading import Read
from rollout.views.service import ClaimView, claim_view
from rollout.views.tell import attends, headline
from rollout.views.text import one_line
from rollout.views.view import Group, group_of, phase_name
from rollout.views.waves import waves_of


class WaveView(msgspec.Struct, frozen=True):
    """One wave. Moments are POSIX seconds; None = it has happened, or nobody can tell."""

    name: str
    state: str
    services: int
    done: int
    ended: int
    in_flight: int
    failed: int
    max_parallel: int
    failure_tolerance: int
    eta_s: float | None
    """How long until it is expected to be done."""
    opens_at: float | None
    """When it is expected to open."""
    ends_at: float | None
    """When it is expected to be done, its bake included."""


class ResultView(msgspec.Struct, frozen=True):
    """How a run ends: the exit code of `rollout run`, and the words that go with it."""

    code: int
    outcome: str
    reason: str


class RolloutHead(msgspec.Struct, frozen=True):
    """One line of a list of rollouts. Moments are POSIX seconds."""

    id: str
    sentence: str
    attention: bool
    closed: bool
    outcome: str | None
    """Once nothing moves any more: `succeeded`, `halted`, `waits for a person` …"""
    result: ResultView | None
    """None while it moves on by itself."""
    claim: ClaimView | None
    """Who has its halt and the approvals it waits for; what its services wait for is claimed one by one."""
    trouble: str | None
    """Why the engine does not go on with it, where that is a mistake of its own: only `retry` of all of it helps."""
    halted: str | None
    halted_by: str | None
    aborted: bool
    frozen: bool
    counts: dict[str, int]
    """Services by group: `failed`, `in flight`, `queued`, `done`."""
    phases: dict[str, int]
    """Services by phase; empty for a rollout that is over and not in memory."""
    services: int
    waiting: int
    """Services that only a person moves on."""
    running: bool
    """An engine is at work on it."""
    waves: tuple[WaveView, ...]
    submitter: str
    opened_at: float
    deadline_at: float | None
    ends_at: float | None
    """When all of it is expected to be done; None = it is, or nobody can tell."""
    ticket: str
    owner: str
    runbook: str
    etag: str
    """Changes with everything that is recorded of the rollout or one of its services."""


def head_of(read: Read, scene: Scene | None = None) -> RolloutHead:
    """Make the head of a rollout; one whose services are not at hand is told of by its own stream alone."""
    own, plan = read.rollout, read.rollout.plan
    scene = read.scene() if scene is None else scene
    judged = result_of(read, scene)
    groups = [group_of(state, read.now, read.summary(name)) for name, state in read.services.items()]
    counts = {group.value: groups.count(group) for group in Group} if groups else _counts_of_closed(read)
    expected, phases = etas(read, scene), dict[str, int]()
    for state in read.services.values():
        name = phase_name(state.phase)
        phases[name] = phases.get(name, 0) + 1
    return RolloutHead(
        id=plan.rollout,
        sentence=headline(read) if read.services else _over(read),
        attention=attends(read),
        closed=own.closed is not None,
        outcome=None if judged is None else judged.outcome,
        result=judged,
        claim=claim_view(care_of_rollout(own)),
        trouble=read.trouble,
        halted=own.halted,
        halted_by=own.halted_by if own.halted is not None else None,
        aborted=own.aborted,
        frozen=read.around.freeze is not None,
        counts=counts,
        phases=phases,
        services=sum(len(wave.services) for wave in plan.waves),
        waiting=sum(each.for_person for each in scene.summaries.values() if each.outcome is None),
        running=read.running and own.closed is None,
        waves=_waves(read, scene, expected) if read.services else (),
        submitter=plan.submitter,
        opened_at=own.opened_wall,
        deadline_at=own.deadline_wall,
        ends_at=_ends_at(read, scene, expected),
        ticket=plan.about.get("ticket", ""),
        owner=plan.about.get("owner", ""),
        runbook=plan.about.get("runbook", ""),
        etag=etag_of(read),
    )


def etag_of(read: Read) -> str:
    """Name what is recorded of the rollout: its own entries, and those of the newest attempts at its services."""
    attempts = sum(state.attempt for state in read.services.values())
    return f"{read.rollout.version}.{attempts}.{sum(state.version for state in read.services.values())}"


def result_of(read: Read, scene: Scene) -> ResultView | None:
    """Judge a rollout that is over or that only people move on; None = it moves on by itself, or nobody knows it."""
    if read.trouble is not None:
        return ResultView(int(ExitCode.FOR_PERSON), "waits for a person", one_line(read.trouble))
    if not read.services or not is_over(read.rollout, scene.summaries, read.now, read.around):
        return None
    found = result(read.rollout, scene.summaries, read.services, strict_exit=False, stuck=stuck(scene))
    return ResultView(int(found.code), found.outcome, found.reason)


def _ends_at(read: Read, scene: Scene, expected: Mapping[str, Eta]) -> float | None:
    """Give the end of the last wave, if that of each wave which is not done can be told."""
    if not read.services:
        return None  # it is over, and memory has let go of whatever was expected of it
    ends = [expected[wave.name].ends_at for wave in read.rollout.plan.waves if not is_done(scene, wave)]
    known = [each for each in ends if each is not None]
    return round(max(known), 1) if known and len(known) == len(ends) else None


def _waves(read: Read, scene: Scene, expected: Mapping[str, Eta]) -> tuple[WaveView, ...]:
    told = waves_of(read, scene)
    moments = [expected[wave.name] for wave in read.rollout.plan.waves]
    return tuple(
        WaveView(
            name=each["wave"],
            state=each["standing"],
            services=each["services"],
            done=each["done"],
            ended=each["ended"],
            in_flight=each["in_flight"],
            failed=each["failed"],
            max_parallel=each["max_parallel"],
            failure_tolerance=each["failure_tolerance"],
            eta_s=None if eta.ends_at is None else round(max(eta.ends_at - read.now.wall, 0.0), 1),
            opens_at=None if eta.opens_at is None else round(eta.opens_at, 1),
            ends_at=None if eta.ends_at is None else round(eta.ends_at, 1),
        )
        for each, eta in zip(told, moments, strict=True)
    )


def _counts_of_closed(read: Read) -> dict[str, int]:
    closed = read.rollout.closed
    failures = closed.failures if isinstance(closed, RolloutClosed) else 0
    done = sum(len(wave.services) for wave in read.rollout.plan.waves) - failures
    return {Group.FAILED.value: failures, Group.MOVING.value: 0, Group.QUEUED.value: 0, Group.DONE.value: done}


def _over(read: Read) -> str:
    closed = read.rollout.closed
    return f"{read.rollout.plan.rollout}: over: {closed.reason}" if closed is not None else headline(read)
