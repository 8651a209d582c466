"""Ask a URL once, safely: checked addresses only, no redirect, a capped body, and nothing of ours shown.

Its sessions have no credential, cookie or proxy of anybody, least of all the management certificate.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from rollout.gates.guard import Guard

BODY_BYTES_MAX: Final = 64 << 10
CONNECTIONS_MAX: Final = 512
"""Of each session; how many of them one hook may keep busy is bounded by its workers."""
LOOKUPS_MAX: Final = 16
"""Names looked up at once, each once: a name server that hangs keeps one thread for each of its names."""

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Gives the addresses that a name stands for; raises OSError."""


class Request(msgspec.Struct, frozen=True):
    """One question over HTTP."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    body_bytes_max: int = BODY_BYTES_MAX
    trusted: bool = False
    """The settings name this URL, so the guard's list does not count; what is never asked is not asked here either."""


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes
    took_s: float
    cut: bool = False
    """The body goes on beyond the cap."""


class NoAnswer(msgspec.Struct, frozen=True):
    """Nothing that could be read came back. `down` = whoever is there refused or broke the connection."""

    detail: str
    down: bool = False


class _Barred(OSError):
    """A name stands for an address that must not be asked."""


class Fetcher:
    """All connections of hooks. Made outside a loop, used inside one, closed at its end."""

    def __init__(self, guard: Guard, lookup: Lookup | None = None) -> None:
        self._guard = guard
        self._lookup = lookup or Names()
        self._sessions: dict[tuple[bool, bool], aiohttp.ClientSession] = {}

    async def fetch(self, request: Request) -> Answer | NoAnswer:
        """Ask once. How long that may take is the caller's business; a cancelled question leaves nothing behind."""
        guard = _trusting(request.url) if request.trusted else self._guard
        if fault := guard.url_fault(request.url):
            return NoAnswer(f"not asked: {fault}")
        began_t = monotonic()
        try:
            async with self._session(request, guard).request(
                request.method,
                URL(request.url, encoded=True),
                data=request.body,
                headers=dict(request.headers),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as response:
                body, cut = await _read(response, request.body_bytes_max)
                return Answer(response.status, body, monotonic() - began_t, cut)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _no_answer(error)

    async def close(self) -> None:
        """Give all connections back."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()
        if isinstance(self._lookup, Names):
            self._lookup.close()

    def _session(self, request: Request, guard: Guard) -> aiohttp.ClientSession:
        """Give the session: connections are kept for questions only, for a kept one may break under what is told."""
        key = request.trusted, request.method in {"GET", "HEAD"}
        session = self._sessions.get(key)
        if session is None or session.closed:
            session = self._sessions[key] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=_Checked(guard, self._lookup),
                    use_dns_cache=False,
                    limit=CONNECTIONS_MAX,
                    force_close=not key[1],
                ),
                headers={"User-Agent": "rollout", "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                raise_for_status=False,
            )
        return session


class Names:
    """The machine's own name service, with few threads of its own; callers of one name share one look-up."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_MAX, thread_name_prefix="hook-names")
        self._under_way: dict[str, asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """Look a name up once."""
        under_way = self._under_way.get(host)
        if under_way is None:
            loop = asyncio.get_running_loop()
            under_way = self._under_way[host] = loop.run_in_executor(self._threads, _addresses, host, port)
            under_way.add_done_callback(lambda done: self._forget(host, done))
        return await asyncio.shield(under_way)

    def close(self) -> None:
        """Wait for no look-up any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, host: str, done: asyncio.Future[list[str]]) -> None:
        self._under_way.pop(host, None)
        if not done.cancelled():
            done.exception()  # whoever asked may have left; then nobody else hears of it


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))


class _Checked(AbstractResolver):
    """Gives the connector the addresses of a name once all of them have been checked; it connects to no other."""

    def __init__(self, guard: Guard, lookup: Lookup) -> None:
        self._guard = guard
        self._lookup = lookup

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the protocol's; every family is checked
    ) -> list[ResolveResult]:
        """Look up, check, give; raises OSError, and then nothing is connected to."""
        addresses = [ipaddress.ip_address(each) for each in await self._lookup(host, port)]
        if not addresses:
            raise OSError(f"{host} stands for no address")
        for address in addresses:
            if fault := self._guard.address_fault(host, address):
                raise _Barred(fault)
        return [
            ResolveResult(
                hostname=host,
                host=str(each),
                port=port,
                family=socket.AF_INET if each.version == 4 else socket.AF_INET6,  # noqa: PLR2004 - IPv4
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for each in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


def _trusting(url: str) -> Guard:
    with contextlib.suppress(ValueError):
        return Guard([URL(url).host or ""])
    return Guard()


async def _read(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    """Read up to the cap; over it the connection is dropped, so that the rest is never received."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            response.close()
            return bytes(body[:limit]), True
    return bytes(body), False


def _no_answer(error: Exception) -> NoAnswer:
    """Say in our words what went wrong; the library's may quote the URL, and a URL may carry a signature."""
    match error:
        case aiohttp.ClientConnectorDNSError(os_error=_Barred() as barred):
            return NoAnswer(f"not asked: {barred}")
        case aiohttp.ClientConnectorDNSError():
            return NoAnswer("its name stands for no address")
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError():
            return NoAnswer("its certificate or TLS cannot be trusted", down=True)
        case aiohttp.ClientConnectorError(os_error=OSError(strerror=reason)):
            return NoAnswer(f"it takes no connection: {reason or 'no reason given'}", down=True)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | aiohttp.ClientOSError():
            return NoAnswer("it broke the connection", down=True)
        case _:
            return NoAnswer(f"what it says is no HTTP ({type(error).__name__})", down=True)
