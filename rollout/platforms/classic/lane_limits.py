"""Bounds of the lanes to one endpoint with one set of credentials."""

from typing import Final

import msgspec

from rollout.errors import InvariantBroken
from rollout.platforms.classic.lane_parser import Framing, best_framing

DEPTH_MAX: Final = 256


class LaneLimits(msgspec.Struct, frozen=True):
    """How many connections there are, and how each is used. The defaults ask one question at a time on each."""

    lanes: int = 64
    depth: int = 1
    """Questions on their way at once on one connection, where the server offers as many itself."""
    opening_max: int = 8
    """Connections being opened at once."""
    losses_max: int = 2
    """Connections that may be lost under one question before the ordinary client asks it."""
    asides_max: int = 16
    """Questions with the ordinary client at once."""
    reopen_s_min: float = 0.1
    """After a connection that failed the next one waits so long, and twice as long after each further failure."""
    reopen_s_max: float = 5.0
    framing: Framing | None = None
    """None = the cheapest parser that is installed."""

    def __post_init__(self) -> None:
        if not (self.lanes > 0 and 0 < self.depth <= DEPTH_MAX and 0 < self.reopen_s_min <= self.reopen_s_max):
            raise InvariantBroken(f"lanes need 0 < lanes, 0 < depth <= {DEPTH_MAX} and 0 < reopen_s_min <= max: {self}")

    @property
    def parser(self) -> Framing:
        """Give the parser in use."""
        return self.framing or best_framing()


DEFAULT_LANES: Final = LaneLimits()
