"""Carry one request over aiohttp: one pass for a mutating call, a deadline that knows the stage, a capped reply."""

import asyncio
import ssl as tls
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from rollout.errors import InvariantBroken
from rollout.platforms.classic.access import NOBODY, Credentials, NoAccess
from rollout.platforms.classic.endpoint import Endpoint
from rollout.platforms.classic.exchange import Break, Broken, Exchange, Reply
from rollout.platforms.classic.hop import onward
from rollout.platforms.classic.passage import PROSE, Passage, hooks
from rollout.platforms.classic.redact import redact
from rollout.platforms.classic.renewal import Renewal, is_refusal
from rollout.platforms.classic.request import Request, checked_version
from rollout.platforms.classic.vocabulary import (
    CLIENT_VERSION,
    CONTINUATION_HEADER,
    REQUEST_CONTENT_TYPE,
    VERSION_HEADER,
)

HEADERS: Final = {"Accept": REQUEST_CONTENT_TYPE, "Accept-Encoding": "identity", "User-Agent": "rollout"}


class TransportLimits(msgspec.Struct, frozen=True):
    """Bounds of one exchange; the whole call has its own deadline besides."""

    connect_s_max: float = 10.0
    """For a free place in the pool, the name and the connection."""
    reply_bytes_max: int = 1 << 20
    connections_max: int = 64
    """For reads and for writes, each."""


DEFAULT_LIMITS: Final = TransportLimits()

Connectors = Callable[[tls.SSLContext | None, int, bool], aiohttp.BaseConnector]
"""Makes a connector: TLS context or None, connections at most, whether connections are kept for the next request."""


def tcp_connector(context: tls.SSLContext | None, connections_max: int, keep: bool) -> aiohttp.BaseConnector:
    """Make the ordinary connector; without a context TLS is the library's default, names and chains checked."""
    return aiohttp.TCPConnector(ssl=context or True, limit=connections_max, force_close=not keep)


class Transport:
    """One endpoint's connections, shown one set of credentials.

    Mutating calls take a fresh connection each: a kept one may have died, and its loss would leave open whether the
    call was applied.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        credentials: Credentials = NOBODY,
        version: str = CLIENT_VERSION,
        limits: TransportLimits = DEFAULT_LIMITS,
        connectors: Connectors = tcp_connector,
    ) -> None:
        self.endpoint = endpoint
        self.credentials = credentials
        self.renewal = Renewal(credentials)
        """Who knows which token works, for other connections to the same endpoint too."""
        self.version = checked_version(version)
        self._headers = HEADERS | {VERSION_HEADER: version}
        self.limits = limits
        self._connectors = connectors
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def exchange(
        self, request: Request, timeout_s: float, still_wanted: Callable[[], bool] = lambda: True
    ) -> Exchange:
        """Send `request` and read its reply within `timeout_s`, connecting, a hop and a new token included.

        `still_wanted` is asked with the connection in hand, in the same step of the loop that writes the first byte;
        and again for each leg that follows a refusal.
        """
        passage = Passage(request, still_wanted)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._attempt(request, timeout_s, passage)
        except NoAccess as error:
            why = PROSE[Break.NO_ACCESS].format(host=self.endpoint.host)
            return Broken(Break.NO_ACCESS, sent=False, detail=redact(f"{why}: {error}"))
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, InvariantBroken):
                raise error.__cause__ from None
            return passage.broken(error)

    async def close(self) -> None:
        """Give connections back; a later exchange opens new ones."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def _attempt(self, request: Request, timeout_s: float, passage: Passage) -> Reply:
        """Ask; a question whose token was refused is asked once more with a new one, a mutating call never."""
        passage.begin_leg(self.endpoint.host)
        shown = await self.renewal.authorization()
        reply = await self._ask(request, timeout_s, passage, shown)
        if not is_refusal(reply):
            return reply
        passage.begin_leg(self.endpoint.host)
        if not await self.renewal.renewed(shown):
            return reply
        if request.mutates:
            return msgspec.structs.replace(reply, renewed=True)
        return await self._ask(request, timeout_s, passage, await self.renewal.authorization())

    async def _ask(self, request: Request, timeout_s: float, passage: Passage, shown: str | None) -> Reply:
        """Send to the endpoint, and on from there by one hop at most; a second redirect is given back."""
        reply = await self._leg(self.endpoint.origin, request, timeout_s, passage, shown)
        origin = onward(reply, request, self.endpoint)
        if origin is not None:
            reply = await self._leg(origin, request, timeout_s, passage, shown)
        if not is_refusal(reply):
            self.renewal.worked(shown)
        return reply

    async def _leg(self, origin: str, request: Request, timeout_s: float, passage: Passage, shown: str | None) -> Reply:
        passage.begin_leg(urlsplit(origin).hostname or origin)
        async with self._session(request.mutates).request(
            request.method,
            URL(origin + request.path, encoded=True),
            data=request.body or None,
            headers=_headers(request, shown),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=self.limits.connect_s_max,
                sock_connect=self.limits.connect_s_max,
                sock_read=timeout_s,
            ),
            trace_request_ctx=passage,
        ) as response:
            return await self._read(response)

    def _session(self, mutates: bool) -> aiohttp.ClientSession:
        """Give the session for writes or reads; made inside the loop, at first use."""
        session = self._sessions.get(mutates)
        if session is None:
            session = aiohttp.ClientSession(
                connector=self._connectors(self.credentials.ssl_context(), self.limits.connections_max, not mutates),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                raise_for_status=False,
                trace_configs=[hooks()],
            )
            self._sessions[mutates] = session
        return session

    async def _read(self, response: aiohttp.ClientResponse) -> Reply:
        """Read the body up to the cap; over it the connection is dropped, so that the rest is never received."""
        headers = tuple((name.lower(), value) for name, value in response.headers.items())
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self.limits.reply_bytes_max:
                response.close()
                return Reply(response.status, headers, bytes(body[: self.limits.reply_bytes_max]), oversize=True)
        return Reply(response.status, headers, bytes(body))


def _headers(request: Request, shown: str | None) -> dict[str, str]:
    """Give the headers of this one request, besides those every request carries."""
    headers: dict[str, str] = {}
    if request.mutates:
        headers["Content-Type"] = REQUEST_CONTENT_TYPE
    if request.continuation is not None:
        headers[CONTINUATION_HEADER] = request.continuation
    if shown is not None:
        headers["Authorization"] = shown
    return headers
