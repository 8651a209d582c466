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
_OVER: Final = "a reply is over the cap of {} bytes"
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
    """The replies that became whole with what was fed, in their order."""

    statuses: Sequence[int] = ()
    bodies: Sequence[bytes] = ()
    keeps: bool = True
    """The connection can be used again after them."""
    headers: Callable[[int], Iterable[tuple[str, str]] | None] = lambda _: ()
    """Gives those of one of them as they came, before more is fed. None = too much has come since to have kept them."""


NOTHING: Final = Arrived()


class Replies(Protocol):
    """The stream of replies on one connection."""

    def feed(self, data: bytes) -> Arrived:
        """Give the replies that `data` completes; raise `Garbled`."""
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

    def feed(self, data: bytes) -> Arrived:
        """Give the replies that `data` completes."""
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except HttpProcessingError as error:
            raise Garbled(f"what arrived is not HTTP: {error.message}") from None
        if upgraded:
            raise Garbled("the server changed the protocol unasked")
        if len(messages) == 1 and not self._begun:
            message, payload = messages[0]
            if payload.is_eof() and payload.total_bytes <= self._reply_bytes_max and message.code >= _FINAL:
                body = payload.read_nowait()
                return Arrived((message.code,), (body,), not message.should_close, partial(_headers, messages))
        self._begun.extend(messages)
        whole = []
        while self._begun and self._begun[0][1].is_eof():
            message, payload = self._begun.popleft()
            if payload.total_bytes > self._reply_bytes_max:
                self._check(payload)
            if message.code < _FINAL:
                raise Garbled(f"HTTP {message.code} comes before an answer")
            whole.append((message, payload))
        if self._begun:
            self._check(self._begun[0][1])
        if not whole:
            return NOTHING
        statuses, bodies = [each.code for each, _ in whole], [payload.read_nowait() for _, payload in whole]
        return Arrived(statuses, bodies, not any(each.should_close for each, _ in whole), partial(_headers, whole))

    def _check(self, payload: "StreamReader") -> None:
        if payload.exception() is not None:
            raise Garbled("the body that arrived is not framed as its headers say")
        if payload.total_bytes > self._reply_bytes_max:
            raise Garbled(_OVER.format(self._reply_bytes_max))


def _headers(messages: Sequence[tuple[RawResponseMessage, "StreamReader"]], at: int) -> Iterable[tuple[str, str]]:
    return messages[at][0].headers.items()


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
        self._statuses: list[int] = []
        self._bodies: list[bytes] = []
        self._keeps = True
        self._problem = ""
        """Why a reply that has come to its end cannot be used, nor the connection."""
        self._kept = _Kept(library.HttpResponseParser)

    def feed(self, data: bytes) -> Arrived:
        """Give the replies that `data` completes."""
        kept = self._kept
        kept.add(data)
        try:
            self._parser.feed_data(data)
        except (self._errors, self._upgrade) as error:
            raise Garbled(f"what arrived is not HTTP: {error}") from None
        if self._parts and sum(map(len, self._parts)) > self._reply_bytes_max:
            raise Garbled(_OVER.format(self._reply_bytes_max))
        bodies, statuses = self._bodies, self._statuses
        if not bodies:
            return NOTHING
        self._bodies, self._statuses = [], []
        if self._problem:
            raise Garbled(self._problem)
        arrived = Arrived(statuses, bodies, self._keeps, partial(kept.headers, kept.replies))
        kept.replies += len(bodies)
        kept.is_over = bool(bodies[-1]) and data.endswith(bodies[-1])
        return arrived

    def on_message_complete(self) -> None:
        """Keep the reply."""
        parser, parts = self._parser, self._parts
        status, body = parser.get_status_code(), parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._statuses.append(status)
        self._bodies.append(body)
        if not parser.should_keep_alive():
            self._keeps = False
        if status < _FINAL:
            self._problem = "something comes before an answer"
        elif len(body) > self._reply_bytes_max:
            self._problem = _OVER.format(self._reply_bytes_max)


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
            self._chunks = [data]
            self._room = KEPT_BYTES_MAX - len(data)
        else:
            self._room -= len(data)
            if self._room >= 0:
                self._chunks.append(data)

    def headers(self, first: int, at: int) -> list[tuple[str, str]] | None:
        """Read the headers of a reply, so many after the `first` of those kept; None = there was no room for it."""
        if self._room < 0:
            return None
        if self._read is None:
            reader = _Reader()
            parser = self._parser(reader)
            for chunk in self._chunks:
                parser.feed_data(chunk)
            self._read = reader.replies
        return self._read[first + at]


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
