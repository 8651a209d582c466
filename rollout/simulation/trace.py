"""The trace of a run as one number: two runs that took the same steps and had the same effects share it."""

import struct
from hashlib import blake2b
from typing import Final

BYTES: Final = 8
_STEP: Final = struct.Struct("<IId")


class Trace:
    """A running 64-bit hash over every step of the loop and every effect on the fleet."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=BYTES)
        self.steps = 0
        """Steps folded so far."""

    def step(self, runnable: int, index: int, t: float) -> None:
        """Fold one step: how many could have run, which one did, and when."""
        self.steps += 1
        self._hash.update(_STEP.pack(runnable, index, t))

    def effect(self, *words: str | int | None) -> None:
        """Fold one effect."""
        self._hash.update(repr(words).encode())

    @property
    def value(self) -> str:
        """The hash so far, as 16 hexadecimal digits."""
        return self._hash.hexdigest()
