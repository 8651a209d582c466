"""How long a watch has gone without an answer that shows anything."""

from typing import Final

DARK_S_MIN: Final = 120.0
"""Shorter gaps are ordinary: a slow pace, a few throttled answers. They cost a limit less than its own slack."""


class Darkness:
    """The gap since the last usable answer of one watch, or since its beginning."""

    def __init__(self, now_t: float) -> None:
        self._lit_t = now_t

    def until(self, now_t: float, *, usable: bool) -> float:
        """Hear of an answer; give the seconds of the gap before it, 0.0 for an ordinary one."""
        gap_s = now_t - self._lit_t
        if usable:
            self._lit_t = now_t
        return gap_s if gap_s >= DARK_S_MIN else 0.0
