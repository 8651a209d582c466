"""Open lanes when they are needed, a few at a time, and ever more slowly while it fails."""

import asyncio
import ssl
from typing import Final, Protocol
from urllib.parse import urlsplit

from rollout.platforms.classic.access import NoAccess
from rollout.platforms.classic.lane import Hub, Lane
from rollout.platforms.classic.lane_limits import LaneLimits
from rollout.platforms.classic.lane_parser import replies
from rollout.platforms.classic.lane_way import Way
from rollout.platforms.classic.transport import HEADERS
from rollout.platforms.classic.vocabulary import VERSION_HEADER

DOUBLINGS_MAX: Final = 16
_PORTS: Final = {True: 443, False: 80}


class Home(Hub, Protocol):
    """Whose lanes are opened."""

    def unopened(self) -> None:
        """Hear that a connection could not be opened."""
        ...

    def lane_depth(self, wished: int) -> int:
        """Give how many questions a new lane may be asked in a row."""
        ...


class Opener:
    """The connections being opened to one endpoint, and what each request ends with."""

    def __init__(self, way: Way, limits: LaneLimits, tasks: asyncio.TaskGroup, home: Home) -> None:
        self.tail = b""
        """Ends the request line and holds the headers, the token's too; known once a connection has been opened."""
        self._way = way
        self._limits = limits
        self._tasks = tasks
        self._home = home
        self._context = _context(way)
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._not_before_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = (0, 0)

    def open(self, questions: int, lanes: int) -> None:
        """Open what so many waiting questions need beside so many lanes."""
        self._wanted = questions, lanes
        if self._timer is not None:
            return
        wait_s = self._not_before_s - self._loop.time()
        if wait_s > 0:
            self._timer = self._loop.call_later(wait_s, self._open_after)
            return
        limits = self._limits
        missing = min(questions, limits.lanes - lanes, 1 if self._failures else limits.opening_max)
        for _ in range(missing - len(self._opening)):
            task = self._tasks.create_task(self._open(), name=f"lane to {self._way.host}")
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def failed(self) -> None:
        """Let the next connection wait: one could not be opened, or was lost before it was of any use."""
        limits = self._limits
        wait_s = min(limits.reopen_s_min * 2.0**self._failures, limits.reopen_s_max)
        self._failures = min(self._failures + 1, DOUBLINGS_MAX)
        self._not_before_s = self._loop.time() + wait_s

    def worked(self) -> None:
        """Learn that a lane was of use."""
        self._failures = 0

    def close(self) -> None:
        """Open nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._opening:
            task.cancel()

    async def refresh(self) -> None:
        """Show the token that is known to be the right one by now. Raises NoAccess."""
        self.tail = _tail(self._way, await self._way.transport.renewal.authorization())

    def _open_after(self) -> None:
        self._timer = None
        self.open(*self._wanted)

    async def _open(self) -> None:
        transport, limits = self._way.transport, self._limits
        endpoint, bounds = transport.endpoint, transport.limits
        port = urlsplit(endpoint.origin).port or _PORTS[endpoint.tls]
        depth = self._home.lane_depth(limits.depth)

        def lane() -> Lane:
            return Lane(self._home, replies(limits.parser, bounds.reply_bytes_max), depth)

        try:
            async with asyncio.timeout(bounds.connect_s_max):
                await self.refresh()
                await self._loop.create_connection(
                    lane,
                    endpoint.host,
                    port,
                    ssl=self._context,
                    server_hostname=endpoint.host if endpoint.tls else None,
                )
        except (NoAccess, OSError):
            self.failed()
            self._home.unopened()


def _context(way: Way) -> ssl.SSLContext | None:
    """Give the context the ordinary client uses too; without one of ours names and chains are checked all the same."""
    if not way.transport.endpoint.tls:
        return None
    return way.transport.credentials.ssl_context() or ssl.create_default_context()


def _tail(way: Way, shown: str | None) -> bytes:
    """Write what follows the path in every request."""
    headers = {
        "Host": way.transport.endpoint.origin.partition("://")[2],
        **HEADERS,
        VERSION_HEADER: way.transport.version,
    }
    if shown is not None:
        headers["Authorization"] = shown
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f" HTTP/1.1\r\n{lines}\r\n".encode()
