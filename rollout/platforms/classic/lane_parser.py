"""Frame the replies that arrive on a lane. The framing is a library's: aiohttp's C parser, or httptools' where it is.

aiohttp's parser hands a message out when its headers end; the body may still be on its way, so its end is waited for.
"""

import asyncio
import importlib
import importlib.util
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpResponseParser, RawResponseMessage

from rollout.errors import PlatformError

if TYPE_CHECKING:
    from aiohttp.streams import StreamReader

_FINAL: Final = 200
"""Whatever has a smaller status is no answer yet."""


class Framing(StrEnum):
    """Whose parser frames the replies."""

    AIOHTTP = "aiohttp"
    HTTPTOOLS = "httptools"
    """Cheaper, and installed only by the extra `bench`."""


class Garbled(PlatformError):
    """What arrived cannot be framed, or is larger than the cap; the connection is of no more use."""


class Arrived(NamedTuple):
    """One whole reply."""

    status: int
    headers: Iterable[tuple[str, str]]
    """As they came; read them before the next reply."""
    body: bytes
    keeps: bool
    """The connection can be used again."""


class Replies(Protocol):
    """The stream of replies on one connection."""

    def feed(self, data: bytes) -> Sequence[Arrived]:
        """Give the replies that `data` completes, in their order; raise `Garbled`."""
        ...


def best_framing() -> Framing:
    """Give the cheapest parser that is installed."""
    return Framing.HTTPTOOLS if importlib.util.find_spec("httptools") else Framing.AIOHTTP


def replies(framing: Framing, reply_bytes_max: int) -> Replies:
    """Begin a stream of replies, none of them with a larger body."""
    match framing:
        case Framing.AIOHTTP:
            return AiohttpReplies(reply_bytes_max)
        case Framing.HTTPTOOLS:
            return HttptoolsReplies(reply_bytes_max)


class AiohttpReplies:
    """Framed by aiohttp's response parser, in C where its extension is built."""

    def __init__(self, reply_bytes_max: int) -> None:
        self._reply_bytes_max = reply_bytes_max
        loop = asyncio.get_running_loop()
        # The parser would pause a reading that outgrows its limit; the cap is ours, and ends the connection instead.
        self._parser = HttpResponseParser(
            _Unpaused(loop), loop, 2 * reply_bytes_max, read_until_eof=False, auto_decompress=False
        )
        self._begun: deque[tuple[RawResponseMessage, StreamReader]] = deque()

    def feed(self, data: bytes) -> Sequence[Arrived]:
        """Give the replies that `data` completes."""
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except HttpProcessingError as error:
            raise Garbled(f"what arrived is not HTTP: {error.message}") from None
        if upgraded:
            raise Garbled("the server changed the protocol unasked")
        self._begun.extend(messages)
        whole = []
        while self._begun and self._begun[0][1].is_eof():
            message, payload = self._begun.popleft()
            if payload.total_bytes > self._reply_bytes_max:
                self._check(payload)
            if message.code < _FINAL:
                raise Garbled(f"HTTP {message.code} comes before an answer")
            keeps = not message.should_close
            whole.append(Arrived(message.code, message.headers.items(), payload.read_nowait(), keeps))
        if self._begun:
            self._check(self._begun[0][1])
        return whole

    def _check(self, payload: "StreamReader") -> None:
        if payload.exception() is not None:
            raise Garbled("the body that arrived is not framed as its headers say")
        if payload.total_bytes > self._reply_bytes_max:
            raise Garbled(f"a reply is over the cap of {self._reply_bytes_max} bytes")


class _Unpaused(BaseProtocol):
    """What the parser holds for the connection: it is never paused."""

    def pause_reading(self) -> None:
        """Go on reading."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Have nothing to resume."""


class HttptoolsReplies:
    """Framed by httptools, which calls back for each part of a reply."""

    def __init__(self, reply_bytes_max: int) -> None:
        # No stubs, and not there for everybody: so it is reached by name.
        library: Any = importlib.import_module("httptools")
        self._errors: type[Exception] = library.HttpParserError
        self._upgrade: type[Exception] = library.HttpParserUpgrade
        self._parser = library.HttpResponseParser(self)
        self._reply_bytes_max = reply_bytes_max
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._largest = 0
        self._early = False
        self._whole: list[Arrived] = []

    def feed(self, data: bytes) -> Sequence[Arrived]:
        """Give the replies that `data` completes."""
        try:
            self._parser.feed_data(data)
        except (self._errors, self._upgrade) as error:
            raise Garbled(f"what arrived is not HTTP: {error}") from None
        if self._largest > self._reply_bytes_max:
            raise Garbled(f"a reply is over the cap of {self._reply_bytes_max} bytes")
        if self._early:
            raise Garbled("something comes before an answer")
        whole, self._whole = self._whole, []
        return whole

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers.append((name, value))

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body."""
        self._body = self._body + data if self._body else data
        self._largest = max(self._largest, len(self._body))

    def on_message_complete(self) -> None:
        """Keep the reply."""
        parser, headers = self._parser, self._headers
        status = parser.get_status_code()
        self._early = self._early or status < _FINAL
        self._whole.append(Arrived(status, _Headers(headers), self._body, parser.should_keep_alive()))
        self._headers, self._body = [], b""


class _Headers:
    """Headers that are decoded when somebody reads them, which is seldom."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._pairs)
