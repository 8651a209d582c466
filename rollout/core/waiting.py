"""What a service that was not begun waits for, in the words of the rules that keep it. Pure."""

from rollout.core.admission import Scene, Waiting, bakes_first, kept_service, kept_wave
from rollout.core.approvals import Owed, Standing, asked, owed_at_start, said, standing
from rollout.core.event import HoldReason
from rollout.core.fleet import may_open
from rollout.core.fleet_state import needed_waves
from rollout.core.names import ServiceName
from rollout.core.plan import WavePlan


def waits_for(scene: Scene, service: ServiceName) -> Waiting:
    """Say what a queued service waits for, the most important first."""
    state = scene.state
    wave = state.wave_of(service)
    if state.halted is not None:
        return Waiting(HoldReason.HALT, f"for the halt by {state.halted_by} to be lifted: {state.halted}")
    if wave.name not in state.opened:
        return _wave(scene, wave)
    return kept_wave(scene, wave) or kept_service(scene, wave, service) or _room(scene, wave)


def stuck(scene: Scene) -> str:
    """Name the first service that waits for what only a person can bring, and what that is; empty = there is none."""
    for service, member in scene.summaries.items():
        if not member.admitted and member.outcome is None and not member.for_person:
            return f"{service} waits {waits_for(scene, service).said}"
    return ""


def _wave(scene: Scene, wave: WavePlan) -> Waiting:
    if (owed := _owed(scene, wave)) is not None:
        return Waiting(HoldReason.APPROVAL, said(scene.state, owed, scene.now))
    before = [each.name for each in needed_waves(scene.state.plan, wave)]
    baking = [name for name in before if scene.state.bake_of(name) is not None]
    if baking:
        return Waiting(HoldReason.DEPENDENCY, f"for the bake of wave {', '.join(baking)} to end")
    names = f" {' and '.join(before)} to end" if before else f" {wave.name} to open"
    return Waiting(HoldReason.DEPENDENCY, f"for wave{'s' if len(before) > 1 else ''}{names}")


def _owed(scene: Scene, wave: WavePlan) -> Owed | None:
    """Give the approval that keeps a wave from opening, be it its own or one that was refused to another."""
    refused = [owed for owed in asked(scene.state) if standing(scene.state, owed, scene.now) is Standing.REJECTED]
    if refused:
        return refused[0]
    if wave not in may_open(scene):
        return None
    owed = owed_at_start(scene.state, wave)
    return next((each for each in owed if standing(scene.state, each, scene.now) is not Standing.GIVEN), None)


def _room(scene: Scene, wave: WavePlan) -> Waiting:
    if scene.around.room == 0:
        return Waiting(HoldReason.BUDGET, f"for room: {scene.around.room_said}")
    flying = sum(member.takes_room for member in scene.members(wave))
    if bakes_first(scene.state, wave):
        return Waiting(HoldReason.BUDGET, f"for the first service of wave {wave.name} to be done and watched")
    strict = f", and strict keeps it below what may still fail ({scene.failed(wave)} failed)" if wave.strict else ""
    said = f"for room in wave {wave.name}: {flying} in flight, {wave.max_parallel} at most{strict}"
    return Waiting(HoldReason.BUDGET, said)
