"""What aiohttp is asked to do and what its exceptions become, aiohttp itself being played by aioresponses.

No byte is sent here and no hook is called, so whether a byte had left is not the subject; sockets show that.
"""

import asyncio
import ssl as tls
from collections.abc import Iterator
from typing import Any, Final
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aioresponses import aioresponses
from yarl import URL

from rollout.platforms.classic.endpoint import parse_endpoint
from rollout.platforms.classic.exchange import Break, Broken, Exchange, Reply
from rollout.platforms.classic.request import Request
from rollout.platforms.classic.transport import Transport

HOME: Final = "https://management.core.windows.net"
PATH: Final = "/sub/services/hostedservices/svc/deployments/dep-1/?comp=upgrade"
POST: Final = Request("POST", PATH, b"<UpgradeDeployment/>")
KEY: Final = ConnectionKey("management.core.windows.net", 443, True, True, None, None, None)  # noqa: FBT003 -- aiohttp's own tuple


class Answer(aiohttp.ClientResponse):
    """A response that supplies the `stream_writer` aiohttp 3.14 wants and aioresponses does not know of."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=Mock(spec=aiohttp.abc.AbstractStreamWriter), **kwargs)


@pytest.fixture
def played() -> Iterator[aioresponses]:
    with aioresponses() as play:
        yield play


async def exchanged(request: Request) -> Exchange:
    transport = Transport(parse_endpoint(HOME))
    try:
        return await transport.exchange(request, 5.0)
    finally:
        await transport.close()


async def test_a_reply_is_read_with_every_value_of_its_headers(played: aioresponses) -> None:
    played.get(HOME + PATH, status=202, body=b"<x/>", headers={"X-MS-Request-Id": "a"}, response_class=Answer)
    reply = await exchanged(Request("GET", PATH))
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.header_values("x-ms-request-id")) == (202, b"<x/>", ("a",))


async def test_aiohttp_is_never_asked_to_follow_and_is_given_exact_bytes_and_limits(
    played: aioresponses,
) -> None:
    played.post(HOME + PATH, status=202, response_class=Answer)
    await exchanged(POST)
    (call,) = played.requests["POST", URL(HOME + PATH)]
    assert call.kwargs["allow_redirects"] is False
    assert call.kwargs["data"] == POST.body
    assert dict(call.kwargs["headers"]) == {
        "Accept": "application/xml",
        "Accept-Encoding": "identity",
        "Content-Type": "application/xml",
        "User-Agent": "rollout",
        "x-ms-version": "2015-09-01",
    }
    assert call.kwargs["timeout"].total is None
    assert call.kwargs["timeout"].sock_read == 5.0


async def test_a_307_is_followed_by_hand_once_with_the_same_call(played: aioresponses) -> None:
    below = "https://ussouth.management.core.windows.net"
    played.post(HOME + PATH, status=307, headers={"Location": below + PATH}, response_class=Answer)
    played.post(below + PATH, status=307, headers={"Location": HOME + PATH}, response_class=Answer)
    reply = await exchanged(POST)
    assert isinstance(reply, Reply)
    assert reply.status == 307
    first, second = (played.requests["POST", URL(origin + PATH)] for origin in (HOME, below))
    assert [call.kwargs["data"] for call in (*first, *second)] == [POST.body] * 2


@pytest.mark.parametrize("location", ["https://evil.example", "http://management.core.windows.net", ""])
async def test_a_307_to_anywhere_else_is_given_back(played: aioresponses, location: str) -> None:
    played.post(HOME + PATH, status=307, headers={"Location": location + PATH}, response_class=Answer)
    reply = await exchanged(POST)
    assert isinstance(reply, Reply)
    assert (reply.status, list(played.requests)) == (307, [("POST", URL(HOME + PATH))])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "no such name")), Break.NO_CONNECTION),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused")), Break.NO_CONNECTION),
        (aiohttp.ClientConnectorError(KEY, OSError(24, "too many open files")), Break.NO_CONNECTION),
        (aiohttp.ClientConnectorError(KEY, ConnectionResetError(104, "reset")), Break.HANDSHAKE),
        (aiohttp.ClientConnectorCertificateError(KEY, tls.CertificateError("expired")), Break.CERTIFICATE),
        (aiohttp.ConnectionTimeoutError("no connection in time"), Break.TIMEOUT),
        (aiohttp.SocketTimeoutError("no answer in time"), Break.TIMEOUT),
        (TimeoutError(), Break.TIMEOUT),
        (aiohttp.ServerDisconnectedError(), Break.DISCONNECTED),
        (aiohttp.ClientOSError(104, "reset by peer"), Break.DISCONNECTED),
        (aiohttp.ClientPayloadError("cut"), Break.CUT),
        (aiohttp.ClientConnectionError("closed"), Break.GARBLED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
async def test_each_exception_of_aiohttp_has_its_kind_and_its_sentence(
    played: aioresponses, error: Exception, kind: Break
) -> None:
    played.post(HOME + PATH, exception=error)
    broken = await exchanged(POST)
    assert isinstance(broken, Broken)
    assert broken.kind is kind
    assert "management.core.windows.net" in broken.detail


async def test_cancellation_is_nobodys_answer(played: aioresponses) -> None:
    played.post(HOME + PATH, exception=asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await exchanged(POST)
