"""One daemon's connections: requests with deadlines and capped answers, asked again only where that is safe.

Nothing of the platform is shown here: the session has our token for the daemon, and no certificate, cookie or proxy.
"""

import asyncio
import contextlib
import random
import ssl as tls
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Self
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from rollout.errors import EndpointUnreachable, RolloutError, UsageError
from rollout.remote.address import Address
from rollout.remote.patience import Patience, retry_after_s
from rollout.remote.problem import PROBLEM_BYTES_MAX, TOO_MANY, UNAVAILABLE, error_of
from rollout.settings import Secret

CONNECTIONS_MAX: Final = 8
KEY_HEADER: Final = "Idempotency-Key"
LAST_EVENT_HEADER: Final = "Last-Event-ID"
EVENT_STREAM: Final = "text/event-stream"
OK: Final = range(200, 300)

_CHANCE: Final = random.SystemRandom()

Pause = Callable[[float], Awaitable[None]]
"""Lets seconds pass."""


class WireLimits(msgspec.Struct, frozen=True):
    """Bounds of one request."""

    connect_s_max: float = 10.0
    request_s_max: float = 60.0
    """For the whole of one attempt, connecting and reading the answer included."""
    answer_bytes_max: int = 64 << 20
    """A rollout of ten thousand services has a fifth of it."""


class Answer(msgspec.Struct, frozen=True):
    """What a successful request gave."""

    status: int
    body: bytes
    location: str = ""


class Call(msgspec.Struct, frozen=True):
    """One request. `key` makes a POST safe to ask again: the daemon answers it once."""

    method: str
    path: str
    query: Mapping[str, str] = {}
    body: bytes | None = None
    key: str | None = None

    @property
    def said(self) -> str:
        """Give the call for people, without its query."""
        return f"{self.method} {self.path}"

    @property
    def again(self) -> bool:
        """Whether a lost answer allows to ask again."""
        return self.method == "GET" or self.key is not None


class Wire:
    """The way to one daemon; an async context manager."""

    def __init__(
        self,
        address: Address,
        token: Secret,
        *,
        limits: WireLimits | None = None,
        patience: Patience | None = None,
        pause: Pause = asyncio.sleep,
        draw: Callable[[], float] = _CHANCE.random,
    ) -> None:
        self.address = address
        self.pause = pause
        self.draw = draw
        self._token = token
        self._limits = limits or WireLimits()
        self._patience = patience or Patience()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=_context(self.address), limit=CONNECTIONS_MAX),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Authorization": f"Bearer {self._token.reveal()}",
                "User-Agent": "rollout",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=self._limits.connect_s_max),
            trust_env=False,
            auto_decompress=False,
            raise_for_status=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, call: Call) -> Answer:
        """Ask, and again where the answer was lost and that is safe. Raises RolloutError."""
        pauses = self._patience.pauses(self.draw)
        while True:
            try:
                return await self._attempt(call)
            except _Again as again:
                pause_s = next(pauses, None) if call.again or again.unsent else None
                if pause_s is None:
                    raise again.error from again.__cause__
                await self.pause(max(pause_s, again.after_s))

    @contextlib.asynccontextmanager
    async def stream(self, call: Call, last_event: int | None) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a stream of events and give its chunks; one attempt. Raises as `ask` does, `Broken` for its end."""
        headers = {"Accept": EVENT_STREAM} | ({} if last_event is None else {LAST_EVENT_HEADER: str(last_event)})
        try:
            async with asyncio.timeout(self._limits.request_s_max) as deadline, self._request(call, headers) as answer:
                if answer.status not in OK:
                    raise await self._failed(call, answer)
                if answer.content_type != EVENT_STREAM:
                    raise error_of(answer.status, answer.content_type, b"", call.said, self.address.url)
                deadline.reschedule(None)  # from here on the heartbeats are watched
                yield answer.content.iter_any()
        except TimeoutError as error:
            raise self._unreachable(call, error) from error
        except _Again as again:
            raise again.error from again.__cause__
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(call, error) from error

    async def _attempt(self, call: Call) -> Answer:
        try:
            async with asyncio.timeout(self._limits.request_s_max), self._request(call, {}) as answer:
                if answer.status not in OK:
                    raise await self._failed(call, answer)
                body = await _read(answer, self._limits.answer_bytes_max)
                return Answer(answer.status, body, answer.headers.get("Location", ""))
        except (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError) as error:
            raise self._unreachable(call, error) from error
        except aiohttp.ClientConnectorError as error:
            raise _Again(self._unreachable(call, error), unsent=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _Again(self._unreachable(call, error)) from error

    def _request(self, call: Call, headers: Mapping[str, str]) -> Any:
        if self._session is None:
            raise UsageError("a client is used inside of `async with`")
        sent = dict(headers)
        if call.body is not None:
            sent["Content-Type"] = "application/json"
        if call.key is not None:
            sent[KEY_HEADER] = call.key
        query = f"?{urlencode(call.query)}" if call.query else ""
        return self._session.request(
            call.method,
            URL(f"{self.address.url}{call.path}{query}", encoded=True),
            data=call.body,
            headers=sent,
            allow_redirects=False,
        )

    async def _failed(self, call: Call, answer: aiohttp.ClientResponse) -> "RolloutError | _Again":
        body = await _read(answer, PROBLEM_BYTES_MAX)
        error = error_of(answer.status, answer.headers.get("Content-Type", ""), body, call.said, self.address.url)
        if answer.status in UNAVAILABLE | {TOO_MANY}:
            return _Again(error, after_s=retry_after_s(answer.headers.get("Retry-After")))
        return error

    def _unreachable(self, call: Call, error: Exception) -> EndpointUnreachable:
        return EndpointUnreachable(f"{self.address.url} cannot be asked ({call.said}): {_why(error)}")


class _Again(Exception):
    """An attempt that may be repeated where the call allows it; `unsent` = the daemon has seen nothing of it."""

    def __init__(self, error: RolloutError, *, unsent: bool = False, after_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.unsent = unsent
        self.after_s = after_s


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit:
            answer.close()
            raise UsageError(f"the answer is larger than {limit >> 20} MiB; ask for less, such as one wave or service")
    return bytes(body)


def _context(address: Address) -> tls.SSLContext | bool:
    """Trust what the machine trusts, or the given authorities instead."""
    if address.ca is None:
        return True
    try:
        return tls.create_default_context(cafile=str(address.ca))
    except (OSError, tls.SSLError) as error:
        raise UsageError(f"{address.ca} holds no certificate authorities in PEM: {error.strerror or error}") from None


def _why(error: Exception) -> str:
    """Say in our words what went wrong."""
    match error:
        case TimeoutError():
            return "it did not answer in time"
        case aiohttp.ClientConnectorDNSError():
            return "its name stands for no address"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "its certificate cannot be trusted; name its authority with --ca"
        case aiohttp.ClientConnectorError(os_error=OSError(strerror=reason)):
            return f"it takes no connection ({reason or 'no reason given'}); is the daemon running?"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | aiohttp.ClientOSError():
            return "it broke the connection"
        case _:
            return f"what it says is no HTTP ({type(error).__name__})"
