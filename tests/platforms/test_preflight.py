"""The preflight tells a wrong certificate from a network fault, over real TLS on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from rollout.errors import EndpointUnreachable
from rollout.platforms.classic.endpoint import parse_endpoint
from rollout.platforms.classic.preflight import Knock, knock
from rollout.platforms.classic.reach import Stage, reach
from rollout.settings import RunSettings
from rollout.settings.model import Access, Certificate, Token

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
DATE = 784_111_777.0
ERROR = '<Error xmlns="http://schemas.microsoft.com/windowsazure"><Code>{}</Code><Message>It says so.</Message></Error>'


class World:
    """Authorities, and the files they make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = trustme.CA()
        self.managers = trustme.CA()

    @property
    def ca(self) -> Path:
        file = self.folder / "ca.pem"
        self.servers.cert_pem.write_to_path(str(file))
        return file

    def certificate(self, authority: trustme.CA) -> Path:
        file = self.folder / "management.pem"
        file.touch(mode=0o600)
        authority.issue_cert("manager.example").private_key_and_cert_chain_pem.write_to_path(str(file))
        return file

    def server(self, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, names: str = "localhost") -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = newest
        self.servers.issue_cert(names).configure_cert(context)
        self.managers.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def access(self, authority: trustme.CA | None) -> Access:
        return Access(certificate=Certificate(pem=self.certificate(authority)) if authority else None, ca=self.ca)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@asynccontextmanager
async def api(context: ssl.SSLContext, status: int = 404, code: str = "ResourceNotFound") -> AsyncIterator[str]:
    """Answer everything with one error of the API."""

    async def answer(_: web.Request) -> web.Response:
        headers = {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}
        return web.Response(status=status, text=ERROR.format(code), content_type="application/xml", headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def settings(url: str, access: Access | None = None) -> RunSettings:
    return RunSettings(url, Path("state"), request_timeout_s=5, access=access)


async def refusal(url: str, access: Access | None = None) -> str:
    with pytest.raises(EndpointUnreachable) as caught:
        await knock(settings(url, access), SUBSCRIPTION)
    assert caught.value.exit_code == 69
    return str(caught.value)


async def test_who_is_let_in_learns_the_time_and_how_long_it_took(world: World) -> None:
    ticks = iter([10.0, 10.5])
    async with api(world.server()) as url:
        answer = await knock(settings(url, world.access(world.managers)), SUBSCRIPTION, lambda: next(ticks))
    assert answer == Knock(seconds=0.5, date=DATE)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("shown", ["none", "foreign"])
async def test_r7_a_wrong_client_certificate_is_named_and_is_no_network_fault(
    newest: ssl.TLSVersion, shown: str, world: World
) -> None:
    async with api(world.server(newest=newest)) as url:
        said = await refusal(url, world.access(trustme.CA() if shown == "foreign" else None))
    assert "what is not accepted is ours" in said
    expected = "neither a certificate nor a token" if shown == "none" else f"the certificate in {world.folder}"
    assert expected in said
    assert "This is the network" not in said


async def test_a_certificate_the_subscription_does_not_know_is_named(world: World) -> None:
    async with api(world.server(), 403, "AuthenticationFailed") as url:
        said = await refusal(url, world.access(world.managers))
    assert "HTTP 403 AuthenticationFailed" in said
    assert f"check that the certificate in {world.folder}/management.pem was uploaded" in said


async def test_a_refused_token_is_named_and_not_shown(world: World) -> None:
    token = world.folder / "token"
    token.touch(mode=0o600)
    await asyncio.to_thread(token.write_text, "canary-token")
    context = world.server()
    context.verify_mode = ssl.CERT_NONE
    async with api(context, 401, "AuthenticationFailed") as url:
        said = await refusal(url, Access(token=Token(file=token), ca=world.ca))
    assert "check that the token is for https://management.core.windows.net/" in said
    assert "canary" not in said


async def test_nobody_listening_is_the_network(world: World, unused_tcp_port: int) -> None:
    said = await refusal(f"https://localhost:{unused_tcp_port}", world.access(world.managers))
    assert "no connection to localhost" in said
    assert "This is the network" in said
    assert "what is not accepted is ours" not in said


async def test_r5_r6_an_untrusted_endpoint_is_its_own_certificate(world: World) -> None:
    async with api(world.server()) as url:
        said = await refusal(url, Access(certificate=Certificate(pem=world.certificate(world.managers))))
        assert "This is the endpoint's own certificate" in said
    async with api(world.server(names="other.example")) as url:
        said = await refusal(url, world.access(world.managers))
        assert "This is the endpoint's own certificate" in said
        assert "Hostname mismatch" in said


async def test_something_else_than_tls_is_the_address(kit: Any, world: World) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(kit.http(400))
        await writer.drain()
        writer.close()

    async with listening(plain) as port:
        said = await refusal(f"https://localhost:{port}", world.access(None))
    assert "This is the address: something else than the API listens there" in said


async def test_a_name_that_nobody_knows_is_the_network() -> None:
    found = await reach(parse_endpoint("https://management.invalid"))
    assert found.stage is Stage.NO_NAME
    assert "management.invalid" in found.words


async def test_who_never_answers_is_given_up_in_time(world: World) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with listening(silent) as port:
        found = await reach(parse_endpoint(f"https://127.0.0.1:{port}"), seconds_max=0.05)
    assert found.stage is Stage.NO_CONNECTION
    assert "does not answer within 0.05 s" in found.words
    assert world.folder.exists()


@asynccontextmanager
async def listening(
    behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Serve on a free port; whoever is still connected at the end is cut off."""
    writers: list[asyncio.StreamWriter] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await behave(reader, writer)

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)
