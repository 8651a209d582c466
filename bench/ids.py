"""How operations tell the load server when they end: ids and subscriptions that carry their own dates.

The server keeps nothing, so a million operations cost it nothing and the instant of every ending is exact. Instants
are nanoseconds of the monotonic clock that all processes of one machine share.
"""

import time
from typing import Final

import msgspec

SUBSCRIPTION: Final = "00000000-0000-4000-8000-000000000001"
"""Of operations that nobody lists."""
NEVER_NS: Final = (1 << 64) - 1
_GOLDEN: Final = 2_654_435_761
"""Spreads numbers evenly over 32 bits; bench/server.c has the same one."""
_BITS: Final = 32


def operation_id(ends_ns: int, number: int) -> str:
    """Name an operation that is in progress before `ends_ns` and has succeeded from then on."""
    return f"{ends_ns:016x}{number:016x}"


def ends_ns(operation: str) -> int:
    """Give the instant at which an operation ends."""
    return int(operation[:16], 16)


def status_path(operation: str, subscription: str = SUBSCRIPTION) -> str:
    """Give the path of Get Operation Status."""
    return f"/{subscription}/operations/{operation}"


def now_ns() -> int:
    """Give the present instant."""
    return time.monotonic_ns()


class Population(msgspec.Struct, frozen=True):
    """Operations that one subscription lists; their ends are spread over a window that begins at `base_ns`."""

    count: int
    base_ns: int
    window_ms: int

    @property
    def subscription(self) -> str:
        """Give the subscription that tells the server all of this."""
        digits = f"{self.count:08x}{self.base_ns:016x}{self.window_ms:08x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def operation(self, number: int) -> str:
        """Give the id of operation `number`, counted from 0."""
        spread = number * _GOLDEN & ((1 << _BITS) - 1)
        return operation_id(self.base_ns + (spread * self.window_ms * 1_000_000 >> _BITS), number)


def population_of(subscription: str) -> Population | None:
    """Read a subscription back; None where it tells of no population."""
    digits = subscription.replace("-", "")
    try:
        return Population(int(digits[:8], 16), int(digits[8:24], 16), int(digits[24:32], 16))
    except ValueError:
        return None
