"""When services may be begun: windows such as `Mon-Thu 09:00-16:00 Europe/London`, in a named time zone."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, PlainValidator, WithJsonSchema

from rollout.policy.model.base import Doc, Kind, ShortForm, in_words
from rollout.policy.model.scalars import to_line
from rollout.policy.tree import did_you_mean, shown

WINDOWS_MAX = 50
DAY_MINUTES = 24 * 60
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WINDOW = re.compile(r"(\S+) +([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9]) +(\S+)")


@dataclass(frozen=True, slots=True)
class Window:
    """Opens on `days` (0 = Monday) at minute `start` of the day, closes at `end`; `end <= start` is the next day."""

    days: frozenset[int]
    start: int
    end: int
    zone: str


def parse_window(value: Any) -> Window:
    """Read `Mon-Thu 09:00-16:00 Europe/London`; raises ValueError."""
    if isinstance(value, Window):
        return value
    text = to_line(value).strip()
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise ValueError(f"{shown(text)} is not a window; write it like `Mon-Thu 09:00-16:00 Europe/London`")
    start, end = _minute(found[2], found[3]), _minute(found[4], found[5])
    if start in {end, DAY_MINUTES}:
        raise ValueError(f"{shown(text)} opens and closes at the same minute")
    return Window(_days(found[1]), start, end, _zone(found[6]))


def _days(text: str) -> frozenset[int]:
    days = set[int]()
    for part in text.split(","):
        first, _, last = part.partition("-")
        for name in (first, last or first):
            if name not in _DAYS:
                raise ValueError(f"{shown(name)} is not a day; the days are {', '.join(_DAYS)}")
        begin, span = _DAYS.index(first), (_DAYS.index(last or first) - _DAYS.index(first)) % 7
        days.update((begin + step) % 7 for step in range(span + 1))
    return frozenset(days)


def _minute(hours: str, minutes: str) -> int:
    total = int(hours) * 60 + int(minutes)
    if total > DAY_MINUTES:
        raise ValueError(f"`{hours}:{minutes}` is not a time of day")
    return total


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):  # unknown; a path out of the database; a folder of it
        hint = did_you_mean(name, sorted(available_timezones()))
        raise ValueError(f"{shown(name)} is not a time zone{hint or '; write one such as `Europe/London`'}") from None


WindowText: TypeAlias = Annotated[
    Window,
    Kind("such as `Mon-Thu 09:00-16:00 Europe/London`"),
    PlainValidator(in_words(parse_window)),
    WithJsonSchema({"type": "string", "examples": ["Mon-Thu 09:00-16:00 Europe/London"]}),
]


@dataclass(frozen=True, slots=True)
class Days:
    """Dates from first to last, both included, in the zone of whatever window is asked."""

    first: date
    last: date


def parse_days(value: Any) -> Days:
    """Read `2026-12-24` or `2026-12-24..2027-01-01`; raises ValueError."""
    if isinstance(value, Days):
        return value
    text = to_line(value).strip()
    first, dots, last = text.partition("..")
    days = Days(_date(first), _date(last if dots else first))
    if days.last < days.first:
        raise ValueError(f"{shown(text)} ends before it begins")
    return days


def _date(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:  # the 31st of June
        pass
    raise ValueError(f"{shown(text)} is not a date; write `2026-12-24`, or `2026-12-24..2027-01-01` for several")


DaysText: TypeAlias = Annotated[
    Days,
    Kind("a date such as `2026-12-24`, or `2026-12-24..2027-01-01`"),
    PlainValidator(in_words(parse_days)),
    WithJsonSchema({"type": "string", "examples": ["2026-12-24", "2026-12-24..2027-01-01"]}),
]


class Windows(Doc):
    """When services may be begun; one begun runs on past the end."""

    open: tuple[WindowText, ...] = Field(
        min_length=1,
        max_length=WINDOWS_MAX,
        description="The windows. A service is begun only inside one, and only if it is expected to finish there.",
    )
    closed: tuple[DaysText, ...] = Field(
        default=(),
        alias="except",
        max_length=WINDOWS_MAX,
        description="Dates on which no window is open, such as `2026-12-24..2027-01-01`; they count in each window's "
        "own zone, from midnight to midnight.",
    )
    mid_service: Literal["finish", "hold"] = Field(
        default="finish",
        description="What a service does that is still under way when the window closes: finish, or hold.",
    )


WindowsForm: TypeAlias = Annotated[
    Windows, ShortForm("open", {"type": "array", "items": {"type": "string"}, "minItems": 1})
]
