"""A disk: what has been written, how much of it is synced, and what becomes of the rest when the machine dies.

A full disk first shows as a short write, as on a real one; only the next write says so. A failed sync may have dropped
any part of what was not synced, and a later one that succeeds does not bring it back.
"""

import errno
from collections.abc import Callable
from typing import Final, Protocol

FULL_S: Final = (20.0, 900.0)
"""How long a disk stays full."""


class DiskWeather(Protocol):
    """What strikes a disk."""

    def strike(self, what: str) -> str | None:
        """Draw one of `short_write`, `disk_full` for a write and `sync_error` for a sync; None = all is well."""
        ...

    def amount(self, low: float, high: float, what: str) -> float:
        """Draw a number between two bounds."""
        ...


class CalmDisk:
    """A disk that nothing strikes; a machine that dies loses all it has not synced."""

    def strike(self, what: str) -> str | None:  # noqa: ARG002 - all is well
        """Say that all is well."""
        return None

    def amount(self, low: float, high: float, what: str) -> float:  # noqa: ARG002 - the same each time
        """Give the lower bound."""
        return low


class Disk:
    """One file. `time` gives seconds of the world."""

    def __init__(self, weather: DiskWeather, time: Callable[[], float]) -> None:
        self.data = bytearray()
        self.synced = 0
        """So many bytes are there whatever happens."""
        self._weather = weather
        self.now = time
        self._full_until = -1.0

    def write(self, data: bytes) -> int:
        """Take bytes, perhaps not all of them; give how many. Raises OSError ENOSPC."""
        if self.now() < self._full_until:
            raise OSError(errno.ENOSPC, "no space left on device")
        fate = self._weather.strike("write")
        taken = len(data)
        if fate is not None:
            taken = int(self._weather.amount(0, len(data), "taken"))
        if fate == "disk_full":
            self._full_until = self.now() + self._weather.amount(*FULL_S, "full")
        self.data += data[:taken]
        return taken

    def cut(self, size: int) -> None:
        """Shorten the file, which always works."""
        del self.data[size:]
        self.synced = min(self.synced, size)

    def sync(self) -> None:
        """Make everything durable. Raises OSError EIO, and then nobody knows what is."""
        if self._weather.strike("sync") == "sync_error":
            raise OSError(errno.EIO, "input/output error")
        self.synced = len(self.data)

    def sync_all(self) -> None:
        """Make everything durable, as a start does before it believes what it has read."""
        self.synced = len(self.data)

    def lose_power(self) -> int:
        """Keep a random part of what was not synced, from its beginning; give how many bytes are gone."""
        size = self.synced + int(self._weather.amount(0, len(self.data) - self.synced + 1, "kept"))
        gone = len(self.data) - size
        self.cut(size)
        return gone
