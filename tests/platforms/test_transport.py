"""The transport on real loopback sockets: one attempt, the last look, limits, and what each fault becomes."""

import asyncio
import gzip
from collections.abc import Iterable
from typing import Any, cast

import aiohttp
import pytest

from rollout.errors import InvariantBroken
from rollout.platforms.classic.endpoint import parse_endpoint
from rollout.platforms.classic.exchange import Break, Broken, Exchange, Reply
from rollout.platforms.classic.passage import PROSE
from rollout.platforms.classic.request import Request
from rollout.platforms.classic.transport import Transport, TransportLimits

POST = Request("POST", "/s/x/?comp=upgrade", b"<UpgradeDeployment/>")
EMPTY_POST = Request("POST", "/s/x/roleinstances/i?comp=reboot")
GET = Request("GET", "/s/x")
DELETE = Request("DELETE", "/s/x")
PUT = Request("PUT", "/s/x", b"<UpdateHostedService/>")


async def exchanged(url: str, request: Request, timeout_s: float = 5.0, **options: Any) -> Exchange:
    wanted = options.pop("still_wanted", lambda: True)
    transport = Transport(parse_endpoint(url), **options)
    try:
        return await transport.exchange(request, timeout_s, wanted)
    finally:
        await transport.close()


async def broken(url: str, request: Request, timeout_s: float = 5.0, **options: Any) -> Broken:
    exchange = await exchanged(url, request, timeout_s, **options)
    assert isinstance(exchange, Broken), exchange
    assert len(exchange.detail) <= 200
    return exchange


async def test_a_request_carries_version_and_type_and_asks_for_plain_bytes(kit: Any) -> None:
    async with kit.raw_server(kit.always(kit.http(202, b"", "X-MS-Request-Id: a"))) as server:
        reply = await exchanged(server.url, POST)
    assert isinstance(reply, Reply)
    assert reply.header_values("x-ms-request-id") == ("a",)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = {line.lower() for line in head.split(b"\r\n")}
    assert head.startswith(b"POST /s/x/?comp=upgrade HTTP/1.1\r\n")
    assert body == POST.body
    assert {b"x-ms-version: 2015-09-01", b"content-type: application/xml", b"accept-encoding: identity"} <= lines
    assert not [line for line in lines if line.startswith((b"cookie", b"authorization"))]


async def test_a_post_without_a_body_says_so(kit: Any) -> None:
    async with kit.raw_server(kit.always(kit.http(202))) as server:
        await exchanged(server.url, EMPTY_POST)
    assert b"\r\nContent-Length: 0\r\n" in server.requests[0]
    assert b"\r\nContent-Type: application/xml\r\n" in server.requests[0]


@pytest.mark.parametrize("request_", [POST, EMPTY_POST, DELETE, PUT], ids=lambda request: request.method)
async def test_what_is_no_longer_wanted_is_not_sent_though_the_connection_stood(kit: Any, request_: Request) -> None:
    asked: list[int] = []

    def wanted() -> bool:
        asked.append(len(server.wires))
        return False

    async with kit.raw_server(kit.always(kit.http(202))) as server:
        answer = await broken(server.url, request_, still_wanted=wanted)
        await asyncio.wait_for(server.met.wait(), 5)
        await asyncio.sleep(0.01)
    assert (answer.kind, answer.sent) == (Break.DECLINED, False)
    assert len(asked) == 1
    assert [wire.received for wire in server.wires] == [b""]


@pytest.mark.parametrize("request_", [POST, EMPTY_POST], ids=["body", "no body"])
async def test_the_last_look_is_in_the_step_of_the_loop_that_writes(kit: Any, request_: Request) -> None:
    """A stop that lands one turn after the last look must find the bytes gone already, not about to go."""
    writes: list[bytes] = []
    gone_one_turn_later: list[bool] = []

    class Watched(aiohttp.TCPConnector):
        async def connect(self, *args: Any, **kwargs: Any) -> Any:
            connection = await super().connect(*args, **kwargs)
            assert connection.protocol is not None
            connection.protocol.transport = cast("asyncio.Transport", Tap(connection.transport, writes))
            return connection

    def wanted() -> bool:
        asyncio.get_running_loop().call_soon(lambda: gone_one_turn_later.append(bool(writes)))
        return True

    async with kit.raw_server(kit.always(kit.http(202))) as server:
        await exchanged(server.url, request_, still_wanted=wanted, connectors=lambda *_: Watched(force_close=True))
    assert gone_one_turn_later == [True]


class Tap:
    """A transport whose writes are seen."""

    def __init__(self, transport: Any, writes: list[bytes]) -> None:
        self._transport = transport
        self._writes = writes

    def write(self, data: bytes) -> None:
        self._writes.append(bytes(data))
        self._transport.write(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@pytest.mark.parametrize("request_", [POST, EMPTY_POST], ids=["body", "no body"])
async def test_a_broken_invariant_in_the_last_look_is_never_turned_into_an_outcome(kit: Any, request_: Request) -> None:
    def wanted() -> bool:
        raise InvariantBroken("ours")

    async with kit.raw_server(kit.always(kit.http(202))) as server:
        with pytest.raises(InvariantBroken):
            await exchanged(server.url, request_, still_wanted=wanted)
    assert server.requests == []


async def test_a_refused_port_is_not_sent(kit: Any) -> None:
    async with kit.raw_server(kit.always(b"")) as server:
        url = server.url
    answer = await broken(url, POST)
    assert (answer.kind, answer.sent) == (Break.NO_CONNECTION, False)


async def test_a_name_that_does_not_exist_is_not_sent() -> None:
    answer = await broken("https://host.invalid", POST)
    assert (answer.kind, answer.sent) == (Break.NO_CONNECTION, False)


async def test_tls_against_a_plain_port_is_not_sent(kit: Any) -> None:
    async def plain(wire: Any) -> None:
        await wire.reader.read(1)
        await wire.answer(kit.http(400))

    async with kit.raw_server(plain) as server:
        answer = await broken(server.url.replace("http:", "https:"), POST)
    assert (answer.kind, answer.sent) == (Break.NO_CONNECTION, False)


async def test_a_deadline_while_connecting_is_not_sent() -> None:
    class Stuck(aiohttp.TCPConnector):
        async def connect(self, *_args: Any, **_kwargs: Any) -> Any:
            await asyncio.Event().wait()

    answer = await broken("http://127.0.0.1:1", POST, 0.02, connectors=lambda *_: Stuck())
    assert (answer.kind, answer.sent) == (Break.TIMEOUT, False)


async def test_no_free_connection_is_not_sent(kit: Any) -> None:
    first = asyncio.Event()

    async def silent(wire: Any) -> None:
        await wire.request()
        first.set()
        await asyncio.Event().wait()

    async with kit.raw_server(silent) as server:
        limits = TransportLimits(connect_s_max=0.02, connections_max=1)
        transport = Transport(parse_endpoint(server.url), limits=limits)
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(transport.exchange(POST, 1.0), name="slow")
            await first.wait()
            answer = await transport.exchange(POST, 5.0)
            server.stop()
        await transport.close()
    assert isinstance(answer, Broken)
    assert (answer.kind, answer.sent) == (Break.TIMEOUT, False)
    assert isinstance(slow.result(), Broken)


def behaviours(kit: Any) -> dict[str, Any]:
    async def reset_at_once(wire: Any) -> None:
        await wire.reader.read(1)
        wire.reset()

    async def reset_after(wire: Any) -> None:
        await wire.request()
        wire.reset()

    async def hang_up(wire: Any) -> None:
        await wire.request()

    async def silence(wire: Any) -> None:
        await wire.request()
        await asyncio.Event().wait()

    async def dribble(wire: Any) -> None:
        await wire.request()
        await wire.answer(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await wire.answer(b"x")
            await asyncio.sleep(0.005)

    return {
        "reset before it was read": (reset_at_once, Break.DISCONNECTED),
        "reset after": (reset_after, Break.DISCONNECTED),
        "no answer": (hang_up, Break.DISCONNECTED),
        "cut header": (kit.always(b"HTTP/1.1 202 Acc"), Break.DISCONNECTED),
        "cut body": (kit.always(kit.http(202, b"<Error>")[:-3]), Break.CUT),
        "silence": (silence, Break.TIMEOUT),
        "dribble": (dribble, Break.TIMEOUT),
        "not http": (kit.always(b"220 smtp ready\r\n\r\n"), Break.GARBLED),
        "huge header": (kit.always(b"HTTP/1.1 202 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"), Break.GARBLED),
    }


@pytest.mark.parametrize(
    "name",
    [
        *("reset before it was read", "reset after", "no answer", "cut header", "cut body", "silence", "dribble"),
        *("not http", "huge header"),
    ],
)
async def test_a_post_whose_answer_is_gone_was_sent_once_and_may_have_been_applied(kit: Any, name: str) -> None:
    behave, kind = behaviours(kit)[name]
    async with kit.raw_server(behave) as server:
        answer = await broken(server.url, POST, 0.05 if kind is Break.TIMEOUT else 5.0)
    assert (answer.kind, answer.sent) == (kind, True)
    assert len(server.wires) == 1


@pytest.mark.parametrize("request_", [DELETE, PUT], ids=["DELETE", "PUT"])
async def test_aiohttp_is_stopped_from_repeating_a_delete_or_put(kit: Any, request_: Request) -> None:
    async with kit.raw_server(behaviours(kit)["no answer"][0]) as server:
        answer = await broken(server.url, request_)
    assert (answer.kind, answer.sent) == (Break.REPEATED, True)
    assert len(server.requests) == 1


async def test_a_get_may_be_repeated_once_and_no_more(kit: Any) -> None:
    async with kit.raw_server(behaviours(kit)["no answer"][0]) as server:
        answer = await broken(server.url, GET)
    assert answer.kind is Break.DISCONNECTED
    assert len(server.requests) == 2


async def test_a_kept_connection_that_died_does_not_cost_a_post(kit: Any) -> None:
    """Reads keep their connection; a write takes a fresh one, so that its loss never comes from an old one."""

    async def keep(wire: Any) -> None:
        while await wire.request():
            await wire.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            wire.received = b""

    async with kit.raw_server(keep) as server:
        transport = Transport(parse_endpoint(server.url))
        for request in (GET, GET, POST, POST):
            assert isinstance(await transport.exchange(request, 5.0), Reply)
        await transport.close()
    assert len(server.wires) == 3


async def test_r10_a_reply_of_100_mb_is_cut_at_the_cap(kit: Any) -> None:
    sent = 0

    async def flood(wire: Any) -> None:
        nonlocal sent
        await wire.request()
        await wire.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        for _ in range(100):
            await wire.answer(bytes(1 << 20))
            sent += 1

    async with kit.raw_server(flood) as server:
        reply = await exchanged(server.url, POST)
    assert isinstance(reply, Reply)
    assert reply.oversize
    assert len(reply.body) == TransportLimits().reply_bytes_max
    assert sent < 50


async def test_the_reply_cap_is_a_setting(kit: Any) -> None:
    async with kit.raw_server(kit.always(kit.http(200, b"12345"))) as server:
        for cap, oversize in ((4, True), (5, False)):
            reply = await exchanged(server.url, GET, limits=TransportLimits(reply_bytes_max=cap))
            assert isinstance(reply, Reply)
            assert (reply.body, reply.oversize) == (b"12345"[:cap], oversize)


async def test_a_compressed_reply_is_not_inflated(kit: Any) -> None:
    bomb = gzip.compress(bytes(1 << 20))
    async with kit.raw_server(kit.always(kit.http(200, bomb, "Content-Encoding: gzip"))) as server:
        reply = await exchanged(server.url, GET)
    assert isinstance(reply, Reply)
    assert reply.body == bomb


async def test_r1_a_307_to_another_host_is_given_back_and_never_followed(kit: Any) -> None:
    async with kit.raw_server(kit.always(kit.http(202))) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        redirect = kit.http(307, b"", f"Location: {elsewhere}/s/x/?comp=upgrade")
        async with kit.raw_server(kit.always(redirect)) as server:
            for request in (POST, GET, DELETE):
                reply = await exchanged(server.url, request)
                assert isinstance(reply, Reply)
                assert reply.status == 307
    assert other.wires == []
    assert len(server.requests) == 3


async def test_r3_r4_a_307_to_the_same_host_or_to_itself_is_not_followed_either(kit: Any) -> None:
    for location in ("/s/x", "/other-subscription/x"):
        async with kit.raw_server(kit.always(kit.http(307, b"", f"Location: {location}"))) as server:
            reply = await exchanged(server.url, GET)
        assert isinstance(reply, Reply)
        assert reply.status == 307
        assert len(server.wires) == 1


async def test_cookies_are_not_kept_and_the_environment_is_not_asked(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with kit.raw_server(kit.always(kit.http(200, b"", "Set-Cookie: a=b; Path=/"))) as server:
        transport = Transport(parse_endpoint(server.url))
        for _ in range(2):
            assert isinstance(await transport.exchange(GET, 5.0), Reply)
        await transport.close()
    assert all(b"ookie" not in request for request in server.requests)


async def test_a_transport_can_be_closed_twice_and_before_its_first_use() -> None:
    transport = Transport(parse_endpoint("http://127.0.0.1:1"))
    await transport.close()
    await transport.close()


def test_every_way_to_break_has_its_words() -> None:
    assert set(PROSE) == set(Break)
