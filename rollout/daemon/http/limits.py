"""Every bound of the HTTP layer, by name (security.md, T14)."""

import msgspec

from rollout.settings.daemon import Daemon


class HttpLimits(msgspec.Struct, frozen=True):
    """Sizes in bytes, times in seconds, rates per second for each token or session."""

    body_bytes: int = 1 << 20
    body_s: float = 10.0
    """For the whole of a body to arrive."""
    header_bytes: int = 8 << 10
    """All header lines of a request together."""
    path_chars: int = 2_048
    reads_per_s: float = 20.0
    mutations_per_s: float = 2.0
    burst_s: float = 2.0
    """So many seconds' worth may come at once."""
    in_flight: int = 64
    """Requests being answered at once, streams apart."""
    anonymous: int = 16
    """The same for those who need no token; they keep nobody else from being answered."""
    streams: int = 32
    streams_per_token: int = 8
    heartbeat_s: float = 10.0
    revoked_look_s: float = 2.0
    """How often a stream asks whether its token still stands."""
    stall_s: float = 10.0
    """A reader that takes nothing for so long is dropped."""
    queue: int = 256
    """Events that wait for a reader before it is held to be behind; the journal has them."""
    replay: int = 50_000
    """So many entries back a stream can be resumed."""
    page: int = 100
    page_max: int = 500
    plan_s: float = 45.0
    """For a plan to be made, one at a time and every deployment looked at; clients wait a minute."""
    idle_s: float = 15.0
    """For a request's head to arrive, and between two of one connection."""


def limits_of(settings: Daemon) -> HttpLimits:
    """Take what the settings say; the rest has its own bounds."""
    return HttpLimits(
        reads_per_s=settings.reads_per_s, mutations_per_s=settings.mutations_per_s, streams=settings.streams
    )
