"""Durations as people write them (`250ms`, `1m30s`, `2d`) and the way back; a duration is float seconds."""

import math
import re

LONGEST_S = 365 * 86_400.0
"""No clock of a rollout runs longer than a year: a wait without an end is a bug, not a wish."""

PATTERN = r"^(?=.)([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$"
"""For editors; Python matches `_PARTS`, which is the same grammar."""

_UNITS_MS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
_PARTS = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit, _ in _UNITS_MS))
_SHOWN_MAX = 40
_EXAMPLE = "write it like `90s`, `1m30s` or `24h`"


def parse_duration(text: str) -> float:
    """Give the seconds; units d, h, m, s, ms, largest first, each once. Raises ValueError with words for people."""
    if not text:
        raise ValueError(f"is empty; {_EXAMPLE}")
    found = _PARTS.fullmatch(text)
    if found is None:
        raise ValueError(_fault(text))
    total_ms = sum(
        int(part) * size_ms for part, (_, size_ms) in zip(found.groups(), _UNITS_MS, strict=True) if part is not None
    )
    return checked_seconds(total_ms / 1000)


def checked_seconds(seconds: float) -> float:
    """Refuse what is not a finite duration from 0 to a year."""
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError("must be a finite duration of at least 0s")
    if seconds > LONGEST_S:
        raise ValueError(f"is longer than the limit of {format_duration(LONGEST_S)}")
    return seconds


def format_duration(seconds: float) -> str:
    """Give the shortest text that `parse_duration` reads back, to the millisecond: 90.0 is `1m30s`."""
    rest_ms = round(seconds * 1000)
    parts = []
    for unit, size_ms in _UNITS_MS:
        count, rest_ms = divmod(rest_ms, size_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _fault(text: str) -> str:
    shown = text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
    if re.fullmatch(r"[0-9.]+", text):
        return f"`{shown}` has no unit; {_EXAMPLE}"
    if text.startswith("-"):
        return f"`{shown}` is negative; {_EXAMPLE}"
    if re.fullmatch(r"[0-9]+:[0-9:]+", text):
        return f"`{shown}` is a time of day, not a duration; {_EXAMPLE}"
    return f"`{shown}` is not a duration; {_EXAMPLE} (units d, h, m, s, ms, largest first, whole numbers)"
