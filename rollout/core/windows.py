"""When windows are open: weekly hours in named zones, dates on which none is, and clocks that people turn. Pure.

A window opens at the first instant at which the clock on the wall shows its hour or a later one, and closes so, too: an
hour that spring skips is met as the clock jumps over it, one that autumn repeats is met the first time.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from rollout.core.wave_plan import WindowPlan, WindowsPlan

SEARCH_DAYS: Final = 400
"""How far ahead a window is looked for: beyond any year's holidays."""
DAY_MIN: Final = 24 * 60
DAY_S: Final = 86_400
CHUNK_DAYS: Final = 8
"""A week and the day on which a window from its last day may still be open."""

Span = tuple[float, float]
"""From the POSIX second at which it is open to the one at which it is not."""


def fits_at(plan: WindowsPlan, wall: float, lasting_s: float = 0.0) -> float | None:
    """Give the first second, `wall` or a later one, at which something that lasts so long would end inside a window.

    None = no window of the next `SEARCH_DAYS` days is that long.
    """
    for opens, closes in spans_from(plan, wall):
        begins = max(opens, wall)
        if begins < closes and begins + lasting_s <= closes:
            return begins
    return None


def spans_from(plan: WindowsPlan, wall: float) -> Iterator[Span]:
    """Give the times of open windows that end after `wall`, in order; what follows without a break is one."""
    day = int(wall // DAY_S)
    held: Span | None = None
    for first in range(day - 1, day + SEARCH_DAYS, CHUNK_DAYS):
        for span in _opened_within(plan, first):
            if held is not None and span[0] <= held[1]:
                held = held[0], max(held[1], span[1])
                continue
            if held is not None and held[1] > wall:
                yield held
            held = span
    if held is not None and held[1] > wall:
        yield held


@lru_cache(maxsize=256)
def _opened_within(plan: WindowsPlan, first: int) -> tuple[Span, ...]:
    """Give what opens in the `CHUNK_DAYS` days from day `first` (counted in UTC since 1970), in order."""
    begins, ends = float(first * DAY_S), float((first + CHUNK_DAYS) * DAY_S)
    spans = []
    for window in plan.open:
        zone = ZoneInfo(window.zone)
        # Zones are up to a day apart from UTC.
        for ahead in range(-1, CHUNK_DAYS + 2):
            here = date(1970, 1, 1) + timedelta(days=first + ahead)
            span = _span(plan, window, here, zone)
            if span is not None and begins <= span[0] < ends:
                spans.append(span)
    return tuple(sorted(spans))


def _span(plan: WindowsPlan, window: WindowPlan, here: date, zone: ZoneInfo) -> Span | None:
    """Give when a window is open that opens on the day `here`, if it does."""
    if here.weekday() not in window.days or _closed(plan, here):
        return None
    end_min = window.end_min + (DAY_MIN if window.end_min <= window.start_min else 0)
    following = here + timedelta(days=1)
    if end_min > DAY_MIN and _closed(plan, following):
        end_min = DAY_MIN
    opens, closes = (_instant(here, minutes, zone) for minutes in (window.start_min, end_min))
    return (opens, closes) if opens < closes else None


def _closed(plan: WindowsPlan, here: date) -> bool:
    return any(first <= here.isoformat() <= last for first, last in plan.closed)


def _instant(here: date, minutes: int, zone: ZoneInfo) -> float:
    """Give the first POSIX second at which the zone's clock shows that minute of that day, or a later one."""
    local = datetime.combine(here, time()) + timedelta(minutes=minutes)
    late = int(local.replace(tzinfo=zone, fold=0).timestamp())
    if _shown(late, zone) == local:
        return float(late)
    # The clock jumps over it: somewhere between the two ways to read it.
    early = int(local.replace(tzinfo=zone, fold=1).timestamp())
    while early < late:
        middle = (early + late) // 2
        early, late = (early, middle) if _shown(middle, zone) >= local else (middle + 1, late)
    return float(late)


def _shown(wall: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(wall, zone).replace(tzinfo=None)
