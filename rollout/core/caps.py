"""Caps that rollouts share: services and domains in flight, instances unavailable; and when they are broken. Pure."""

import msgspec

from rollout.core.admission import Scene
from rollout.core.phase import Queued
from rollout.core.plan import WavePlan
from rollout.core.service import ServiceRollout
from rollout.errors import InvariantBroken


class Caps(msgspec.Struct, frozen=True):
    """How much may be under way at once; None = any number."""

    services: int | None = None
    domains: int | None = None
    instances: int | None = None


class Scope(msgspec.Struct, frozen=True):
    """What a cap is about: the whole engine, a subscription, or a rollout."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        """Say it for people."""
        return f"{self.kind} {self.name}" if self.name else f"the {self.kind}"


class Load(msgspec.Struct, frozen=True):
    """What is under way in a scope."""

    services: int = 0
    domains: int = 0
    instances: int = 0


def in_flight(state: ServiceRollout) -> bool:
    """Tell whether a service was begun and has not ended."""
    return state.ended is None and not isinstance(state.phase, Queued)


def lacks(caps: Caps, load: Load, more: Load) -> str | None:
    """Say which cap has no room for `more`; None = all have."""
    for what in ("services", "domains", "instances"):
        cap, now, wanted = getattr(caps, what), getattr(load, what), getattr(more, what)
        if cap is not None and wanted and now + wanted > cap:
            unit = "instances are unavailable" if what == "instances" else f"{what} are in flight"
            return f"{now} {unit}, and {cap} may be"
    return None


def refuse_excess(scope: Scope, caps: Caps, load: Load) -> None:
    """Raise InvariantBroken where more is under way than a cap allows."""
    for what in ("services", "domains", "instances"):
        cap, now = getattr(caps, what), getattr(load, what)
        if cap is not None and now > cap:
            message = f"{now} {what} are in flight in {scope}, and its cap is {cap}: nothing more is begun"
            raise InvariantBroken(message)


def refuse_admission(scene: Scene, wave: WavePlan) -> None:
    """Raise InvariantBroken where a wave has just begun more than its own caps, its strict bound or a pair allow.

    `scene` shows who was begun. A second opinion, from the plan alone, on what the rule of admission chose.
    """
    flying = [member for member in scene.members(wave) if member.takes_room]
    names = {name for name, member in scene.summaries.items() if member.takes_room}
    moving = sum(not (member.failed and member.for_person) for member in flying)
    if moving > wave.max_parallel:
        raise InvariantBroken(f"{moving} services of wave {wave.name} are in flight, and {wave.max_parallel} may be")
    could_fail = scene.failed(wave) + sum(not member.failed for member in flying)
    if wave.strict and could_fail > wave.failure_tolerance + 1:
        raise InvariantBroken(f"{could_fail} of wave {wave.name} may fail, beyond the strict bound")
    for cap in wave.caps:
        if len(names.intersection(cap.services)) > cap.max_parallel:
            raise InvariantBroken(f"more than {cap.max_parallel} with {cap.tag}={cap.value} are in flight")
    for name in sorted(names):
        if both := names.intersection(scene.state.plan.paired.get(name, ())):
            raise InvariantBroken(f"{name} and {', '.join(sorted(both))} are paired, and in flight together")
