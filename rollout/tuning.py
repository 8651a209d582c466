"""What the settings mean in the engine's own terms: how fast it asks, how much may be under way, how it learns."""

import msgspec

from rollout.core.caps import Caps
from rollout.engine.pacer import READS, WRITES, Pace
from rollout.engine.room import CapPlan
from rollout.engine.timetable import Learning
from rollout.settings import EMULATED_CALLS_PER_S, RunSettings
from rollout.settings.model import LISTING_EVERY_S, InFlight, Limits, PaceLimit

EMULATED = Pace(start=EMULATED_CALLS_PER_S, floor=1.0, ceiling=EMULATED_CALLS_PER_S, rise=EMULATED_CALLS_PER_S)


def timetable(settings: RunSettings) -> Learning:
    """Begin to learn how long operations take."""
    return Learning() if settings.limits is None else Learning(settings.limits.poll_price)


def listing_s(settings: RunSettings) -> float | None:
    """Give the period of listings; None = operations are only asked about one by one."""
    if settings.limits is None:
        return LISTING_EVERY_S
    return settings.limits.listing_every if settings.limits.listing else None


def cap_plan(settings: RunSettings) -> CapPlan:
    """Give the caps that rollouts share, as the settings have them."""
    limits = settings.limits or Limits()
    subscriptions = {name: _caps(each) for name, each in settings.in_flight.items()}
    return CapPlan(_caps(limits.in_flight), subscriptions, _caps(limits.in_flight_per_rollout))


def _caps(found: InFlight) -> Caps:
    return Caps(found.services, found.domains, found.instances)


def paces(settings: RunSettings) -> tuple[Pace, Pace]:
    """Give the paces of reads and writes: the pacer's own, an emulator's, and over both what the settings name."""
    reads, writes = (EMULATED, EMULATED) if settings.emulated else (READS, WRITES)
    if settings.limits is None:
        return reads, writes
    return _paced(reads, settings.limits.reads), _paced(writes, settings.limits.writes)


def _paced(pace: Pace, limit: PaceLimit | None) -> Pace:
    if limit is None:
        return pace
    floor = min(pace.floor, limit.start)
    return msgspec.structs.replace(pace, start=limit.start, ceiling=limit.ceiling, floor=floor)
