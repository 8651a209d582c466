"""Which services may begin now, and what keeps each of the others. Pure."""

import msgspec

from rollout.core.around import Around
from rollout.core.ending import Outcome
from rollout.core.estimate import experienced_s
from rollout.core.event import HoldReason
from rollout.core.explain import spell
from rollout.core.fleet_state import WELL, RolloutState, Summaries, Summary
from rollout.core.names import Now, ServiceName
from rollout.core.plan import WavePlan
from rollout.core.windows import fits_at


class Scene(msgspec.Struct, frozen=True):
    """All that decisions about a rollout depend on, at one moment."""

    state: RolloutState
    summaries: Summaries
    now: Now
    around: Around

    def members(self, wave: WavePlan) -> list[Summary]:
        """Give what is known of a wave's services, in fleet order."""
        return [self.summaries[service] for service in wave.services]

    def failed(self, wave: WavePlan) -> int:
        """Count the failures that a wave has to tolerate."""
        forgiven = self.state.forgiven
        return sum(member.failed and member.service not in forgiven for member in self.members(wave))


class Waiting(msgspec.Struct, frozen=True):
    """What keeps a service from being begun, as the continuation of "waits "."""

    reason: HoldReason
    said: str
    until_wall: float | None = None
    """When that ends by itself, if it has a date."""
    by_itself: bool = False
    """It ends although nothing moves in this rollout and nobody speaks."""


def admissible(scene: Scene, wave: WavePlan) -> tuple[ServiceName, ...]:
    """Choose who begins, in fleet order, as many as every cap has room for."""
    room, waiting = room_of(scene, wave), queued(scene, wave)
    if room <= 0 or not waiting or kept_wave(scene, wave) is not None:
        return ()
    chosen: list[ServiceName] = []
    for member in waiting:
        if kept_service(scene, wave, member.service, chosen) is None:
            chosen.append(member.service)
            if len(chosen) == room:
                break
    return tuple(chosen)


def queued(scene: Scene, wave: WavePlan) -> list[Summary]:
    """Give a wave's services that wait to be begun and that no word keeps from it, in fleet order."""
    return [member for member in scene.members(wave) if not member.admitted and not member.for_person]


def room_of(scene: Scene, wave: WavePlan) -> int:
    """Count how many more may be in flight, or swap.

    What moves, or may move again at a word, is bounded by max_parallel; a failed one that waits is not. With `strict`,
    what could still fail is bounded too, so that failures never exceed failure_tolerance + 1 (StackSets' strict
    concurrency). Before the first service of a wave was watched it is alone.
    """
    begun = [member for member in scene.members(wave) if member.takes_room]
    room = wave.max_parallel - sum(not (member.failed and member.for_person) for member in begun)
    if wave.strict:
        could_fail = sum(not member.failed for member in begun)
        room = min(room, wave.failure_tolerance + 1 - scene.failed(wave) - could_fail)
    if bakes_first(scene.state, wave):
        done = any(member.outcome in WELL for member in scene.members(wave))
        room = min(room, 0 if done else 1 - len(begun))
    return room if scene.around.room is None else min(room, scene.around.room)


def bakes_first(state: RolloutState, wave: WavePlan) -> bool:
    """Tell whether a wave's first service has still to be watched before the others begin."""
    return wave.bake is not None and wave.bake.first_s > 0 and wave.name not in state.first_baked


# --- what keeps a wave, and one service of it ---


def kept_wave(scene: Scene, wave: WavePlan) -> Waiting | None:
    """Say what keeps every service of an opened wave from being begun."""
    freeze = scene.around.freeze
    if freeze is not None:
        return Waiting(
            HoldReason.FREEZE,
            f"for the freeze by {freeze.who} to be lifted: {freeze.note}",
            freeze.until_wall,
            by_itself=freeze.until_wall is not None,
        )
    if wave.windows is None:
        return None
    took_s = [each.took_s for each in scene.summaries.values() if each.took_s is not None]
    lasting_s = experienced_s(took_s, wave.expected_s)
    fits = fits_at(wave.windows, scene.now.wall, lasting_s)
    if fits is None:
        said = f"for a window that is long enough: it is expected to take {spell(lasting_s)}, and none is so long"
        return Waiting(HoldReason.WINDOW, said)
    if fits <= scene.now.wall:
        return None
    open_now = fits_at(wave.windows, scene.now.wall) == scene.now.wall
    why = f": it is expected to take {spell(lasting_s)}, and the open window closes before" if open_now else ""
    return Waiting(HoldReason.WINDOW, f"for the next window{why}", fits, by_itself=True)


def kept_service(
    scene: Scene, wave: WavePlan, service: ServiceName, chosen: list[ServiceName] | tuple[()] = ()
) -> Waiting | None:
    """Say what keeps this one service, whatever room there is; `chosen` begin together with it."""
    if (needed := _needed(scene, service)) is not None:
        return needed
    for other in scene.state.plan.paired.get(service, ()):
        if other in chosen or other in scene.around.abroad or scene.summaries[other].takes_room:
            return Waiting(HoldReason.DEPENDENCY, f"for {other} to end: the two are paired")
    if (taken := scene.around.taken.get(service)) is not None:
        said = f"for {taken.rollout} to be done with it"
        return Waiting(HoldReason.DEPENDENCY, said, by_itself=taken.driven)
    for cap in wave.caps:
        if service in cap.services:
            flying = sum(each in chosen or scene.summaries[each].takes_room for each in cap.services)
            if flying >= cap.max_parallel:
                said = f"for room: {flying} with {cap.tag}={cap.value} are in flight, and {cap.max_parallel} may be"
                return Waiting(HoldReason.BUDGET, said)
    return None


def _needed(scene: Scene, service: ServiceName) -> Waiting | None:
    for needed in scene.state.plan.needs.get(service, ()):
        other = scene.summaries[needed]
        if other.barrier is not None:
            continue  # it runs the new release on staging, and waits for this one
        if other.outcome is None:
            return Waiting(HoldReason.DEPENDENCY, f"for {needed}, which it needs, to end well")
        if other.outcome not in WELL:
            said = f"for {needed}, which it needs, to end well: that one {_ending(other.outcome)}; retry {needed}"
            return Waiting(HoldReason.DEPENDENCY, f"{said}, or exclude this one")
    return None


def _ending(outcome: Outcome) -> str:
    return "failed" if outcome is Outcome.FAILED else f"was {outcome.value.replace('_', ' ')}"
