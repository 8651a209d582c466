"""What `[daemon]` in `rollout.toml` says: where the daemon listens, with which certificate, and its policy folder."""

import ipaddress
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BeforeValidator, Field

from rollout.settings import scalars
from rollout.settings.run import is_loopback
from rollout.settings.scalars import wrong
from rollout.settings.table import Table

LISTEN: Final = "127.0.0.1:8642"
PORT_MAX: Final = 65_535
POLICIES_EVERY_S: Final = 5.0
READS_PER_S: Final = 20.0
MUTATIONS_PER_S: Final = 2.0
STREAMS: Final = 32
STREAMS_MAX: Final = 200


class Listen(NamedTuple):
    """An address and a port; 0 = any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        """Spell it as people write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str) -> Listen:
    """Read `127.0.0.1:8642`, `[::1]:8642` or `localhost:0`; raises ValueError with what is wrong."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > PORT_MAX:
        raise ValueError("must be ADDRESS:PORT, such as 127.0.0.1:8642 or [::1]:8642; port 0 = any free one")
    if host.lower() == "localhost":
        return Listen("127.0.0.1", int(port))
    try:
        return Listen(str(ipaddress.ip_address(host)), int(port))
    except ValueError:
        raise ValueError(f"{host!r} is no address; a name may mean several, so give the address itself") from None


def _listen(value: Any) -> Listen:
    if isinstance(value, Listen):
        return value
    try:
        return parse_listen(value if isinstance(value, str) else "")
    except ValueError as error:
        raise wrong(str(error)) from None


class Daemon(Table):
    """The daemon's own table."""

    listen: Annotated[Listen, BeforeValidator(_listen)] = parse_listen(LISTEN)
    certificate: scalars.FilePath | None = None
    """The chain that is shown to callers, in PEM; with it only https is spoken. Every address but loopback needs it."""
    key: scalars.FilePath | None = None
    """Its key; absent = in the same file."""
    hosts: scalars.Hosts = ()
    """Names under which the API may be asked for, besides loopback and the address it listens on."""
    policies: scalars.FilePath | None = None
    """A folder whose policies are offered, or submitted where they say `submit: auto`."""
    policies_every: scalars.Seconds = POLICIES_EVERY_S
    """How often that folder is read."""
    reads_per_s: scalars.Rate = READS_PER_S
    """Reading requests that one token may make in a second."""
    mutations_per_s: scalars.Rate = MUTATIONS_PER_S
    """Requests that change something, likewise."""
    streams: Annotated[int, Field(ge=1, le=STREAMS_MAX)] = STREAMS
    """Streams of events at once."""
