"""The load server's twin in Python, where there is no C compiler: `python -m bench.twin`, with server.c's options.

It answers the same bytes, some twenty times slower, so that it is often the limit itself; results say which one ran.
"""

import asyncio
import json
import random
import re
import signal
import socket
import ssl
import struct
import sys
from collections import Counter
from typing import Any, Final

from bench import bodies
from bench.ids import now_ns, population_of
from bench.usage import cpu_s

_REQUEST: Final = re.compile(rb"GET (/[^ \r\n]*) HTTP/1\.1\r\n")
_HEAD_END: Final = b"\r\n\r\n"
_OPERATION: Final = re.compile(r"/([0-9a-f-]+)/operations/([0-9a-f]{32})\Z")
_LISTING: Final = re.compile(r"/([0-9a-f-]+)/operations\?")
_TOKEN: Final = re.compile(r"[?&]ContinuationToken=(\d+)")
_STATISTICS: Final = "/_load/statistics"
_COUNTED: Final = (
    "requests", "running", "ended", "pages", "listed", "refused", "cut", "reset", "redirected", "strange", "connections"
)  # fmt: skip
_SHARES: Final = ("reset", "refuse", "redirect", "cut")


class Twin:
    """What all connections share: knobs by server.c's names, and counts."""

    def __init__(self, knobs: dict[str, str]) -> None:
        self.counts: Counter[str] = Counter()
        self.delay_s = float(knobs.get("delay-ms", 0)) / 1e3
        self.port = 0
        self._page = int(knobs.get("page", 100))
        self._lag_ns = int(float(knobs.get("lag-ms", 0)) * 1e6)
        depth = int(knobs.get("depth", 64))
        self._more = f"x-ms-rollout-pipelining: {depth}\r\n" if depth > 1 else ""
        self._shares = {name: float(knobs.get(name, 0)) for name in _SHARES}
        self._chance = random.Random(0)  # noqa: S311 - faults, not secrets

    def reply(self, path: str) -> tuple[bytes, bool]:
        """Answer one GET; True = the connection ends with it. No bytes at all = by a reset."""
        if path == _STATISTICS:
            return self._framed("200 OK", json.dumps({**dict.fromkeys(_COUNTED, 0), **self.counts, "cpu_s": cpu_s()}))
        self.counts["requests"] += 1
        drawn = self._chance.random()
        for name in _SHARES:
            drawn -= self._shares[name]
            if drawn < 0:
                return self._spoilt(name, path)
        return self._good(path)

    def _spoilt(self, how: str, path: str) -> tuple[bytes, bool]:
        match how:
            case "reset":
                self.counts["reset"] += 1
                return b"", True
            case "refuse":
                self.counts["refused"] += 1
                said = bodies.error("TooManyRequests", "Too many requests received. Retry after some time.")
                return self._framed("503 Service Unavailable", said)
            case "redirect":
                self.counts["redirected"] += 1
                where = f"Location: http://localhost:{self.port}{path}\r\n"
                return self._framed("307 Temporary Redirect", "", where)
            case _:
                self.counts["cut"] += 1
                whole, _ = self._good(path)
                return whole[: -(len(whole) // 4)], True

    def _good(self, path: str) -> tuple[bytes, bool]:
        if found := _OPERATION.match(path):
            body = bodies.operation(found[2], now_ns())
            self.counts["running" if "InProgress" in body else "ended"] += 1
            return self._framed("200 OK", body)
        if (found := _LISTING.match(path)) and (population := population_of(found[1])) is not None:
            token = _TOKEN.search(path)
            body = bodies.listing(population, int(token[1]) if token else 0, self._page, now_ns() - self._lag_ns)
            self.counts["pages"] += 1
            self.counts["listed"] += body.count("<OperationId>")
            return self._framed("200 OK", body)
        self.counts["strange"] += 1
        said = bodies.error("ResourceNotFound", "The operation request ID was not found.")
        return self._framed("404 Not Found", said)

    def _framed(self, status: str, body: str, more: str = "") -> tuple[bytes, bool]:
        return bodies.reply(status, body, self.counts["requests"], self._more + more), False


class Connection(asyncio.Protocol):
    """One connection: answers whole requests in the order of their arrival."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._heard = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._twin.counts["connections"] += 1
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        heads = (self._heard + data).split(_HEAD_END)
        self._heard = heads.pop()
        for head in heads:
            request = _REQUEST.match(head + b"\r\n")
            if request is None:
                self._transport.abort()
                return
            said, ends = self._twin.reply(request[1].decode("ascii", "replace"))
            if self._twin.delay_s:
                asyncio.get_running_loop().call_later(self._twin.delay_s, self._say, said, ends)
            else:
                self._say(said, ends)

    def _say(self, said: bytes, ends: bool) -> None:
        if self._transport.is_closing():
            return
        if said:
            self._transport.write(said)
        if ends and said:
            self._transport.close()
        elif ends:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


async def serve(knobs: dict[str, str]) -> None:
    """Serve on loopback until SIGTERM."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    twin = Twin(knobs)
    port = int(knobs.get("port", 0))
    server = await loop.create_server(lambda: Connection(twin), "127.0.0.1", port, ssl=_context(knobs), backlog=4096)
    twin.port = server.sockets[0].getsockname()[1]
    print(f"listening on {twin.port}", flush=True)
    await told.wait()


def _context(knobs: dict[str, str]) -> ssl.SSLContext | None:
    if "certificate" not in knobs:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(knobs["certificate"])
    if "client-ca" in knobs:
        context.load_verify_locations(knobs["client-ca"])
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def main() -> None:
    """Serve with the options of the command line."""
    words = sys.argv[1:]
    knobs = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(knobs))
    else:
        uvloop.run(serve(knobs))


if __name__ == "__main__":
    main()
