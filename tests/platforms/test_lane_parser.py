"""The framing of replies: a contract with parsers that promise us nothing, and the traps they were found to have."""

import pytest
from aiohttp import http_parser

from rollout.platforms.classic.lane_parser import KEPT_BYTES_MAX, NOTHING, Arrived, Framing, Garbled, replies

CAP = 4_096
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: 1\r\nx-one: 2\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"


@pytest.fixture(params=list(Framing))
def framing(request: pytest.FixtureRequest) -> Framing:
    if request.param is Framing.HTTPTOOLS:
        pytest.importorskip("httptools")
    return Framing(request.param)


def replied(arrived: Arrived) -> list[tuple[int, bytes]]:
    return list(zip(arrived.statuses, arrived.bodies, strict=True))


def values(arrived: Arrived, name: str, at: int = 0) -> list[str] | None:
    headers = arrived.headers(at)
    return None if headers is None else [value for key, value in headers if key.lower() == name]


async def test_aiohttps_parser_is_the_one_in_c() -> None:
    assert http_parser.HttpResponseParser.__module__ == "aiohttp._http_parser"


async def test_replies_are_given_whole_wherever_the_stream_is_cut(framing: Framing) -> None:
    stream = PLAIN + CHUNKED + PLAIN
    for at in range(len(stream)):
        lane = replies(framing, CAP)
        arrived = [lane.feed(part) for part in (stream[:at], stream[at:]) if part]
        assert [reply for each in arrived for reply in replied(each)] == [(200, b"hello")] * 3
        assert all(each.keeps for each in arrived)


async def test_a_reply_is_not_given_while_one_byte_is_missing(framing: Framing) -> None:
    for stream in (PLAIN, CHUNKED):
        lane = replies(framing, CAP)
        given = [lane.feed(stream[at : at + 1]) for at in range(len(stream))]
        assert [len(each.bodies) for each in given] == [0] * (len(stream) - 1) + [1]


async def test_every_value_of_a_repeated_header_is_kept(framing: Framing) -> None:
    arrived = replies(framing, CAP).feed(PLAIN)
    assert values(arrived, "x-one") == ["1", "2"]


async def test_headers_belong_to_their_reply_wherever_the_stream_is_cut(framing: Framing) -> None:
    stream = b"".join(
        b"HTTP/1.1 200 OK\r\nX-Number: %d\r\nContent-Length: %d\r\n\r\n%b" % (number, len(body), body)
        for number, body in enumerate((b"hello", b"", b"hello", b"x"))
    )
    for first in range(1, len(stream)):
        for second in (first + 1, first + 40, len(stream)):
            lane, numbers = replies(framing, CAP), []
            for chunk in (stream[:first], stream[first:second], stream[second:]):
                arrived = lane.feed(chunk) if chunk else NOTHING
                numbers += [values(arrived, "x-number", at) for at in range(len(arrived.bodies))]
            assert numbers == [["0"], ["1"], ["2"], ["3"]]


async def test_headers_are_not_kept_without_bound_where_no_chunk_ends_with_a_reply() -> None:
    pytest.importorskip("httptools")
    lane, cut = replies(Framing.HTTPTOOLS, CAP), len(PLAIN) // 2
    lane.feed(PLAIN[:cut])
    first = lane.feed(PLAIN[cut:] + PLAIN[:cut])
    assert values(first, "x-one") == ["1", "2"]
    for _ in range(KEPT_BYTES_MAX // len(PLAIN)):
        lane.feed(PLAIN[cut:] + PLAIN[:cut])
    assert values(lane.feed(PLAIN[cut:]), "x-one") is None
    assert values(lane.feed(PLAIN), "x-one") == ["1", "2"]


async def test_a_compressed_body_is_given_as_it_came(framing: Framing) -> None:
    arrived = replies(framing, CAP).feed(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxy")
    assert list(arrived.bodies) == [b"xy"]


async def test_a_connection_that_the_server_gives_up_is_told(framing: Framing) -> None:
    for stream in (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.0 204 x\r\n\r\n"):
        arrived = replies(framing, CAP).feed(stream)
        assert len(arrived.bodies) == 1
        assert not arrived.keeps


async def test_a_reply_without_a_length_is_never_taken_for_a_whole_one_with_a_body(framing: Framing) -> None:
    try:
        arrived = replies(framing, CAP).feed(b"HTTP/1.1 200 OK\r\n\r\nhello")
    except Garbled:
        return
    assert not any(arrived.bodies)


@pytest.mark.parametrize(
    "stream",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 5_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
)
async def test_what_cannot_be_framed_or_is_too_large_is_garbled(framing: Framing, stream: bytes) -> None:
    with pytest.raises(Garbled):
        replies(framing, CAP).feed(stream)
