"""What one engine is told about its surroundings: endpoint, state directory, limits."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

REQUEST_TIMEOUT_S = 30.0
SAFE_READS_PER_S = 7.5
"""The highest rate that recorded traffic shows to pass on one subscription: a floor of what is known, not a limit."""
SAFE_WRITES_PER_S = 0.5
EMULATED_CALLS_PER_S = 2_000.0
"""Nobody shares an emulator on this machine, so nobody is to be spared."""


class RunSettings(msgspec.Struct, frozen=True):
    """Settings of one foreground run."""

    endpoint: str
    state: Path
    request_timeout_s: float = REQUEST_TIMEOUT_S
    strict_exit: bool = False

    @property
    def emulated(self) -> bool:
        """An endpoint on loopback is an emulator, so its pace has no need to be learned."""
        return is_loopback(urlsplit(self.endpoint).hostname or "")


def is_loopback(host: str) -> bool:
    """Tell the loopback names and addresses."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def default_state() -> Path:
    """Give the state directory used when none is named: `$XDG_STATE_HOME/rollout`, else `~/.local/state/rollout`."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "rollout"
