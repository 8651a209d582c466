"""One end of a connection in memory: an asyncio transport whose bytes a network carries to the other end.

What TCP promises is kept: bytes arrive in order or not at all, a close comes after what was written before it, a reader
that pauses holds its writer up, and a reset overtakes nothing that has arrived.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

HIGH_BYTES: Final = 64 * 1024
"""From so many bytes under way on, the writer is asked to pause."""
LOW_BYTES: Final = 16 * 1024
"""Down to so many bytes under way, it may write again."""


Enter = Callable[[Callable[[], object]], object]
"""Lets something reach a process, as a step of that process."""


class Carrier(Protocol):
    """What takes an end's bytes from it; both return at once."""

    def carry(self, end: "End", data: bytes) -> None:
        """Take bytes that the end has written."""
        ...

    def hang_up(self, end: "End", *, reset: bool) -> None:
        """Take the end's goodbye, or its reset, behind everything it has written."""
        ...


class End(asyncio.Transport):
    """One end. Its protocol is told everything in steps of the process that holds it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, enter: Enter, carrier: Carrier, address: tuple[str, int]
    ) -> None:
        """`loop` is that process's, `enter` the way into it; `address` is the other end's."""
        super().__init__({"peername": address, "sockname": (address[0], 0)})
        self.enter = enter
        self.peer: End = self
        self.protocol: Any = None
        """The asyncio.Protocol; None until the connection is made."""
        self.not_before = 0.0
        """When the last of what it has written arrives, in seconds of the world: nothing later arrives earlier."""
        self._loop = loop
        self._carrier = carrier
        self._under_way = 0
        self._paused_writing = False
        self._closing = False
        self._lost = False
        self._paused = False
        self._held: deque[Callable[[], None]] = deque()

    # --- what its own protocol does with it ---

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hand bytes to the network; after the end of the connection they go nowhere, as with a socket."""
        if self._closing or not data:
            return
        self._under_way += len(data)
        self._carrier.carry(self, bytes(data))
        if self._under_way > HIGH_BYTES and not self._paused_writing:
            self._paused_writing = True
            self.protocol.pause_writing()

    def can_write_eof(self) -> bool:
        """Say that half a connection cannot be closed: HTTP never does."""
        return False

    def close(self) -> None:
        """Say goodbye behind what was written; nothing is read any more."""
        self._end(reset=False)

    def abort(self) -> None:
        """Reset the connection."""
        self._end(reset=True)

    def is_closing(self) -> bool:
        """Tell whether this end has closed or lost the connection."""
        return self._closing

    def pause_reading(self) -> None:
        """Hold back what arrives."""
        self._paused = True

    def resume_reading(self) -> None:
        """Hand over what was held back, and go on."""
        self._paused = False
        self._loop.call_soon(self._hand_over)

    def is_reading(self) -> bool:
        """Tell whether what arrives is handed over at once."""
        return not (self._paused or self._closing)

    def get_write_buffer_size(self) -> int:
        """Give the bytes that have not been read at the other end."""
        return self._under_way

    def get_protocol(self) -> Any:
        """Give the protocol."""
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol take over."""
        self.protocol = protocol

    # --- what the network does with it, in a step of its process ---

    def make(self, protocol: asyncio.BaseProtocol) -> None:
        """Begin."""
        self.protocol = protocol
        protocol.connection_made(self)

    def arrive(self, data: bytes) -> None:
        """Let bytes arrive, behind those that are held back."""
        self._take(lambda: self._read(data))

    def part(self) -> None:
        """Hear the other end's goodbye, behind everything it has written."""
        self._take(self._read_goodbye)

    def lose(self) -> None:
        """Hear of a reset: what was held back is gone too."""
        self._held.clear()
        self._closing = True
        self._tell_lost(ConnectionResetError("the connection was reset"))

    def forget(self) -> None:
        """Be the end of a dead process: nothing is told to anybody any more."""
        self._closing = self._lost = True
        self._held.clear()

    def resume_writing(self) -> None:
        """Hear that the other end has read enough."""
        if self._paused_writing and not self._lost:
            self._paused_writing = False
            self.protocol.resume_writing()

    def _take(self, step: Callable[[], None]) -> None:
        self._held.append(step)
        self._hand_over()

    def _hand_over(self) -> None:
        while self._held and not self._paused and not self._lost:
            self._held.popleft()()

    def _read(self, data: bytes) -> None:
        if not self._closing:
            self.protocol.data_received(data)
        writer = self.peer
        writer._under_way -= len(data)  # noqa: SLF001 - the other half of one connection
        if writer._paused_writing and writer._under_way <= LOW_BYTES:  # noqa: SLF001 - as above
            writer.enter(writer.resume_writing)

    def _read_goodbye(self) -> None:
        if not self._closing:
            self.protocol.eof_received()
            self._end(reset=False)

    def _end(self, *, reset: bool) -> None:
        if self._closing:
            return
        self._closing = True
        self._carrier.hang_up(self, reset=reset)
        self._loop.call_soon(self._tell_lost, None)

    def _tell_lost(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self.protocol.connection_lost(error)
