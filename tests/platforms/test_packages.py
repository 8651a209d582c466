"""Whether packages are there: asked of their own hosts, with nothing shown and nothing fetched."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rollout.core.names import Digest
from rollout.core.prepare import Drawn, Order, Unfeasible
from rollout.platforms.classic import packages
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.classic.transport import tcp_connector

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
NEW, OLD, CONFIGURATION = (Digest(letter * 64) for letter in "abc")


def answering(*answers: bytes | None) -> Callable[[Any], Awaitable[None]]:
    """Answer one connection after another; None = hang up, and the last answer is for all that follow."""
    left = list(answers)

    async def behave(wire: Any) -> None:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if await wire.request() and answer is not None:
            await wire.answer(answer)

    return behave


async def prepared(kit: Any, behave: Any, *names: str) -> tuple[Any, Any]:
    """Order a configuration along with packages that lie on one host."""
    async with kit.raw_server(behave) as server:
        urls = [f"{server.url}/store/{name}.cspkg?sv=1&se=2026-11-27T12%3A00Z&sig=SECRET" for name in names]
        digests = (NEW, OLD)[: len(names)]
        shelf = kit.Shelf(
            {CONFIGURATION: kit.configuration()} | {d: u.encode() for d, u in zip(digests, urls, strict=True)}
        )
        platform = ClassicPlatform("http://127.0.0.1:1", shelf, request_timeout_s=5.0)
        made = await platform.prepare(Order(wanted=CONFIGURATION, packages=digests))
        await platform.close()
        return made, server


async def asked(kit: Any, behave: Any, timeout_s: float = 5.0) -> tuple[str | None, Any]:
    """Ask for one package without a pause between the attempts."""
    async with kit.raw_server(behave) as server:
        url = f"{server.url}/store/new.cspkg?sig=SECRET"
        return await packages.missing([url], tcp_connector, timeout_s, pause_s=0.0), server


async def test_packages_that_are_there_are_asked_for_and_not_fetched(kit: Any) -> None:
    made, server = await prepared(kit, answering(OK), "new", "old")
    assert isinstance(made, Drawn)
    heads = [request.split(b"\r\n")[0] for request in server.requests]
    assert heads == [
        b"HEAD /store/new.cspkg?sv=1&se=2026-11-27T12%3A00Z&sig=SECRET HTTP/1.1",
        b"HEAD /store/old.cspkg?sv=1&se=2026-11-27T12%3A00Z&sig=SECRET HTTP/1.1",
    ]
    assert not any(b"uthorization" in request or b"Cookie" in request for request in server.requests)


@pytest.mark.parametrize("status", [b"404 Not Found", b"403 Forbidden", b"302 Found\r\nLocation: http://127.0.0.1:1/"])
async def test_one_that_is_not_there_is_said_by_its_address_without_its_signature(kit: Any, status: bytes) -> None:
    made, server = await prepared(
        kit, answering(OK, b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"), "new", "old"
    )
    code = status.decode()[:3]
    assert made == Unfeasible(f"the package {server.url}/store/old.cspkg cannot be fetched: HTTP {code}")
    assert len(server.requests) == 2


async def test_a_store_that_is_busy_is_asked_again(kit: Any) -> None:
    busy = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    why, server = await asked(kit, answering(busy, busy, OK))
    assert why is None
    assert len(server.requests) == packages.ATTEMPTS_MAX
    why, server = await asked(kit, answering(busy))
    assert why == f"the package {server.url}/store/new.cspkg cannot be fetched: HTTP 503, 3 times"


async def test_a_store_that_hangs_up_is_not_asked_for_ever(kit: Any) -> None:
    why, server = await asked(kit, answering(None))
    assert why is not None
    assert why.startswith(f"the package {server.url}/store/new.cspkg cannot be fetched: no answer: ")
    assert "SECRET" not in why
    # The library repeats a question once by itself where a connection ends without an answer.
    assert len(server.requests) <= 2 * packages.ATTEMPTS_MAX


async def test_a_silent_store_is_waited_for_within_the_limit(kit: Any) -> None:
    async def silent(wire: Any) -> None:
        await wire.request()
        await asyncio.Event().wait()

    why, server = await asked(kit, silent, timeout_s=0.05)
    assert why == f"the package {server.url}/store/new.cspkg cannot be fetched: no answer in time, 3 times"


async def test_a_reference_that_is_no_url_is_said_before_anybody_is_asked(kit: Any) -> None:
    shelf = kit.Shelf({CONFIGURATION: kit.configuration(), NEW: b"\xff"})
    platform = ClassicPlatform("http://127.0.0.1:1", shelf)
    made = await platform.prepare(Order(wanted=CONFIGURATION, packages=(NEW,)))
    assert made == Unfeasible("the package reference is not a URL")
    assert "cannot be fetched" in str(await packages.missing(["relative/path"], tcp_connector, 1.0, pause_s=0.0))


async def test_what_cannot_be_drawn_is_said_first(kit: Any) -> None:
    platform = ClassicPlatform("http://127.0.0.1:1", kit.Shelf({NEW: b"http://127.0.0.1:1/a.cspkg"}))
    made = await platform.prepare(Order(packages=(NEW,)))
    assert isinstance(made, Unfeasible)
    assert "no service configuration" in made.reason
