"""Tokens: shown with each request, renewed once when refused, and a refused mutating call is not repeated."""

import asyncio
import ssl as tls
from collections.abc import Callable
from typing import Any

import pytest

from rollout.core.operation import Walk
from rollout.core.outcome import Accepted, Refused, RefusedKind, Unreachable
from rollout.core.snapshot import Snapshot
from rollout.errors import EndpointUnreachable, InvariantBroken
from rollout.platforms.classic import platform as platform_module
from rollout.platforms.classic.access import NOBODY, NoAccess
from rollout.platforms.classic.exchange import Reply
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.classic.renewal import is_refusal


class Tokens:
    """Credentials that count: `Bearer t1`, then t2 after a renewal, as long as there are tokens left."""

    def __init__(self, *, left: int = 9, first: str = "Bearer t1") -> None:
        self.value: str | None = first
        self.renewals = 0
        self.left = left
        self.fault: NoAccess | None = None

    def ssl_context(self) -> tls.SSLContext | None:
        return None

    async def authorization(self) -> str | None:
        if self.fault is not None:
            raise self.fault
        return self.value

    async def refresh(self) -> bool:
        self.renewals += 1
        await asyncio.sleep(0)
        if self.left == 0:
            return False
        self.left -= 1
        self.value = f"Bearer t{self.renewals + 1}"
        return True


def shown(request: bytes) -> str:
    for line in request.decode().split("\r\n"):
        name, _, value = line.partition(": ")
        if name.lower() == "authorization":
            return value
    return ""


def guarded(kit: Any, valid: set[str], answer: bytes, status: int = 401) -> Callable[[Any], Any]:
    """Answer those who show a valid token, refuse the others as the API does."""
    refusal = kit.http(
        status,
        kit.error_body("AuthenticationFailed", "invalid token"),
        'WWW-Authenticate: Bearer error="invalid_token"',
    )

    async def behave(wire: Any) -> None:
        if request := await wire.request():
            await wire.answer(answer if shown(request) in valid else refusal)

    return behave


def platform_with(kit: Any, url: str, tokens: Tokens) -> ClassicPlatform:
    return ClassicPlatform(url, kit.Shelf({}), credentials=lambda _: tokens, request_timeout_s=5.0)


def deployment(kit: Any) -> bytes:
    raw: bytes = kit.http(200, (kit.golden / "deployment.running.response.xml").read_bytes())
    return raw


def accepted(kit: Any) -> bytes:
    raw: bytes = kit.http(202, b"", f"x-ms-request-id: {kit.request_id}")
    return raw


async def test_a_valid_token_is_shown_with_every_request_and_never_renewed(kit: Any) -> None:
    tokens = Tokens()
    async with kit.raw_server(guarded(kit, {"Bearer t1"}, deployment(kit))) as server:
        platform = platform_with(kit, server.url, tokens)
        for _ in range(3):
            assert isinstance(await platform.observe(kit.target()), Snapshot)
        await platform.close()
    assert ([shown(request) for request in server.requests], tokens.renewals) == (["Bearer t1"] * 3, 0)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_read_refused_for_its_token_is_asked_once_more_with_a_new_one(kit: Any, status: int) -> None:
    tokens = Tokens()
    async with kit.raw_server(guarded(kit, {"Bearer t2"}, deployment(kit), status)) as server:
        platform = platform_with(kit, server.url, tokens)
        assert isinstance(await platform.observe(kit.target()), Snapshot)
        assert isinstance(await platform.observe(kit.target()), Snapshot)
        await platform.close()
    assert [shown(request) for request in server.requests] == ["Bearer t1", "Bearer t2", "Bearer t2"]
    assert tokens.renewals == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_mutating_call_refused_for_its_token_goes_out_again_only_as_a_new_intent(kit: Any, status: int) -> None:
    tokens, ticket = Tokens(), kit.Ticket()
    async with kit.raw_server(guarded(kit, {"Bearer t2"}, accepted(kit), status)) as server:
        platform = platform_with(kit, server.url, tokens)
        first = await platform.submit(kit.target(), Walk(0), ticket)
        assert (len(server.requests), ticket.asked) == (1, 1)
        second = await platform.submit(kit.target(), Walk(0), ticket)
        await platform.close()
    assert isinstance(first, Refused)
    assert first.kind is RefusedKind.NOT_SENT
    assert f"HTTP {status} AuthenticationFailed" in first.error
    assert "renewed" in first.error
    assert isinstance(second, Accepted)


async def test_a_new_token_that_is_refused_too_is_not_renewed_again_and_the_call_is_rejected(kit: Any) -> None:
    tokens = Tokens()
    async with kit.raw_server(guarded(kit, set(), accepted(kit))) as server:
        platform = platform_with(kit, server.url, tokens)
        outcomes = [await platform.submit(kit.target(), Walk(0), kit.Ticket()) for _ in range(3)]
        await platform.close()
    assert [outcome.kind for outcome in outcomes if isinstance(outcome, Refused)] == [
        RefusedKind.NOT_SENT,
        RefusedKind.REJECTED,
        RefusedKind.REJECTED,
    ]
    assert tokens.renewals == 1


async def test_a_token_that_worked_and_expires_is_renewed_again(kit: Any) -> None:
    tokens, valid = Tokens(), {"Bearer t1"}
    async with kit.raw_server(guarded(kit, valid, deployment(kit))) as server:
        platform = platform_with(kit, server.url, tokens)
        for number in range(1, 5):
            valid.clear()
            valid.add(f"Bearer t{number}")
            assert isinstance(await platform.observe(kit.target()), Snapshot)
        await platform.close()
    assert tokens.renewals == 3


async def test_many_calls_refused_with_one_token_renew_it_once(kit: Any) -> None:
    tokens = Tokens()
    async with kit.raw_server(guarded(kit, {"Bearer t2"}, deployment(kit))) as server:
        platform = platform_with(kit, server.url, tokens)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(platform.observe(kit.target()), name=f"look {n}") for n in range(8)]
        await platform.close()
    assert all(isinstance(task.result(), Snapshot) for task in tasks)
    assert tokens.renewals == 1


async def test_without_a_better_token_the_refusal_stands(kit: Any) -> None:
    tokens = Tokens(left=0)
    async with kit.raw_server(guarded(kit, set(), b"")) as server:
        platform = platform_with(kit, server.url, tokens)
        assert isinstance(await platform.observe(kit.target()), Unreachable)
        outcome = await platform.submit(kit.target(), Walk(0), kit.Ticket())
        with pytest.raises(EndpointUnreachable, match="or the token"):
            await platform.prove(kit.target())
        await platform.close()
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.REJECTED
    assert len(server.requests) == 3


async def test_a_certificate_alone_has_nothing_to_renew(kit: Any) -> None:
    assert await NOBODY.authorization() is None
    assert not await NOBODY.refresh()
    refused = kit.http(403, (kit.golden / "error.certificate.response.xml").read_bytes())
    async with kit.raw_server(kit.always(refused)) as server:
        platform = kit.platform_at(server.url)
        outcome = await platform.submit(kit.target(), Walk(0), kit.Ticket())
        await platform.close()
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.REJECTED
    assert len(server.requests) == 1


async def test_where_no_token_can_be_had_nothing_is_sent_and_the_cause_is_named(kit: Any) -> None:
    tokens = Tokens()
    tokens.fault = NoAccess("the token command ended with 3")
    async with kit.raw_server(kit.always(deployment(kit))) as server:
        platform = platform_with(kit, server.url, tokens)
        seen = await platform.observe(kit.target())
        outcome = await platform.submit(kit.target(), Walk(0), kit.Ticket())
        with pytest.raises(EndpointUnreachable, match=r"was not asked.*ended with 3"):
            await platform.prove(kit.target())
        await platform.close()
    assert isinstance(seen, Unreachable)
    assert "ended with 3" in seen.detail
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.NOT_SENT
    assert server.wires == []


@pytest.mark.parametrize("value", ["Bearer a\r\nX-Evil: 1", "Bearer ü", "Bearer a\x00"])
async def test_a_token_no_header_can_carry_is_not_sent_and_not_shown(kit: Any, value: str) -> None:
    async with kit.raw_server(kit.always(deployment(kit))) as server:
        platform = platform_with(kit, server.url, Tokens(first=value))
        seen = await platform.observe(kit.target())
        await platform.close()
    assert isinstance(seen, Unreachable)
    assert "no header can carry" in seen.detail
    assert value not in seen.detail
    assert server.wires == []


async def test_a_slow_renewal_after_a_refusal_leaves_no_doubt_that_nothing_was_applied(kit: Any) -> None:
    class Slow(Tokens):
        async def refresh(self) -> bool:
            await asyncio.Event().wait()
            return True

    async with kit.raw_server(guarded(kit, set(), b"")) as server:
        platform = platform_with(kit, server.url, Slow())
        outcome = await platform.submit(kit.target(), Walk(0), kit.Ticket(timeout_s=0.05))
        await platform.close()
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.NOT_SENT


async def test_each_subscription_is_shown_its_own_credentials_and_equal_ones_share_connections(kit: Any) -> None:
    mine, yours = Tokens(first="Bearer mine"), Tokens(first="Bearer yours")
    owners = {kit.subscription: mine, "other-sub": yours, "third-sub": mine}
    async with kit.raw_server(kit.always(deployment(kit))) as server:
        platform = ClassicPlatform(server.url, kit.Shelf({}), credentials=owners.__getitem__)
        for subscription in owners:
            await platform.observe(kit.target().__class__(subscription, "svc", kit.target().slot))
        assert platform.client(kit.subscription) is platform.client("third-sub")
        await platform.close()
    assert [shown(request) for request in server.requests] == ["Bearer mine", "Bearer yours", "Bearer mine"]


def test_credentials_that_are_new_each_time_are_our_own_mistake(monkeypatch: pytest.MonkeyPatch, kit: Any) -> None:
    monkeypatch.setattr(platform_module, "CLIENTS_MAX", 3)
    platform = ClassicPlatform("http://127.0.0.1:1", kit.Shelf({}), credentials=lambda _: Tokens())
    for _ in range(3):
        platform.client(kit.subscription)
    with pytest.raises(InvariantBroken, match="always the same"):
        platform.client(kit.subscription)


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (Reply(401), True),
        (Reply(403, body=b"<Error><Code>AuthenticationFailed</Code></Error>"), True),
        (Reply(403, body=b"<Error><Code>SubscriptionDisabled</Code></Error>"), False),
        (Reply(403, body=b"<html>"), False),
        (Reply(403, body=b"<Error><Code>AuthenticationFailed</Code></Error>", oversize=True), False),
        (Reply(400, body=b"<Error><Code>AuthenticationFailed</Code></Error>"), False),
        (Reply(200), False),
    ],
)
def test_a_refusal_of_who_we_are_is_known_by_status_and_code(reply: Reply, refusal: bool) -> None:
    assert is_refusal(reply) is refusal
