"""How many services of a wave can really be in flight, and what says so. Pure."""

from collections.abc import Iterator

import msgspec

from rollout.core.caps import Caps, Load
from rollout.core.plan import WavePlan


class Shared(msgspec.Struct, frozen=True):
    """A cap that rollouts share, and whose it is: `in_flight` of the engine, a subscription or each rollout."""

    name: str
    caps: Caps


class Bound(msgspec.Struct, frozen=True):
    """How many services change at once, and what bounds it."""

    services: int
    said: str


def effective(wave: WavePlan, shared: tuple[Shared, ...], seat: Load) -> Bound:
    """Give the tightest bound on a wave; `seat` is what the largest of its services takes down at once."""
    found = [Bound(wave.max_parallel, "max_parallel"), Bound(len(wave.services), "the services it has")]
    if wave.strict:
        said = f"strict: failure_tolerance {wave.failure_tolerance} + 1"
        found.append(Bound(wave.failure_tolerance + 1, said))
    for each in shared:
        found += _bounds(each, seat)
    return min(found, key=lambda bound: bound.services)


def _bounds(shared: Shared, seat: Load) -> Iterator[Bound]:
    """Say how many services a cap lets change at once; 0 = it has no room for one of them alone."""
    caps, name = shared.caps, shared.name
    if caps.services is not None:
        yield Bound(caps.services, f"in_flight.services of {name}")
    if caps.domains is not None:
        each = f", {seat.domains} for a service" if seat.domains > 1 else ""
        yield Bound(caps.domains // max(seat.domains, 1), f"in_flight.domains of {name}{each}")
    if caps.instances is not None and seat.instances:
        whose = "a service" if seat.domains > 1 else "a domain"
        yield Bound(caps.instances // seat.instances, f"in_flight.instances of {name}, {seat.instances} for {whose}")


def services_room(shared: tuple[Shared, ...]) -> int | None:
    """Give how many services the shared caps let be in flight at once; None = any number."""
    return min((each.caps.services for each in shared if each.caps.services is not None), default=None)


def too_small(shared: tuple[Shared, ...], seat: Load, *, whole: bool) -> str | None:
    """Say which cap has no room for one service even if it is alone; None = all have."""
    what = "it changes all at once" if whole else "a walk takes one domain"
    for each in shared:
        if each.caps.domains is not None and seat.domains > each.caps.domains:
            return f"{what}, and its {seat.domains} domains are more than in_flight.domains of {each.name} allows"
        if each.caps.instances is not None and seat.instances > each.caps.instances:
            return f"{what}, and {seat.instances} instances are more than in_flight.instances of {each.name} allows"
    return None
