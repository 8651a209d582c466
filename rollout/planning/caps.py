"""How many services of a wave can really be in flight, and what says so. Pure."""

import msgspec

from rollout.core.caps import Caps
from rollout.core.plan import WavePlan


class Shared(msgspec.Struct, frozen=True):
    """A cap that rollouts share, and whose it is: `in_flight` of the engine, a subscription or each rollout."""

    name: str
    caps: Caps


class Bound(msgspec.Struct, frozen=True):
    """A number of services, and what bounds it."""

    services: int
    said: str


def effective(wave: WavePlan, shared: tuple[Shared, ...], instances: int) -> Bound:
    """Give the tightest bound on a wave; `instances` are those of the largest domain among its services."""
    found = [Bound(wave.max_parallel, "max_parallel"), Bound(len(wave.services), "the services it has")]
    if wave.strict:
        said = f"strict: failure_tolerance {wave.failure_tolerance} + 1"
        found.append(Bound(wave.failure_tolerance + 1, said))
    if (room := shared_room(shared, instances)) is not None:
        found.append(room)
    return min(found, key=lambda bound: bound.services)


def shared_room(shared: tuple[Shared, ...], instances: int) -> Bound | None:
    """Give how many services the shared caps let be in flight at once.

    A service has a domain down nearly all the time it is under way, so a cap on domains, or on instances, is taken as
    one on services.
    """
    found = []
    for each in shared:
        caps = each.caps
        if caps.services is not None:
            found.append(Bound(caps.services, f"in_flight.services of {each.name}"))
        if caps.domains is not None:
            found.append(Bound(caps.domains, f"in_flight.domains of {each.name}"))
        if caps.instances is not None and instances:
            said = f"in_flight.instances of {each.name}, {instances} for a domain"
            found.append(Bound(max(caps.instances // instances, 1), said))
    return min(found, key=lambda bound: bound.services, default=None)
