"""What the HTTP layer is made over: the host, whose tokens it believes, and the policies it offers."""

from dataclasses import dataclass
from pathlib import Path

from rollout.daemon.auth.tokens import Tokens
from rollout.daemon.folder import PolicyFolder
from rollout.daemon.host import Host
from rollout.settings.daemon import Daemon


@dataclass(frozen=True, slots=True)
class Site:
    """One daemon from inside."""

    host: Host
    tokens: Tokens
    folder: PolicyFolder | None
    """None = no policy folder is watched."""
    settings: Daemon
    state: Path
    """The state directory."""
