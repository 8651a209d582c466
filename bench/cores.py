"""Which core is whose: the client is measured on one, and the load server works on another."""

import os
import sys
from collections.abc import Sequence

import msgspec


class Cores(msgspec.Struct, frozen=True):
    """Two cores of this machine; the same one twice where there is no other, which every result then says."""

    client: int
    server: int

    @property
    def shared(self) -> bool:
        """Whether client and server take each other's time."""
        return self.client == self.server

    def on_client(self, command: Sequence[str]) -> list[str]:
        """Give the command that runs on the client's core."""
        return _pinned(self.client, command)

    def on_server(self, command: Sequence[str]) -> list[str]:
        """Give the command that runs on the server's core."""
        return _pinned(self.server, command)


def cores() -> Cores:
    """Pick the first and the last core that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[-1])


def _pinned(core: int, command: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "bench.pinned", str(core), *command]
