"""The classic platform as the engine sees it, against raw loopback servers: values out, one attempt in."""

import asyncio
import ssl as tls
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from structlog.testing import capture_logs

from rollout.core.names import Digest, ServiceName, Slot, Target
from rollout.core.operation import RollBack, StartUpgrade, Walk
from rollout.core.outcome import Accepted, Handle, Lost, Refused, RefusedKind, Running, Succeeded, Unreachable
from rollout.core.snapshot import Absent, Snapshot
from rollout.errors import EndpointUnreachable, JournalDamaged, UsageError
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.classic.transport import TransportLimits
from rollout.platforms.platform import Platform, RollbackSupport

HTML = b"<!DOCTYPE html><html>sig=CANARY " + b"x" * 5_000 + b"</html>"


def accepted(kit: Any) -> bytes:
    reply: bytes = kit.http(202, b"", f"x-ms-request-id: {kit.request_id}")
    return reply


def golden(kit: Any, name: str, status: int = 200) -> bytes:
    reply: bytes = kit.http(status, (kit.golden / f"{name}.response.xml").read_bytes())
    return reply


def test_it_is_a_platform(kit: Any) -> None:
    platform: Platform = kit.platform_at("http://127.0.0.1:1")
    assert platform.write_scope(kit.target()) == kit.subscription
    assert platform.capabilities.rollback is RollbackSupport.WHILE_IN_PROGRESS
    assert not platform.capabilities.begin_starts_first_domain


@pytest.mark.parametrize("operation", ["upgrade", "walk", "rollback"])
async def test_a_submit_is_one_attempt_with_one_last_look(kit: Any, operation: str) -> None:
    operations = {"upgrade": kit.upgrade(), "walk": Walk(0), "rollback": RollBack()}
    ticket = kit.Ticket()
    async with kit.raw_server(kit.always(accepted(kit))) as server:
        platform = kit.platform_at(server.url)
        outcome = await platform.submit(kit.target(), operations[operation], ticket)
        await platform.close()
    assert outcome == Accepted(Handle(kit.subscription, kit.request_id))
    assert ticket.asked == 1
    assert len(server.requests) == 1


async def test_what_is_no_longer_wanted_is_refused_as_not_sent_and_the_server_sees_no_byte(kit: Any) -> None:
    async with kit.raw_server(kit.always(accepted(kit))) as server:
        platform = kit.platform_at(server.url)
        outcome = await platform.submit(kit.target(), kit.upgrade(), kit.Ticket(wanted=False))
        await platform.close()
        await asyncio.wait_for(server.met.wait(), 5)
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.NOT_SENT
    assert server.requests == []


@pytest.mark.parametrize("reply", ["throttled", "busy", "redirect", "internal", "html", "hang up", "flood"])
async def test_a_submit_is_never_repeated_whatever_the_answer(kit: Any, reply: str) -> None:
    raw = {
        "throttled": golden(kit, "error.too-many-requests", 503),
        "busy": golden(kit, "error.locked", 409),
        "redirect": kit.http(307, b"", "Location: https://elsewhere.example/"),
        "internal": golden(kit, "error.internal", 500),
        "html": kit.http(200, HTML),
        "hang up": b"",
        "flood": kit.http(500, bytes(3 << 20)),
    }[reply]
    expected = {"throttled": RefusedKind.THROTTLED, "busy": RefusedKind.BUSY, "redirect": RefusedKind.REJECTED}
    async with kit.raw_server(kit.always(raw)) as server:
        platform = kit.platform_at(server.url)
        outcome = await platform.submit(kit.target(), Walk(1), kit.Ticket())
        await platform.close()
    assert len(server.requests) == 1
    if reply in expected:
        assert isinstance(outcome, Refused)
        assert outcome.kind is expected[reply]
    else:
        assert isinstance(outcome, Lost)
    assert "CANARY" not in str(outcome)


async def test_the_tickets_deadline_ends_a_submit_and_it_counts_as_lost(kit: Any) -> None:
    async def silence(wire: Any) -> None:
        await wire.request()
        await asyncio.Event().wait()

    async with kit.raw_server(silence) as server:
        platform = kit.platform_at(server.url)
        outcome = await platform.submit(kit.target(), Walk(0), kit.Ticket(timeout_s=0.03))
        await platform.close()
    assert isinstance(outcome, Lost)


async def test_what_the_api_could_only_refuse_is_refused_here_and_not_sent(kit: Any) -> None:
    async with kit.raw_server(kit.always(accepted(kit))) as server:
        platform = kit.platform_at(server.url)
        outcome = await platform.submit(kit.target(), kit.upgrade("x" * 101), kit.Ticket())
        await platform.close()
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.REJECTED
    assert "101 characters" in outcome.error
    assert server.wires == []


async def test_a_payload_the_state_directory_has_lost_is_our_own_error(kit: Any) -> None:
    platform = kit.platform_at("http://127.0.0.1:1")
    missing = StartUpgrade(Digest("0" * 64), Digest("1" * 64), "l", {})
    with pytest.raises(JournalDamaged):
        await platform.submit(kit.target(), missing, kit.Ticket())


async def test_a_deployment_is_looked_at_by_name_where_known_and_by_slot_otherwise(kit: Any) -> None:
    async with kit.raw_server(kit.always(golden(kit, "deployment.running"))) as server:
        platform = kit.platform_at(server.url)
        for target in (kit.target(), kit.target(None)):
            assert isinstance(await platform.observe(target), Snapshot)
        await platform.close()
    paths = [request.split(b" ")[1] for request in server.requests]
    base = f"/{kit.subscription}/services/hostedservices/svc-0001".encode()
    assert paths == [base + b"/deployments/dep-1", base + b"/deploymentslots/Production"]


async def test_an_operation_is_polled_under_the_scope_and_id_of_its_handle(kit: Any) -> None:
    async with kit.raw_server(kit.always(golden(kit, "operation.succeeded"))) as server:
        platform = kit.platform_at(server.url)
        assert await platform.poll(Handle(kit.subscription, kit.request_id)) == Succeeded()
        assert isinstance(await platform.poll(Handle(kit.subscription, "f" * 32)), Unreachable)
        await platform.close()
    assert server.requests[0].startswith(f"GET /{kit.subscription}/operations/{kit.request_id} HTTP".encode())


async def test_x27_a_word_nobody_knows_is_warned_about_once(kit: Any) -> None:
    body = (kit.golden / "operation.in-progress.response.xml").read_bytes().replace(b"InProgress", b"Pondering")
    async with kit.raw_server(kit.always(kit.http(200, body))) as server:
        platform = kit.platform_at(server.url)
        with capture_logs() as logs:
            for _ in range(3):
                assert await platform.poll(Handle(kit.subscription, kit.request_id)) == Running()
        await platform.close()
    assert [(entry["event"], entry["element"], entry["value"]) for entry in logs] == [
        ("unknown_word", "Operation/Status", "Pondering")
    ]


async def test_a_name_that_cannot_stand_in_a_path_is_no_evidence_and_nothing_is_sent(kit: Any) -> None:
    platform = kit.platform_at("http://127.0.0.1:1")
    nameless = Target(kit.subscription, ServiceName(".."), Slot.PRODUCTION)
    assert isinstance(await platform.observe(nameless), Unreachable)
    assert isinstance(await platform.poll(Handle("", "")), Unreachable)
    outcome = await platform.submit(nameless, Walk(0), kit.Ticket())
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.REJECTED


def test_an_http_endpoint_off_loopback_is_refused(kit: Any) -> None:
    with pytest.raises(UsageError, match="loopback"):
        kit.platform_at("http://management.example")


async def test_proof_is_what_the_api_itself_says_even_absence_and_throttling(kit: Any) -> None:
    for raw, kind in (
        (golden(kit, "deployment.running"), Snapshot),
        (golden(kit, "error.empty-slot", 404), Absent),
        (golden(kit, "error.too-many-requests", 503), Unreachable),
    ):
        async with kit.raw_server(kit.always(raw)) as server:
            platform = kit.platform_at(server.url)
            assert isinstance(await platform.prove(kit.target()), kind)
            await platform.close()


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (("http", 200, HTML), "not as the Service Management API does: HTTP 200"),
        (("http", 404, b"not found"), "not as the Service Management API does: HTTP 404"),
        (("http", 200, b""), "an empty body"),
        (("http", 307, b"", "Location: https://ussouth.example/x"), "host ussouth.example"),
        (("error", 403, "AuthenticationFailed"), "management certificate"),
        (("error", 401, "AuthenticationFailed"), "management certificate"),
        (("error", 400, "MissingOrIncorrectVersionHeader"), "2015-09-01"),
        (("raw", b"SSH-2.0-OpenSSH\r\n"), "no usable answer"),
        (("raw", b""), "no usable answer"),
    ],
    ids=["html", "404 text", "empty", "redirect", "403", "401", "version", "ssh", "hang up"],
)
async def test_proof_tells_a_person_what_answers_instead(kit: Any, raw: tuple[Any, ...], sentence: str) -> None:
    kind, *rest = raw
    framed = {
        "http": lambda: kit.http(*rest),
        "error": lambda: kit.http(rest[0], kit.error_body(rest[1], "no")),
        "raw": lambda: rest[0],
    }[kind]()
    async with kit.raw_server(kit.always(framed)) as server:
        platform = kit.platform_at(server.url)
        with pytest.raises(EndpointUnreachable, match=sentence) as caught:
            await platform.prove(kit.target())
        await platform.close()
    assert server.url in str(caught.value)
    assert "CANARY" not in str(caught.value)
    assert len(str(caught.value)) < 500


async def test_proof_names_an_address_where_nothing_answers(kit: Any) -> None:
    async with kit.raw_server(kit.always(b"")) as server:
        url = server.url
    platform = kit.platform_at(url)
    with pytest.raises(EndpointUnreachable, match=f"nothing answers at {url}"):
        await platform.prove(kit.target())
    with pytest.raises(EndpointUnreachable, match="cannot be asked"):
        await platform.prove(Target(kit.subscription, ServiceName(""), Slot.PRODUCTION))
    await platform.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, with its key, in one file."""
    openssl = which("openssl")
    if openssl is None:
        pytest.skip("no openssl command to make a certificate with")
    path = tmp_path / "server.pem"
    subprocess.run(  # noqa: S603  # fixed arguments; the program was looked up by name
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", f"{path}.c"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + Path(f"{path}.c").read_text())
    return path


async def answered_over_tls(kit: Any, certificate: Path, context: tls.SSLContext | None) -> tuple[str, Any]:
    """Look once at a TLS server that answers a golden deployment."""
    server_context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = kit.Wire(reader, writer)
        if await wire.request():
            await wire.answer(golden(kit, "deployment.running"))
        writer.close()

    listener = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=server_context)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    platform = ClassicPlatform(url, kit.Shelf({}), credentials=kit.shown(context))
    try:
        return url, await platform.prove(kit.target())
    except EndpointUnreachable as error:
        return url, error
    finally:
        await platform.close()
        listener.close()
        await listener.wait_closed()


async def test_a_server_certificate_nobody_vouches_for_is_named_as_the_cause(kit: Any, certificate: Path) -> None:
    url, error = await answered_over_tls(kit, certificate, None)
    assert isinstance(error, EndpointUnreachable)
    assert f"the certificate of {url} is not trusted" in str(error)


async def test_a_given_tls_context_is_used(kit: Any, certificate: Path) -> None:
    _, seen = await answered_over_tls(kit, certificate, tls.create_default_context(cafile=certificate))
    assert isinstance(seen, Snapshot)


async def test_r7_a_hang_up_over_tls_points_at_the_client_certificate(kit: Any, certificate: Path) -> None:
    context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await kit.Wire(reader, writer).request()
        writer.close()

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    shown = kit.shown(tls.create_default_context(cafile=certificate))
    platform = ClassicPlatform(url, kit.Shelf({}), credentials=shown)
    with pytest.raises(EndpointUnreachable, match="client certificate"):
        await platform.prove(kit.target())
    await platform.close()
    listener.close()
    await listener.wait_closed()


async def test_an_oversized_deployment_is_no_evidence_never_an_empty_one(kit: Any) -> None:
    async with kit.raw_server(kit.always(golden(kit, "deployment.running"))) as server:
        platform = kit.platform_at(server.url, limits=TransportLimits(reply_bytes_max=100))
        seen = await platform.observe(kit.target())
        await platform.close()
    assert isinstance(seen, Unreachable)
    assert "over the cap" in seen.detail
