"""The daemon's live events, gone on with after every break: from the last position heard, with pauses in between."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Final

import msgspec

from rollout.errors import EndpointUnreachable
from rollout.remote.patience import Patience
from rollout.remote.problem import Gone
from rollout.remote.sse import BadStream, Message, Reader
from rollout.remote.wire import Call, Wire

EVENTS: Final = "/v1/events"
HEARTBEAT: Final = "heartbeat"


class Endurance(msgspec.Struct, frozen=True):
    """How long a break of the stream is borne."""

    silent_s_max: float = 35.0
    """A heartbeat comes every ten seconds; a stream that says nothing for three of them is dead."""
    dark_s_max: float = 300.0
    """A daemon that was not heard for so long is given up; a restart takes seconds."""
    patience: Patience = Patience(attempts=1_000, first_s=0.25, most_s=10.0)


async def follow(
    wire: Wire, *, query: Mapping[str, str], after: int | None = None, endurance: Endurance | None = None
) -> AsyncGenerator[Message, None]:
    """Give the events after position `after`, without end; None = the present first, as a `snapshot`.

    Each is given once: a stream that breaks is opened again behind the last one. Where the daemon keeps no events that
    old, it begins again with a snapshot. Raises Forbidden, and EndpointUnreachable after `dark_s_max`. Close it by
    `contextlib.aclosing`.
    """
    bounds = endurance or Endurance()
    loop = asyncio.get_running_loop()
    last, heard_s = after, loop.time()
    pauses = bounds.patience.pauses(wire.draw)
    while True:
        try:
            async with contextlib.aclosing(_once(wire, query, last, bounds.silent_s_max)) as messages:
                async for message in messages:
                    heard_s, pauses = loop.time(), bounds.patience.pauses(wire.draw)
                    position = _position(message)
                    if message.event == HEARTBEAT or (last is not None and position is not None and position <= last):
                        continue
                    yield message
                    last = last if position is None else position
        except Gone:
            last = None
        except EndpointUnreachable as error:
            if loop.time() - heard_s > bounds.dark_s_max:
                raise EndpointUnreachable(f"{error}; not heard for {loop.time() - heard_s:.0f} s") from error
        pause_s = next(pauses, None)
        if pause_s is None:
            raise EndpointUnreachable(f"{wire.address.url} breaks the stream of events off each time it is opened")
        await wire.pause(pause_s)


async def _once(
    wire: Wire, query: Mapping[str, str], last: int | None, silent_s_max: float
) -> AsyncGenerator[Message, None]:
    """Give the events of one connection until it ends. Raises EndpointUnreachable."""
    reader = Reader()
    async with wire.stream(Call("GET", EVENTS, query), last) as chunks:
        while True:
            try:
                async with asyncio.timeout(silent_s_max):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                messages = list(reader.feed(chunk))
            except BadStream as error:
                raise EndpointUnreachable(f"{wire.address.url} sends no stream of events: {error}") from error
            for message in messages:
                yield message


def _position(message: Message) -> int | None:
    return int(message.id) if message.id.isascii() and message.id.isdigit() else None
