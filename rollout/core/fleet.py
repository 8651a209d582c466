"""The rollout one level up: the ONE thing it needs next, and whether it goes on by itself if that is nothing.

Services are seen only through summaries, pure projections of their states; a service's state is never touched from
here. Precedence: failures, going back, admissions, bakes, the next wave, the end.
"""

import msgspec
from msgspec.structs import replace

from rollout.core.admission import Scene, admissible, bakes_first, kept_wave, queued
from rollout.core.approvals import Owed, Standing, owed_at, owed_at_start, plan_digest, standing
from rollout.core.around import ALONE, Around
from rollout.core.barrier import opened, together
from rollout.core.change_plan import Barrier
from rollout.core.ending import Outcome
from rollout.core.event import HoldReason
from rollout.core.explain import clock_text
from rollout.core.fleet_action import (
    Admit,
    AskApproval,
    BeginBake,
    CloseRollout,
    FleetAction,
    Halt,
    OpenWave,
    Release,
    TakeBack,
)
from rollout.core.fleet_state import WELL, RolloutState, Summaries, Summary, needed_waves
from rollout.core.holding import lifted, next_date
from rollout.core.names import Now, ServiceName
from rollout.core.plan import WavePlan
from rollout.core.wave_plan import WaveFailure


class Course(msgspec.Struct, frozen=True):
    """What a rollout needs next; None = nothing until a service changes, somebody speaks, or wall second `until`."""

    action: FleetAction | None = None
    until_wall: float | None = None
    goes_on: bool = False
    """Something will happen although no service moves and nobody speaks."""


def decide_fleet(state: RolloutState, summaries: Summaries, now: Now, around: Around = ALONE) -> FleetAction | None:
    """Give the one action the rollout needs next, if there is one."""
    return consider_fleet(state, summaries, now, around).action


def consider_fleet(state: RolloutState, summaries: Summaries, now: Now, around: Around = ALONE) -> Course:
    """Give the one action the rollout needs next, or what it waits for."""
    if state.closed is not None:
        return Course()
    scene = Scene(state, summaries, now, around)
    if state.halted is None and (late := _overdue(scene)) is not None:
        return Course(late)
    if not state.opened and state.halted is None:
        return Course(_next_wave(scene), state.deadline_wall)
    if freed := lifted(scene):
        return Course(Release(freed))
    if state.halted is None and (halt := _failure(scene)) is not None:
        return Course(halt)
    if (back := together(scene) or _take_back(scene)) is not None:
        return Course(back)
    baking = bool(state.bakes) or (state.halted is None and _bake(scene) is not None)
    if not baking and all(summary.outcome is not None for summary in summaries.values()):
        return Course(_close(summaries))
    if state.halted is not None:
        return Course()
    if state.environment is not None:
        return Course(None, _nearest(next_date(scene), state.deadline_wall), goes_on=True)
    action = _admission(scene) or opened(scene) or _bake(scene) or _approval_under_way(scene) or _next_wave(scene)
    return _waiting(scene) if action is None else Course(action)


def _admission(scene: Scene) -> Admit | None:
    for wave in scene.state.opened_waves:
        if chosen := admissible(scene, wave):
            return Admit(wave.name, chosen)
    return None


# --- failures ---


def _failure(scene: Scene) -> Halt | None:
    """Halt where more has failed than a wave tolerates, or what was done turned out not to be well."""
    for wave in scene.state.opened_waves:
        failed = scene.failed(wave)
        if failed > wave.failure_tolerance:
            tolerated = f"wave {wave.name} tolerates {wave.failure_tolerance}"
            return _halt(scene, wave, f"{failed} of {len(wave.services)} services failed; {tolerated}")
        if scene.state.red_bake is not None and scene.state.red_bake[0] == wave.name:
            return _halt(scene, wave, f"the bake of wave {wave.name} failed: {scene.state.red_bake[1]}")
    return None


def _overdue(scene: Scene) -> Halt | None:
    """Halt where the rollout's date has passed and not everything has ended.

    That is people's clock and asks for no look at anything: a date that passes says nothing about any service.
    """
    due_wall = scene.state.deadline_wall
    if due_wall is None or scene.now.wall < due_wall:
        return None
    left = sum(member.outcome is None for member in scene.summaries.values())
    if not left:
        return None
    reason = f"the deadline {clock_text(due_wall)} has passed, and {left} of {len(scene.summaries)} have not ended"
    late = [
        _halt(scene, wave, reason)
        for wave in scene.state.opened_waves
        if any(member.outcome is None for member in scene.members(wave))
    ]
    last = late[-1] if late else Halt("", reason, ())
    return replace(last, back=tuple(dict.fromkeys(name for each in late for name in each.back)), overdue=True)


def _halt(scene: Scene, wave: WavePlan, reason: str) -> Halt:
    hold = tuple(name for name, member in scene.summaries.items() if member.in_flight and not member.failed)
    match wave.on_failure:
        case WaveFailure.HALT:
            back: tuple[str, ...] = ()
        case WaveFailure.ROLLBACK_WAVE:
            back = (wave.name,)
        case WaveFailure.ROLLBACK_ALL:
            back = tuple(scene.state.opened)
    return Halt(wave.name, reason, hold, back)


def _take_back(scene: Scene) -> TakeBack | None:
    """Choose who goes back next: last begun first, never before what needs it, as many as the wave's cap allows.

    Those that have ended well go back like those under way, as far as there is a way.
    """
    for wave in reversed(scene.state.opened_waves):
        if wave.name not in scene.state.going_back:
            continue
        members = scene.members(wave)
        moving = sum(member.in_flight and member.goes_back and not member.for_person for member in members)
        room = (wave.back_parallel or wave.max_parallel) - moving
        ready = [
            member.service
            for member in reversed(members)
            if _may_go_back(member) and not _is_needed(scene, member.service)
        ]
        if chosen := tuple(ready[: max(room, 0)]):
            return TakeBack(chosen, scene.state.halted or "")
        if moving:
            return None
    return None


def _is_needed(scene: Scene, service: ServiceName) -> bool:
    """Tell whether a service that is under way, or is still to be taken back, needs this one: it goes back before."""
    needs = scene.state.plan.needs
    return any(
        service in needs.get(name, ())
        for name, member in scene.summaries.items()
        if member.in_flight or (member.undoable and scene.state.wave_of(name).name in scene.state.going_back)
    )


def _may_go_back(member: Summary) -> bool:
    return member.undoable or (member.admitted and member.can_go_back)


# --- bakes, waves, the end ---


def _bake(scene: Scene) -> BeginBake | None:
    """Give the bake that has to begin."""
    for wave in scene.state.opened_waves:
        if wave.bake is None or scene.state.bake_of(wave.name) is not None:
            continue
        well = tuple(member.service for member in scene.members(wave) if member.outcome in WELL)
        if not well or wave.name in scene.state.baked:
            continue
        if bakes_first(scene.state, wave):
            if not any(member.in_flight for member in scene.members(wave)):
                return BeginBake(wave.name, first=True, services=well)
        elif wave.bake.all_s > 0 and all(member.outcome is not None for member in scene.members(wave)):
            return BeginBake(wave.name, first=False, services=well)
    return None


def _next_wave(scene: Scene) -> OpenWave | AskApproval | None:
    """Open the next wave whose turn it is, once what it owes is given; after a rejection none opens."""
    if any(each.given is False for each in scene.state.approvals.values()):
        return None
    for wave in may_open(scene):
        owed = owed_at_start(scene.state, wave)
        ways = [standing(scene.state, each, scene.now) for each in owed]
        for each, way in zip(owed, ways, strict=True):
            if way is Standing.UNASKED:
                return _ask(scene, each)
        if all(way is Standing.GIVEN for way in ways):
            return OpenWave(wave.name)
    return None


def may_open(scene: Scene) -> list[WavePlan]:
    """Give the waves that could open: not opened, and everything they need is done."""
    plan = scene.state.plan
    return [
        wave
        for wave in plan.waves
        if wave.name not in scene.state.opened and all(is_done(scene, each) for each in needed_waves(plan, wave))
    ]


def _approval_under_way(scene: Scene) -> AskApproval | None:
    for name, member in scene.summaries.items():
        if member.in_flight and HoldReason.APPROVAL in member.holds:
            owed = owed_at(scene.state, name, member.stands_at)
            if owed is not None and standing(scene.state, owed, scene.now) is Standing.UNASKED:
                return _ask(scene, owed)
    return None


def _ask(scene: Scene, owed: Owed) -> AskApproval:
    until_wall = scene.now.wall + owed.plan.within_s
    return AskApproval(owed.scope, owed.plan.by, until_wall, plan_digest(scene.state.plan))


def is_done(scene: Scene, wave: WavePlan) -> bool:
    """Tell whether a wave was opened, all its services have ended, and nothing of it is watched any more."""
    if wave.name not in scene.state.opened or any(map(_is_on_the_way, scene.members(wave))):
        return False
    watched = wave.bake is not None and wave.bake.all_s > 0 and wave.name not in scene.state.baked
    return not watched or not any(member.outcome in WELL for member in scene.members(wave))


def _is_on_the_way(member: Summary) -> bool:
    """Tell whether a wave waits for a service; one that waits for the whole rollout must not keep it from coming."""
    return member.outcome is None and member.barrier is not Barrier.ROLLOUT


def _close(summaries: Summaries) -> CloseRollout:
    unsuccessful = sum(summary.outcome not in {Outcome.SUCCEEDED, Outcome.UNCHANGED} for summary in summaries.values())
    total = len(summaries)
    return CloseRollout(unsuccessful, f"{total - unsuccessful} of {total} services run the new release")


# --- what it waits for ---


def _waiting(scene: Scene) -> Course:
    date = _nearest(next_date(scene), scene.state.deadline_wall)
    dates = [] if date is None else [date]
    goes_on = bool(scene.state.bakes)
    for wave in scene.state.opened_waves:
        waiting = queued(scene, wave)
        if not waiting:
            continue
        if (kept := kept_wave(scene, wave)) is not None:
            dates += [] if kept.until_wall is None else [kept.until_wall]
            goes_on = goes_on or kept.by_itself
        else:
            # Only what other rollouts do can change that without a word or a step in this one.
            taken = [scene.around.taken.get(member.service) for member in waiting]
            goes_on = goes_on or scene.around.room == 0 or any(each is not None and each.driven for each in taken)
    return Course(None, min(dates, default=None), goes_on)


def _nearest(*dates: float | None) -> float | None:
    return min((date for date in dates if date is not None), default=None)
