"""Frame the replies that arrive on a lane. The framing is a library's: aiohttp's C parser, or httptools' where it is.

aiohttp's parser hands a message out when its headers end; the body may still be on its way, so its end is waited for.
"""

import asyncio
import importlib
import importlib.util
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpResponseParser, RawResponseMessage

from rollout.errors import PlatformError

if TYPE_CHECKING:
    from aiohttp.streams import StreamReader

_FINAL: Final = 200
"""Whatever has a smaller status is no answer yet."""
KEPT_BYTES_MAX: Final = 256 * 1024
"""Of what arrived and may be read for its headers."""


class Framing(StrEnum):
    """Whose parser frames the replies."""

    AIOHTTP = "aiohttp"
    HTTPTOOLS = "httptools"
    """Cheaper, and installed only by the extra `bench`."""


class Garbled(PlatformError):
    """What arrived cannot be framed, or is larger than the cap; the connection is of no more use."""


class Arrived(msgspec.Struct, gc=False, eq=False):
    """One whole reply."""

    status: int
    body: bytes
    keeps: bool
    """The connection can be used again."""
    headers: Callable[[], Iterable[tuple[str, str]] | None]
    """Gives them as they came, before more is fed. None = so much arrived without an end that they are gone."""


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
            whole.append(Arrived(message.code, payload.read_nowait(), keeps, message.headers.items))
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
    """Framed by httptools, which calls back for the parts of a reply that it is asked for.

    Headers are seldom read, and being called for each of them costs more than all the rest. So what arrived since the
    last reply's end is kept, and parsed once more where somebody wants to read a header in it.
    """

    def __init__(self, reply_bytes_max: int) -> None:
        # No stubs, and not there for everybody: so it is reached by name.
        library: Any = importlib.import_module("httptools")
        self._errors: type[Exception] = library.HttpParserError
        self._upgrade: type[Exception] = library.HttpParserUpgrade
        self._parts: list[bytes] = []
        """Of the body that is arriving."""
        self.on_body = self._parts.append
        self._parser = library.HttpResponseParser(self)
        self._reply_bytes_max = reply_bytes_max
        self._largest = 0
        self._early = False
        self._whole: list[Arrived] = []
        self._kept = _Kept(library.HttpResponseParser)

    def feed(self, data: bytes) -> Sequence[Arrived]:
        """Give the replies that `data` completes."""
        self._kept.add(data)
        try:
            self._parser.feed_data(data)
        except (self._errors, self._upgrade) as error:
            raise Garbled(f"what arrived is not HTTP: {error}") from None
        if max(self._largest, sum(map(len, self._parts))) > self._reply_bytes_max:
            raise Garbled(f"a reply is over the cap of {self._reply_bytes_max} bytes")
        if self._early:
            raise Garbled("something comes before an answer")
        whole, self._whole = self._whole, []
        if whole and whole[-1].body and data.endswith(whole[-1].body):
            self._kept.is_over = True
        return whole

    def on_message_complete(self) -> None:
        """Keep the reply."""
        parser, parts, kept = self._parser, self._parts, self._kept
        status = parser.get_status_code()
        if status < _FINAL:
            self._early = True
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._largest = max(self._largest, len(body))
        self._whole.append(Arrived(status, body, parser.should_keep_alive(), partial(kept.headers, kept.replies)))
        kept.replies += 1


class _Kept:
    """What arrived since a reply's end, for who wants to read its headers."""

    def __init__(self, parser: Callable[[object], Any]) -> None:
        self.is_over = False
        """What is kept ends with a reply: what comes next begins with one."""
        self.replies = 0
        """How many of what is kept are whole."""
        self._parser = parser
        self._chunks: list[bytes] = []
        self._room = KEPT_BYTES_MAX
        self._read: list[list[tuple[str, str]]] | None = None

    def add(self, data: bytes) -> None:
        """Keep what arrived, while there is room; where a reply ends, what came before is given up."""
        self._read = None
        if self.is_over:
            self.is_over = False
            self.replies = 0
            self._chunks.clear()
            self._room = KEPT_BYTES_MAX
        self._room -= len(data)
        if self._room >= 0:
            self._chunks.append(data)

    def headers(self, number: int) -> list[tuple[str, str]] | None:
        """Read the headers of one of the replies that are kept; None = there was no room for it."""
        if self._room < 0:
            return None
        if self._read is None:
            reader = _Reader()
            parser = self._parser(reader)
            for chunk in self._chunks:
                parser.feed_data(chunk)
            self._read = reader.replies
        return self._read[number]


class _Reader:
    """Hears of every header."""

    def __init__(self) -> None:
        self.replies: list[list[tuple[str, str]]] = []
        self._headers: list[tuple[str, str]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_message_complete(self) -> None:
        """Keep those of one reply."""
        self.replies.append(self._headers)
        self._headers = []
