"""A rollout's waves and approvals, told to people and as data. Pure."""

from typing import Any

from rollout.core.admission import Scene
from rollout.core.approvals import asked, standing
from rollout.core.fleet_state import WELL
from rollout.core.plan import WavePlan
from rollout.views.reading import Read
from rollout.views.tell import clock


def waves_of(read: Read, scene: Scene) -> list[dict[str, Any]]:
    """Give each wave as data: where it stands, how many are done and in flight, and its caps."""
    return [_wave(read, scene, wave) for wave in read.rollout.plan.waves]


def _wave(read: Read, scene: Scene, wave: WavePlan) -> dict[str, Any]:
    members = scene.members(wave)
    return {
        "wave": wave.name,
        "standing": _standing(read, wave),
        "services": len(members),
        "done": sum(member.outcome in WELL for member in members),
        "ended": sum(member.outcome is not None for member in members),
        "in_flight": sum(member.in_flight for member in members),
        "failed": scene.failed(wave),
        "max_parallel": wave.max_parallel,
        "failure_tolerance": wave.failure_tolerance,
    }


def _standing(read: Read, wave: WavePlan) -> str:
    state = read.rollout
    if wave.name in state.going_back:
        return "goes back"
    if state.bake_of(wave.name) is not None:
        return "is watched"
    if wave.name in state.baked:
        return "was watched"
    return "open" if wave.name in state.opened else "not open"


def approvals_of(read: Read) -> list[dict[str, Any]]:
    """Give each approval that was asked for as data."""
    return [
        {
            "scope": owed.scope,
            "by": owed.plan.by,
            "standing": standing(read.rollout, owed, read.now).name.lower(),
            "until": clock(read.rollout.approvals[owed.scope].until_wall),
            "who": read.rollout.approvals[owed.scope].who,
        }
        for owed in asked(read.rollout)
    ]
