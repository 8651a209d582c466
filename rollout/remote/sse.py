"""Server-sent events out of chunks of bytes, as the HTML standard describes the stream, with limits. Pure."""

from collections.abc import Iterator
from typing import Final

import msgspec

LINE_BYTES_MAX: Final = 8 << 20
EVENT_BYTES_MAX: Final = 32 << 20


class BadStream(ValueError):
    """The stream is no stream of events, or one beyond the limits."""


class Message(msgspec.Struct, frozen=True):
    """One event."""

    event: str
    data: str
    id: str
    """The last id that the stream gave, this event's or an earlier one's."""


class Reader:
    """Takes chunks in order and gives the events that are complete. Raises BadStream."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._event = ""
        self._data: list[str] = []
        self._size = 0
        self._id = ""
        self._fresh = True

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Give the events that end in this chunk."""
        self._rest += chunk
        while (line := self._line()) is not None:
            message = self._take(line)
            if message is not None:
                yield message
        if len(self._rest) > LINE_BYTES_MAX:
            raise BadStream(f"a line is longer than {LINE_BYTES_MAX >> 20} MiB")

    def _line(self) -> str | None:
        """Cut the next line off: it ends with CR, LF or both; a CR at the end of a chunk may have its LF to come."""
        ends = [at for at in (self._rest.find(b"\n"), self._rest.find(b"\r")) if at >= 0]
        if not ends:
            return None
        end = min(ends)
        if self._rest[end] == ord("\r") and end + 1 == len(self._rest):
            return None
        skip = 2 if self._rest[end : end + 2] == b"\r\n" else 1
        line = bytes(self._rest[:end])
        del self._rest[: end + skip]
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise BadStream("it is not UTF-8") from None
        if self._fresh:
            self._fresh, text = False, text.removeprefix("\ufeff")
        return text

    def _take(self, line: str) -> Message | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._size += len(value) + 1
            if self._size > EVENT_BYTES_MAX:
                raise BadStream(f"an event is larger than {EVENT_BYTES_MAX >> 20} MiB")
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        return None  # `retry`, comments and what is not known yet are passed over

    def _dispatch(self) -> Message | None:
        data, event = self._data, self._event or "message"
        self._data, self._event, self._size = [], "", 0
        return Message(event, "\n".join(data), self._id) if data else None
