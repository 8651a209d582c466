"""How long and how often somebody is asked again: pauses that double, with chance in them, up to a limit. Pure."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

RETRY_AFTER_S_MAX: Final = 60.0
"""A server that wants longer is not waited for that long; it is asked again and may say no again."""


class Patience(msgspec.Struct, frozen=True):
    """Bounds of asking again."""

    attempts: int = 4
    first_s: float = 0.2
    most_s: float = 5.0

    def pauses(self, draw: Callable[[], float]) -> Iterator[float]:
        """Give the seconds before each further attempt; half of each is left to chance: nobody marches in step."""
        pause_s = self.first_s
        for _ in range(self.attempts - 1):
            yield pause_s * (0.5 + draw() / 2)
            pause_s = min(pause_s * 2, self.most_s)


def retry_after_s(header: str | None) -> float:
    """Read a Retry-After in seconds; a date or nonsense is none. Never negative, never above the limit."""
    if header is None or not header.isascii() or not header.isdigit() or len(header) > 9:  # noqa: PLR2004 - no year is longer
        return 0.0
    return min(float(header), RETRY_AFTER_S_MAX)
