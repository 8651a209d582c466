"""The one hop: where a 307 is followed to, where it is not, and that it belongs to the one attempt."""

import asyncio
from typing import Any

import pytest

from rollout.core.operation import Walk
from rollout.core.outcome import Accepted, Handle, Lost, Refused, RefusedKind
from rollout.core.snapshot import Snapshot
from rollout.platforms.classic.endpoint import parse_endpoint
from rollout.platforms.classic.exchange import Reply
from rollout.platforms.classic.hop import onward
from rollout.platforms.classic.request import Request

HOME = "https://management.core.windows.net"
PATH = "/sub/services/hostedservices/svc/deploymentslots/Production/?comp=upgrade"
POST = Request("POST", PATH, b"<x/>")


def sent_on(location: str | None, *, endpoint: str = HOME, status: int = 307, request: Request = POST) -> str | None:
    headers = () if location is None else (("location", location),)
    return onward(Reply(status, headers), request, parse_endpoint(endpoint))


@pytest.mark.parametrize(
    ("origin", "endpoint"),
    [
        ("https://management.core.windows.net", HOME),
        ("https://ussouth.management.core.windows.net", HOME),
        ("https://a.b.management.core.windows.net:8443", HOME),
        ("https://management.core.windows.net:8443", HOME),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8080"),
        ("http://localhost:8081", "http://localhost"),
        ("http://[::1]:8081", "http://[::1]:8080"),
    ],
)
def test_the_same_host_or_one_below_it_is_followed_and_the_port_may_differ(origin: str, endpoint: str) -> None:
    assert sent_on(origin + PATH, endpoint=endpoint) == origin


def test_host_names_are_compared_without_regard_to_case() -> None:
    assert (
        sent_on(f"https://USSouth.Management.core.windows.net{PATH}") == "https://ussouth.management.core.windows.net"
    )
    assert sent_on(f"{HOME}{PATH}", endpoint="https://Management.Core.Windows.Net") == HOME


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        PATH,
        f"//management.core.windows.net{PATH}",
        f"http://management.core.windows.net{PATH}",
        f"https://evil.example{PATH}",
        f"https://evilmanagement.core.windows.net{PATH}",
        f"https://management.core.windows.net.evil.example{PATH}",
        f"https://core.windows.net{PATH}",
        f"https://.management.core.windows.net{PATH}",
        f"https://user@management.core.windows.net{PATH}",
        f"https://evil.example\\@management.core.windows.net{PATH}",
        f"https://evil.example\\.management.core.windows.net{PATH}",
        f"https://evil.example/.management.core.windows.net{PATH}",
        f"https://evil.example?.management.core.windows.net{PATH}",
        f"https://management.core.windows.net:443x{PATH}",
        f"https://[management.core.windows.net{PATH}",
        f"{HOME}{PATH}#fragment",
        f"{HOME}/other{PATH}",
        f"{HOME}{PATH}&x=y",
        f"{HOME}{PATH.partition('?')[0]}",
        f"{HOME}{PATH.replace('/sub/', '/other-subscription/')}",
        f"{HOME}{PATH.replace('/sub/', '/%73ub/')}",
        f"{HOME}\t{PATH}",
        f"https://ussouth.mänagement.core.windows.net{PATH}",
    ],
)
def test_r1_r2_r4_anything_else_is_not_followed(location: str | None) -> None:
    assert sent_on(location) is None


@pytest.mark.parametrize("status", [200, 201, 202, 301, 302, 303, 308, 400, 503])
def test_only_a_307_is_a_redirect(status: int) -> None:
    assert sent_on(HOME + PATH, status=status) is None


def test_two_locations_are_as_good_as_none() -> None:
    reply = Reply(307, (("location", HOME + PATH), ("location", HOME + PATH)))
    assert onward(reply, POST, parse_endpoint(HOME)) is None


def test_nothing_is_below_an_address_and_no_name_below_loopback_is_reached_in_the_clear() -> None:
    assert sent_on(f"https://1.127.0.0.1{PATH}", endpoint="https://127.0.0.1") is None
    assert sent_on(f"http://x.localhost:1{PATH}", endpoint="http://localhost") is None
    assert sent_on(f"https://127.0.0.1{PATH}", endpoint="http://127.0.0.1") is None


def redirect(kit: Any, origin: str, path: str) -> bytes:
    raw: bytes = kit.http(307, b"", f"Location: {origin}{path}")
    return raw


def sends_on(kit: Any, origin: str) -> Any:
    """Answer every request with a 307 to the same path at `origin`."""

    async def behave(wire: Any) -> None:
        if request := await wire.request():
            await wire.answer(redirect(kit, origin, request.split(b" ")[1].decode()))

    return behave


async def test_a_hop_repeats_method_path_body_and_headers_and_asks_again_whether_it_is_wanted(kit: Any) -> None:
    ticket = kit.Ticket()
    accepted = kit.http(202, b"", f"x-ms-request-id: {kit.request_id}")
    async with kit.raw_server(kit.always(accepted)) as other, kit.raw_server(sends_on(kit, other.url)) as server:
        platform = kit.platform_at(server.url)
        outcome = await platform.submit(kit.target(), kit.upgrade(), ticket)
        await platform.close()
    assert outcome == Accepted(Handle(kit.subscription, kit.request_id))
    assert (len(server.requests), len(other.requests), ticket.asked) == (1, 1, 2)
    (first,), (second,) = server.requests, other.requests
    assert first.replace(f":{server.port}".encode(), b"") == second.replace(f":{other.port}".encode(), b"")


async def test_what_is_not_wanted_any_more_is_not_sent_after_the_hop_and_known_not_applied(kit: Any) -> None:
    class Fickle(kit.Ticket):  # type: ignore[misc]  # the kit is a fixture, so no type
        def still_wanted(self) -> bool:
            self.asked += 1
            return bool(self.asked == 1)

    async with kit.raw_server(kit.always(kit.http(202))) as other, kit.raw_server(sends_on(kit, other.url)) as server:
        platform = kit.platform_at(server.url)
        outcome = await platform.submit(kit.target(), Walk(0), Fickle())
        await platform.close()
        await asyncio.wait_for(other.met.wait(), 5)
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.NOT_SENT
    assert other.requests == []


async def test_r3_a_second_redirect_is_refused(kit: Any) -> None:
    astray = sends_on(kit, "http://127.0.0.1:1")
    async with kit.raw_server(astray) as other, kit.raw_server(sends_on(kit, other.url)) as server:
        platform = kit.platform_at(server.url)
        outcome = await platform.submit(kit.target(), Walk(0), kit.Ticket())
        await platform.close()
    assert isinstance(outcome, Refused)
    assert (outcome.kind, "127.0.0.1" in outcome.error) == (RefusedKind.REJECTED, True)
    assert (len(server.requests), len(other.requests)) == (1, 1)


async def test_r1_another_host_never_sees_the_call_and_the_refusal_names_it(kit: Any) -> None:
    async with kit.raw_server(kit.always(kit.http(202))) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        async with kit.raw_server(sends_on(kit, elsewhere)) as server:
            platform = kit.platform_at(server.url)
            outcome = await platform.submit(kit.target(), Walk(0), kit.Ticket())
            await platform.close()
    assert outcome == Refused(RefusedKind.REJECTED, "HTTP 307 to host localhost, which is not followed there")
    assert other.wires == []


async def test_an_answer_lost_after_the_hop_is_lost_and_a_port_that_refuses_it_is_not_sent(kit: Any) -> None:
    async def hang_up(wire: Any) -> None:
        await wire.request()

    outcomes = []
    async with kit.raw_server(hang_up) as other, kit.raw_server(sends_on(kit, other.url)) as server:
        platform = kit.platform_at(server.url)
        outcomes.append(await platform.submit(kit.target(), Walk(0), kit.Ticket()))
        await platform.close()
    assert len(other.requests) == 1
    async with kit.raw_server(sends_on(kit, other.url)) as server:
        platform = kit.platform_at(server.url)
        outcomes.append(await platform.submit(kit.target(), Walk(0), kit.Ticket()))
        await platform.close()
    lost, refused = outcomes
    assert isinstance(lost, Lost)
    assert isinstance(refused, Refused)
    assert refused.kind is RefusedKind.NOT_SENT


async def test_a_read_hops_as_well(kit: Any) -> None:
    body = (kit.golden / "deployment.running.response.xml").read_bytes()
    answer = kit.always(kit.http(200, body))
    async with kit.raw_server(answer) as other, kit.raw_server(sends_on(kit, other.url)) as server:
        platform = kit.platform_at(server.url)
        assert isinstance(await platform.observe(kit.target()), Snapshot)
        await platform.close()
