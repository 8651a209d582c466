import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from rollout.errors import EndpointUnreachable
from rollout.remote.address import address_of
from rollout.remote.wire import Call, Wire
from rollout.settings import Secret

LIST = Call("GET", "/v1/rollouts")


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def url(authority: trustme.CA) -> AsyncIterator[str]:
    """Serve over TLS with a certificate of an authority that nobody knows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"items": []})

    app = web.Application()
    app.router.add_get("/v1/rollouts", answer)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    yield f"https://127.0.0.1:{server.port}"
    await server.close()


async def test_a_daemon_is_trusted_by_the_authority_that_was_named(
    url: str, authority: trustme.CA, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    async with Wire(address_of(url, file), Secret("a-token-of-a-person")) as wire:
        assert (await wire.ask(LIST)).body == b'{"items": []}'


async def test_a_certificate_that_nobody_vouches_for_ends_it_at_once(url: str) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with Wire(address_of(url), Secret("a-token-of-a-person"), pause=pause) as wire:
        with pytest.raises(EndpointUnreachable, match="its certificate cannot be trusted; name its authority"):
            await wire.ask(LIST)
    assert pauses == []
