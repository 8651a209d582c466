"""Carry one request over aiohttp: one pass for a mutating call, a deadline that knows the stage, a capped reply."""

import asyncio
import ssl as tls
from collections.abc import Callable
from types import SimpleNamespace
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from rollout.errors import InvariantBroken
from rollout.platforms.classic.encode import Request
from rollout.platforms.classic.endpoint import Endpoint
from rollout.platforms.classic.exchange import Break, Broken, Exchange, Reply
from rollout.platforms.classic.redact import redact
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, REQUEST_CONTENT_TYPE, VERSION_HEADER

_HEADERS: Final = {
    VERSION_HEADER: CLIENT_VERSION,
    "Accept": REQUEST_CONTENT_TYPE,
    "Accept-Encoding": "identity",
    "User-Agent": "rollout",
}
_READ_PASSES_MAX: Final = 2
"""A read may be repeated once by the library, as when the kept connection had died meanwhile."""
_WRITE_PASSES_MAX: Final = 1


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
    """One endpoint's connections.

    Mutating calls take a fresh one each: a kept one may have died, and its loss would leave open whether the call was
    applied.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ssl: tls.SSLContext | None = None,
        limits: TransportLimits = DEFAULT_LIMITS,
        connectors: Connectors = tcp_connector,
    ) -> None:
        self._endpoint = endpoint
        self._ssl = ssl
        self._limits = limits
        self._connectors = connectors
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def exchange(
        self, request: Request, timeout_s: float, still_wanted: Callable[[], bool] = lambda: True
    ) -> Exchange:
        """Send `request` and read its reply within `timeout_s`, connecting included.

        `still_wanted` is asked with the connection in hand, in the same step of the loop that writes the first byte.
        """
        passage = _Passage(request, still_wanted)
        session = self._session(request.mutates)
        try:
            async with (
                asyncio.timeout(timeout_s),
                session.request(
                    request.method,
                    URL(self._endpoint.origin + request.path, encoded=True),
                    data=request.body or None,
                    headers={"Content-Type": REQUEST_CONTENT_TYPE} if request.mutates else None,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(
                        total=None,
                        connect=self._limits.connect_s_max,
                        sock_connect=self._limits.connect_s_max,
                        sock_read=timeout_s,
                    ),
                    trace_request_ctx=passage,
                ) as response,
            ):
                return await self._read(response)
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, InvariantBroken):
                raise error.__cause__ from None
            return self._broken(passage, error)

    async def close(self) -> None:
        """Give connections back; a later exchange opens new ones."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _session(self, mutates: bool) -> aiohttp.ClientSession:
        """Give the session for writes or reads; made inside the loop, at first use."""
        session = self._sessions.get(mutates)
        if session is None:
            session = aiohttp.ClientSession(
                connector=self._connectors(self._ssl, self._limits.connections_max, not mutates),
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                raise_for_status=False,
                trace_configs=[_hooks()],
            )
            self._sessions[mutates] = session
        return session

    async def _read(self, response: aiohttp.ClientResponse) -> Reply:
        """Read the body up to the cap; over it the connection is dropped, so that the rest is never received."""
        headers = tuple((name.lower(), value) for name, value in response.headers.items())
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._limits.reply_bytes_max:
                response.close()
                return Reply(response.status, headers, bytes(body[: self._limits.reply_bytes_max]), oversize=True)
        return Reply(response.status, headers, bytes(body))

    def _broken(self, passage: "_Passage", error: Exception) -> Broken:
        """Name what went wrong, and whether a byte may have left by then."""
        kind = passage.stopped or _kind(error)
        reason = _PROSE[kind].format(host=self._endpoint.host)
        if kind in {Break.NO_CONNECTION, Break.CERTIFICATE, Break.DISCONNECTED, Break.GARBLED}:
            reason = f"{reason}: {str(error) or type(error).__name__}"
        return Broken(kind, passage.sent, redact(reason))


class _Stopped(aiohttp.ClientError):
    """Raised inside a hook to end the request before it writes anything more."""


class _Passage:
    """How far one logical call has come, as aiohttp's hooks tell."""

    def __init__(self, request: Request, still_wanted: Callable[[], bool]) -> None:
        self.sent = False
        self.stopped: Break | None = None
        self._still_wanted = still_wanted
        self._has_body = bool(request.body)
        self._passes = 0
        self._passes_max = _WRITE_PASSES_MAX if request.mutates else _READ_PASSES_MAX

    def headers_ready(self) -> None:
        """Count the pass: aiohttp repeats PUT and DELETE by itself when a connection is lost without an answer."""
        self._passes += 1
        if self._passes > self._passes_max:
            self.stopped = Break.REPEATED
            raise _Stopped
        if not self._has_body:
            self._leave()

    def body_ready(self) -> None:
        """Headers wait for the body's first chunk, and leave together with it."""
        if not self.sent:
            self._leave()

    def _leave(self) -> None:
        if not self._still_wanted():
            self.stopped = Break.DECLINED
            raise _Stopped
        self.sent = True


def _hooks() -> aiohttp.TraceConfig:
    """Wire a passage to the two moments just before aiohttp writes."""
    hooks = aiohttp.TraceConfig()

    async def headers(
        _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        context.trace_request_ctx.headers_ready()

    async def chunk(
        _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestChunkSentParams
    ) -> None:
        context.trace_request_ctx.body_ready()

    hooks.on_request_headers_sent.append(headers)
    hooks.on_request_chunk_sent.append(chunk)
    return hooks


def _kind(error: Exception) -> Break:
    """Sort what aiohttp raises; the order matters, its classes overlap."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return Break.CERTIFICATE
        case TimeoutError():
            return Break.TIMEOUT
        case aiohttp.ClientConnectorError():
            return Break.NO_CONNECTION
        case aiohttp.ClientPayloadError():
            return Break.CUT
        case aiohttp.ServerDisconnectedError() | OSError():
            return Break.DISCONNECTED
        case _:
            return Break.GARBLED


_PROSE: Final = {
    Break.DECLINED: "no longer wanted when the connection to {host} was ready; nothing was sent",
    Break.NO_CONNECTION: "no connection to {host}",
    Break.CERTIFICATE: "the certificate of {host} was not accepted",
    Break.TIMEOUT: "no complete answer from {host} in time",
    Break.DISCONNECTED: "the connection to {host} was lost without an answer",
    Break.CUT: "the answer of {host} was cut off",
    Break.GARBLED: "what {host} answered is not HTTP",
    Break.REPEATED: "the connection to {host} was lost without an answer, and the call was not repeated",
}
