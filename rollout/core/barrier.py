"""The barrier before the first swap, and swaps that go back together: what services of a group owe each other. Pure.

A service that is upgraded on staging waits at the barrier. It is begun and not ended, but nothing of it moves, so it
takes no room from those it waits for; when all of them are there, swaps are let through as the wave's caps allow.
"""

from collections.abc import Iterable

from rollout.core.admission import Scene, room_of
from rollout.core.change_plan import Barrier
from rollout.core.ending import Outcome
from rollout.core.fleet_action import OpenBarrier, TakeBack
from rollout.core.fleet_state import Summary
from rollout.core.plan import WavePlan


def opened(scene: Scene) -> OpenBarrier | None:
    """Let through who may swap now; None = nobody waits, somebody is still on the way, or there is no room."""
    for wave in scene.state.opened_waves:
        waiting = [member for member in scene.members(wave) if member.barrier is not None and not member.for_person]
        if not waiting or any(_is_missing(each) for each in _group(scene, wave, waiting)):
            continue
        if chosen := waiting[: max(room_of(scene, wave), 0)]:
            whose = "the rollout" if waiting[0].barrier is Barrier.ROLLOUT else f"wave {wave.name}"
            detail = f"everybody of {whose} is upgraded, or will not be"
            return OpenBarrier(tuple(member.service for member in chosen), detail)
    return None


def _group(scene: Scene, wave: WavePlan, waiting: Iterable[Summary]) -> Iterable[Summary]:
    whole = any(member.barrier is Barrier.ROLLOUT for member in waiting)
    return scene.summaries.values() if whole else scene.members(wave)


def _is_missing(member: Summary) -> bool:
    """Tell whether a service has still to come to the barrier; what failed will not."""
    return member.outcome is None and member.barrier is None and not member.let_through and not member.failed


def together(scene: Scene) -> TakeBack | None:
    """Swap a whole group back once one of it goes back from its swap; those that have ended well go back as well."""
    for wave in scene.state.opened_waves:
        members = [member for member in scene.members(wave) if member.together and member.swapped]
        if not any(member.goes_back or member.outcome is Outcome.ROLLED_BACK for member in members):
            continue
        others = [member for member in members if _can_swap_back(member)]
        if others:
            reason = f"the swaps of wave {wave.name} go back together"
            return TakeBack(tuple(member.service for member in others), reason)
    return None


def _can_swap_back(member: Summary) -> bool:
    if member.outcome is not None:
        return member.outcome is Outcome.SUCCEEDED and member.keeps_previous
    return member.can_go_back and not member.goes_back
