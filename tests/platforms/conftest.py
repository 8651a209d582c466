"""Raw loopback servers that answer, cut, reset or stay silent; tickets that count; payloads from a dict."""

import asyncio
import ssl as tls
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET, socket
from typing import Any

import pytest

from rollout.core.names import Digest, ServiceName, Slot, Target
from rollout.core.operation import Operation, StartUpgrade
from rollout.errors import JournalDamaged
from rollout.platforms.classic.access import Credentials, Plain
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.classic.transport import TransportLimits

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
REQUEST_ID = "0f8fad5bd9cb469fa16570867728950e"
PACKAGE = Digest("a" * 64)
CONFIGURATION = Digest("b" * 64)
READ_AHEAD = 1 << 16
GOLDEN = Path(__file__).parent.parent / "golden"


class Ticket:
    """A ticket that counts how often it was asked."""

    key = "r/s#1/1"

    def __init__(self, *, wanted: bool = True, timeout_s: float = 5.0) -> None:
        self.timeout_s = timeout_s
        self.asked = 0
        self._wanted = wanted

    def still_wanted(self) -> bool:
        self.asked += 1
        return self._wanted


class Shelf:
    """Payloads from a dict."""

    def __init__(self, payloads: dict[Digest, bytes]) -> None:
        self.payloads = payloads

    async def payload(self, digest: Digest) -> bytes:
        if digest not in self.payloads:
            raise JournalDamaged(digest)
        return self.payloads[digest]


class Wire:
    """What one raw connection has received, and the ways to answer it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received = b""

    async def request(self) -> bytes:
        """Read one whole request; empty when the peer hung up before sending one."""
        while b"\r\n\r\n" not in self.received:
            if not await self._more():
                return self.received
        head, _, body = self.received.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length and await self._more():
            body = self.received.partition(b"\r\n\r\n")[2]
        return self.received

    async def answer(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with a reset instead of an orderly end."""
        raw: socket = self.writer.get_extra_info("socket")
        raw.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _more(self) -> bool:
        chunk = await self.reader.read(READ_AHEAD)
        self.received += chunk
        return bool(chunk)


class Server:
    """One raw loopback server and everything its peers sent."""

    def __init__(self, behave: Callable[[Wire], Awaitable[None]]) -> None:
        self._behave = behave
        self._tasks: set[asyncio.Task[Any]] = set()
        self.wires: list[Wire] = []
        self.met = asyncio.Event()
        self.url = ""

    @property
    def requests(self) -> list[bytes]:
        return [wire.received for wire in self.wires if wire.received]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        self.wires.append(wire)
        self.met.set()
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._behave(wire)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def raw_server(behave: Callable[[Wire], Awaitable[None]]) -> AsyncIterator[Server]:
    """Serve `behave` on a free loopback port."""
    server = Server(behave)
    listener = await asyncio.start_server(server.meet, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        server.stop()
        await asyncio.sleep(0)
        await listener.wait_closed()


def always(raw: bytes) -> Callable[[Wire], Awaitable[None]]:
    """Answer every request with the same bytes, and close."""

    async def behave(wire: Wire) -> None:
        if await wire.request():
            await wire.answer(raw)

    return behave


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    """Frame a reply; further headers as `Name: value`."""
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def error_body(code: str, message: str) -> bytes:
    """Write an Error as the API does."""
    return (
        f'<Error xmlns="http://schemas.microsoft.com/windowsazure"><Code>{code}</Code>'
        f"<Message>{message}</Message></Error>"
    ).encode()


def configuration(count: int = 2) -> bytes:
    """Write a service configuration of one role."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<ServiceConfiguration serviceName="svc-0001" '
        'xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">\n  <!-- kept by people -->\n'
        f'  <Role name="WebRole1"><Instances count="{count}"/></Role>\n</ServiceConfiguration>'
    ).encode()


def platform_at(url: str, *, timeout_s: float = 5.0, limits: TransportLimits | None = None) -> ClassicPlatform:
    """Make a platform with the two payloads of `upgrade()`."""
    payloads = Shelf(
        {PACKAGE: b"https://acct.blob.example/c/app.cspkg?sv=1&sig=SECRET", CONFIGURATION: configuration()}
    )
    return ClassicPlatform(url, payloads, request_timeout_s=timeout_s, limits=limits or TransportLimits())


def shown(context: tls.SSLContext | None) -> Callable[[str], Credentials]:
    """Show the same TLS context to every subscription."""
    credentials = Plain(context)
    return lambda _subscription: credentials


def upgrade(label: str = "web-2.4.1 [ro:0123456789ab]") -> Operation:
    return StartUpgrade(package=PACKAGE, configuration=CONFIGURATION, label=label, instance_counts={"WebRole1": 2})


def target(deployment: str | None = "dep-1", slot: Slot = Slot.PRODUCTION) -> Target:
    return Target(SUBSCRIPTION, ServiceName("svc-0001"), slot, deployment)


def first_id(name: str) -> str:
    """Give the id of the first operation a golden listing shows, in the normal spelling."""
    shown = (GOLDEN / f"{name}.response.xml").read_text().partition("<OperationId>")[2].partition("<")[0]
    return shown.replace("-", "")


class Kit:
    """The helpers of this folder as one fixture, since the test files are no package."""

    Ticket = Ticket
    Shelf = Shelf
    Wire = Wire
    Server = Server
    subscription = SUBSCRIPTION
    service = f"/{SUBSCRIPTION}/services/hostedservices/svc-0001"
    request_id = REQUEST_ID
    package = PACKAGE
    configuration_digest = CONFIGURATION
    golden = GOLDEN
    first_id = staticmethod(first_id)
    raw_server = staticmethod(raw_server)
    always = staticmethod(always)
    http = staticmethod(http)
    error_body = staticmethod(error_body)
    configuration = staticmethod(configuration)
    platform_at = staticmethod(platform_at)
    shown = staticmethod(shown)
    upgrade = staticmethod(upgrade)
    target = staticmethod(target)


@pytest.fixture
def kit() -> type[Kit]:
    return Kit
