"""TLS on real sockets: who is shown our certificate, token and body, and how each TLS fault is named to a person."""

import asyncio
import ssl as tls
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import trustme

from rollout.core.operation import Walk
from rollout.core.outcome import Accepted, Refused, RefusedKind, Unreachable
from rollout.core.snapshot import Snapshot
from rollout.errors import EndpointUnreachable
from rollout.platforms.classic.access import Plain
from rollout.platforms.classic.platform import ClassicPlatform

HOST: Final = "localhost"
TOKEN: Final = "Bearer CANARY-TOKEN"  # noqa: S105 -- planted to be looked for, no secret of anybody
READ_AHEAD: Final = 1 << 16


class Shown(Plain):
    """A certificate and a token."""

    async def authorization(self) -> str | None:
        return TOKEN


class Endpoint:
    """One TLS server: the handshakes begun with it, the certificates shown to it, and what it was sent."""

    def __init__(self) -> None:
        self.hellos = 0
        self.certificates: list[object] = []
        self.requests: list[bytes] = []
        self.url = ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, *names: str, ask: bool = True, **validity: Any) -> tls.SSLContext:
    """Make a server's context; `ask` for a client certificate of the same authority."""
    context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or (HOST, "127.0.0.1")), **validity).configure_cert(context)
    if ask:
        authority.configure_trust(context)
        context.verify_mode = tls.CERT_REQUIRED
    return context


def client_context(authority: trustme.CA, own: trustme.CA | None) -> tls.SSLContext:
    """Make a client's context; `own` is the authority of its certificate, None = it has none."""
    context = tls.create_default_context()
    authority.configure_trust(context)
    if own is not None:
        own.issue_cert("client@rollout.example").configure_cert(context)
    return context


@asynccontextmanager
async def endpoint(kit: Any, context: tls.SSLContext, answer: Any) -> AsyncIterator[Endpoint]:
    """Serve `answer(request)` over TLS on a free port."""
    served = Endpoint()

    def hello(_socket: object, _name: str | None, _context: object) -> None:
        served.hellos += 1

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.certificates.append(writer.get_extra_info("peercert"))
        wire = kit.Wire(reader, writer)
        try:
            if request := await wire.request():
                served.requests.append(request)
                await wire.answer(answer(request))
        finally:
            writer.close()

    context.sni_callback = hello
    listener = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=context)
    served.url = f"https://{HOST}:{listener.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        listener.close()
        await listener.wait_closed()


def deployment(kit: Any) -> bytes:
    raw: bytes = kit.http(200, (kit.golden / "deployment.running.response.xml").read_bytes())
    return raw


def platform_at(kit: Any, url: str, context: tls.SSLContext | None) -> ClassicPlatform:
    payloads = {
        kit.package: b"https://acct.blob.example/c/app.cspkg?sig=CANARY-BODY",
        kit.configuration_digest: kit.configuration(),
    }
    shown = Shown(context)
    return ClassicPlatform(url, kit.Shelf(payloads), credentials=lambda _: shown, request_timeout_s=5.0)


def to(kit: Any, origin: str) -> Any:
    """Answer with a 307 to the same path at `origin`."""

    def answer(request: bytes) -> bytes:
        raw: bytes = kit.http(307, b"", f"Location: {origin}{request.split(b' ')[1].decode()}")
        return raw

    return answer


async def test_r1_another_host_sees_neither_certificate_nor_token_nor_body(kit: Any, authority: trustme.CA) -> None:
    def accept(_: bytes) -> bytes:
        raw: bytes = kit.http(202, b"", f"x-ms-request-id: {kit.request_id}")
        return raw

    async with endpoint(kit, server_context(authority), accept) as other:
        elsewhere = f"https://127.0.0.1:{other.port}"
        async with endpoint(kit, server_context(authority), to(kit, elsewhere)) as first:
            platform = platform_at(kit, first.url, client_context(authority, authority))
            outcome = await platform.submit(kit.target(), kit.upgrade(), kit.Ticket())
            seen = await platform.observe(kit.target())
            await platform.close()
        assert (other.hellos, other.certificates, other.requests) == (0, [], [])
    assert outcome == Refused(RefusedKind.REJECTED, "HTTP 307 to host 127.0.0.1, which is not followed there")
    assert isinstance(seen, Unreachable)
    assert [TOKEN.encode() in request for request in first.requests] == [True, True]
    assert b"CANARY" not in str(outcome).encode()


async def test_one_hop_to_the_same_host_shows_certificate_token_and_body_again(kit: Any, authority: trustme.CA) -> None:
    def accept(_: bytes) -> bytes:
        raw: bytes = kit.http(202, b"", f"x-ms-request-id: {kit.request_id}")
        return raw

    async with endpoint(kit, server_context(authority), accept) as other:
        async with endpoint(kit, server_context(authority), to(kit, other.url)) as first:
            platform = platform_at(kit, first.url, client_context(authority, authority))
            outcome = await platform.submit(kit.target(), kit.upgrade(), kit.Ticket())
            await platform.close()
        assert (other.hellos, [bool(each) for each in other.certificates]) == (1, [True])
        (request,) = other.requests
    assert isinstance(outcome, Accepted)
    assert TOKEN.encode() in request
    assert request.partition(b"\r\n\r\n")[2] == first.requests[0].partition(b"\r\n\r\n")[2] != b""


async def test_r2_a_redirect_into_the_clear_is_refused(kit: Any, authority: trustme.CA) -> None:
    async with kit.raw_server(kit.always(kit.http(202))) as clear:
        origin = f"http://{HOST}:{clear.port}"
        async with endpoint(kit, server_context(authority), to(kit, origin)) as first:
            platform = platform_at(kit, first.url, client_context(authority, authority))
            outcome = await platform.submit(kit.target(), Walk(0), kit.Ticket())
            await platform.close()
    assert isinstance(outcome, Refused)
    assert (outcome.kind, clear.wires) == (RefusedKind.REJECTED, [])


async def proven(kit: Any, url: str, context: tls.SSLContext | None) -> Snapshot | str:
    """Prove an endpoint: what it showed, or what a person is told."""
    platform = platform_at(kit, url, context)
    try:
        seen = await platform.prove(kit.target())
    except EndpointUnreachable as error:
        return str(error)
    finally:
        await platform.close()
    assert isinstance(seen, Snapshot)
    return seen


async def test_the_right_certificate_on_both_sides_proves_the_endpoint(kit: Any, authority: trustme.CA) -> None:
    async with endpoint(kit, server_context(authority), lambda _: deployment(kit)) as served:
        assert isinstance(await proven(kit, served.url, client_context(authority, authority)), Snapshot)


PAST: Final = {"not_before": datetime(2016, 1, 1, tzinfo=UTC), "not_after": datetime(2016, 2, 1, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("names", "validity", "cause"),
    [
        ((), PAST, "certificate has expired"),
        (("other.example",), {}, "Hostname mismatch"),
    ],
    ids=["r5 expired", "r6 wrong name"],
)
async def test_r5_r6_a_wrong_server_certificate_is_named_and_neither_shown_anything_nor_tried_again(
    kit: Any, authority: trustme.CA, names: tuple[str, ...], validity: Any, cause: str
) -> None:
    context = server_context(authority, *names, **validity)
    async with endpoint(kit, context, lambda _: deployment(kit)) as served:
        told = await proven(kit, served.url, client_context(authority, authority))
        assert served.hellos == 1
        platform = platform_at(kit, served.url, client_context(authority, authority))
        outcome = await platform.submit(kit.target(), Walk(0), kit.Ticket())
        await platform.close()
        assert (served.hellos, served.requests) == (2, [])
    assert isinstance(told, str)
    assert f"the certificate of {served.url} is not trusted" in told
    assert cause in told
    assert isinstance(outcome, Refused)
    assert (outcome.kind, cause in outcome.error) == (RefusedKind.NOT_SENT, True)


async def test_r5_an_authority_nobody_knows_is_named(kit: Any, authority: trustme.CA) -> None:
    async with endpoint(kit, server_context(trustme.CA()), lambda _: deployment(kit)) as served:
        told = await proven(kit, served.url, client_context(authority, authority))
    assert isinstance(told, str)
    assert "is not trusted" in told
    assert served.requests == []


@pytest.mark.parametrize("newest", [tls.TLSVersion.TLSv1_2, tls.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("own", ["none", "wrong"])
async def test_r7_a_missing_or_wrong_client_certificate_is_named_though_it_looks_like_a_hang_up(
    kit: Any, authority: trustme.CA, own: str, newest: tls.TLSVersion
) -> None:
    context = server_context(authority)
    context.maximum_version = newest
    async with endpoint(kit, context, lambda _: deployment(kit)) as served:
        told = await proven(kit, served.url, client_context(authority, trustme.CA() if own == "wrong" else None))
    assert isinstance(told, str)
    assert "client certificate" in told
    assert served.requests == []


@asynccontextmanager
async def alerting(context: tls.SSLContext) -> AsyncIterator[str]:
    """Serve TLS that sends its alert before it closes, as a careful server does."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        into, out = tls.MemoryBIO(), tls.MemoryBIO()
        session = context.wrap_bio(into, out, server_side=True)
        try:
            while True:
                try:
                    session.do_handshake()
                    break
                except tls.SSLWantReadError:
                    writer.write(out.read())
                    into.write(await reader.read(READ_AHEAD))
        except tls.SSLError:
            writer.write(out.read())
            await writer.drain()
            writer.write_eof()
            await reader.read()
        finally:
            writer.close()

    listener = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield f"https://{HOST}:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        await listener.wait_closed()


@pytest.mark.parametrize("newest", [tls.TLSVersion.TLSv1_2, tls.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("own", ["none", "wrong"])
async def test_r7_an_alert_about_our_certificate_is_taken_at_its_word(
    kit: Any, authority: trustme.CA, own: str, newest: tls.TLSVersion
) -> None:
    context = server_context(authority)
    context.maximum_version = newest
    async with alerting(context) as url:
        told = await proven(kit, url, client_context(authority, trustme.CA() if own == "wrong" else None))
    assert isinstance(told, str)
    assert "does not accept our management certificate, or wants one" in told


async def test_a_network_fault_is_not_blamed_on_the_certificate(kit: Any, authority: trustme.CA) -> None:
    async with endpoint(kit, server_context(authority), lambda _: deployment(kit)) as served:
        url = served.url
    told = await proven(kit, url, client_context(authority, authority))
    assert isinstance(told, str)
    assert f"nothing answers at {url}" in told
    assert "certificate" not in told
