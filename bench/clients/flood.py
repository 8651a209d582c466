"""The load server's ceiling where there is no wrk: whole batches of requests, and replies counted in the stream.

It looks neither at framing nor at status: a limit, not a client.
"""

import socket
import time
from typing import Any, Final
from urllib.parse import urlsplit

from bench.child import Reading
from bench.clients.closed import Tally
from bench.clients.order import order_from
from bench.ids import NEVER_NS, operation_id, status_path

_REPLY: Final = b"HTTP/1.1 200 OK"
_MARGIN: Final = len(_REPLY) - 1
_CHUNK: Final = 1 << 18


def measure(given: dict[str, Any]) -> Reading:
    """Send batches of `depth` on `in_flight` connections, and count."""
    order = order_from(given)
    host, port = urlsplit(order.url).hostname, urlsplit(order.url).port
    request = f"GET {status_path(operation_id(NEVER_NS, 1))} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    sockets = [socket.create_connection((host, port)) for _ in range(order.in_flight)]
    tally = Tally()
    _flood_for(order.warm_s, tally, sockets, request * order.depth, order.depth)
    tally.begin()
    _flood_for(order.window_s, tally, sockets, request * order.depth, order.depth)
    reading = tally.end()
    for each in sockets:
        each.close()
    return reading


def _flood_for(seconds: float, tally: Tally, sockets: list[socket.socket], batch: bytes, depth: int) -> None:
    """Send a batch on every connection and take its replies, once at least."""
    until_s = time.monotonic() + seconds
    while True:
        for each in sockets:
            each.sendall(batch)
        for each in sockets:
            _take(each, depth)
            tally.good += depth
        if time.monotonic() >= until_s:
            return


def _take(each: socket.socket, replies: int) -> None:
    """Read until so many replies have begun; the rest of the last one comes in the same breath or is counted next."""
    seen, tail = 0, b""
    while seen < replies:
        chunk = tail + each.recv(_CHUNK)
        if chunk == tail:
            raise ConnectionError("the load server hung up")
        seen += chunk.count(_REPLY)
        tail = chunk[-_MARGIN:]
