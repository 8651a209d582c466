"""The client, method by method: what it sends, what it makes of the answer, and how listings go from page to page."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from rollout.core.outcome import Accepted, Handle, Lost, Outcome, Refused, RefusedKind, Succeeded, Unreachable
from rollout.core.snapshot import Absent, Snapshot
from rollout.errors import EndpointUnreachable, UsageError
from rollout.platforms.classic import client as client_module
from rollout.platforms.classic.client import ClassicClient
from rollout.platforms.classic.decode_extension import Extension
from rollout.platforms.classic.decode_service import Availability, CloudService
from rollout.platforms.classic.endpoint import parse_endpoint
from rollout.platforms.classic.requests.configure import ChangeConfiguration
from rollout.platforms.classic.requests.create import CreateDeployment
from rollout.platforms.classic.requests.delete import DeleteDeployment
from rollout.platforms.classic.requests.deployment import GetDeployment
from rollout.platforms.classic.requests.extension import AddExtension, DeleteExtension, GetExtension, ListExtensions
from rollout.platforms.classic.requests.instance import DeleteInstances, Renewal, RenewInstance
from rollout.platforms.classic.requests.operation import ListOperations
from rollout.platforms.classic.requests.package import GetPackage
from rollout.platforms.classic.requests.rollback import RollbackUpdateOrUpgrade
from rollout.platforms.classic.requests.service import CheckName, GetService, ListServices
from rollout.platforms.classic.requests.service_change import CreateService, DeleteService, UpdateService
from rollout.platforms.classic.requests.status import UpdateDeploymentStatus
from rollout.platforms.classic.requests.swap import SwapDeployment
from rollout.platforms.classic.requests.upgrade import UpgradeDeployment
from rollout.platforms.classic.requests.walk import WalkUpgradeDomain
from rollout.platforms.classic.vocabulary import Mode

NS = 'xmlns="http://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
URL = "https://acct.blob.example/c/app.cspkg?sv=1&sig=x"
SINCE, UNTIL = datetime(2016, 2, 19, tzinfo=UTC), datetime(2016, 2, 20, tzinfo=UTC)


def client_at(url: str, **options: Any) -> ClassicClient:
    return ClassicClient(parse_endpoint(url), request_timeout_s=5.0, **options)


def golden(kit: Any, name: str, status: int = 200, *headers: str) -> bytes:
    reply: bytes = kit.http(status, (kit.golden / f"{name}.response.xml").read_bytes(), *headers)
    return reply


def in_order(*replies: bytes) -> Callable[[Any], Awaitable[None]]:
    """Give one reply after the other, one for each connection."""
    left = list(replies)

    async def behave(wire: Any) -> None:
        if await wire.request():
            await wire.answer(left.pop(0))

    return behave


def mutations(kit: Any) -> dict[str, tuple[Any, bytes]]:
    """Give a call for each mutating method, and how its request begins."""
    sub, target = kit.subscription, kit.target()
    here = f"/{sub}/services/hostedservices/svc-0001"
    deployment, instance = (
        f"{here}/deployments/dep-1",
        RenewInstance(target=target, instance="i", renewal=Renewal.REBOOT),
    )
    upgrade = UpgradeDeployment(target=target, mode=Mode.AUTO, package_url=URL, configuration=b"<x/>", label="l")
    lines = {
        "upgrade": (upgrade, f"POST {deployment}/?comp=upgrade"),
        "configure": (
            ChangeConfiguration(target=target, configuration=b"<x/>", mode=Mode.MANUAL),
            f"POST {deployment}/?comp=config",
        ),
        "walk": (WalkUpgradeDomain(target=target, domain=0), f"POST {deployment}/?comp=walkupgradedomain"),
        "rollback": (RollbackUpdateOrUpgrade(target=target, mode=Mode.AUTO), f"POST {deployment}/?comp=rollback"),
        "set_status": (UpdateDeploymentStatus(target=target, running=False), f"POST {deployment}/?comp=status"),
        "swap": (SwapDeployment(subscription=sub, service="svc-0001", source="a", production="b"), f"POST {here}"),
        "create": (
            CreateDeployment(target=target, package_url=URL, configuration=b"<x/>", label="l"),
            f"POST {here}/deploymentslots/Production",
        ),
        "delete": (DeleteDeployment(target=target), f"DELETE {deployment}"),
        "renew_instance": (instance, f"POST {deployment}/roleinstances/i?comp=reboot"),
        "delete_instances": (
            DeleteInstances(target=target, instances=("i",)),
            f"POST {deployment}/roleinstances/?comp=delete",
        ),
        "get_package": (
            GetPackage(target=target, container_url="https://a.example/c"),
            f"POST {deployment}/package?containerUri=https%3A%2F%2Fa.example%2Fc&overwriteExisting=false",
        ),
        "add_extension": (
            AddExtension(subscription=sub, service="svc-0001", provider="p", type="t", id="i"),
            f"POST {here}/extensions",
        ),
        "delete_extension": (
            DeleteExtension(subscription=sub, service="svc-0001", id="i"),
            f"DELETE {here}/extensions/i",
        ),
        "create_service": (
            CreateService(subscription=sub, name="new", label="l", location="East US"),
            f"POST /{sub}/services/hostedservices",
        ),
        "update_service": (UpdateService(subscription=sub, service="svc-0001", label="l"), f"PUT {here}"),
        "delete_service": (DeleteService(subscription=sub, service="svc-0001"), f"DELETE {here}"),
    }
    return {name: (call, f"{line} HTTP/1.1\r\n".encode()) for name, (call, line) in lines.items()}


async def submitted(client: ClassicClient, name: str, call: Any, ticket: Any) -> Outcome:
    outcome: Outcome = await getattr(client, name)(call, ticket)
    return outcome


async def test_every_mutating_method_makes_one_attempt_and_gives_its_handle(kit: Any) -> None:
    for name, (call, start) in mutations(kit).items():
        ticket = kit.Ticket()
        status = {"create_service": 201, "rollback": 200}.get(name, 202)
        async with kit.raw_server(kit.always(kit.http(status, b"", f"x-ms-request-id: {kit.request_id}"))) as server:
            client = client_at(server.url)
            assert await submitted(client, name, call, ticket) == Accepted(Handle(kit.subscription, kit.request_id))
            await client.close()
        assert [request.startswith(start) for request in server.requests] == [True], name
        assert ticket.asked == 1, name


async def test_a_mutating_call_whose_answer_is_lost_is_never_sent_again(kit: Any) -> None:
    async def hang_up(wire: Any) -> None:
        await wire.request()

    for name, (call, _) in mutations(kit).items():
        async with kit.raw_server(hang_up) as server:
            client = client_at(server.url)
            assert isinstance(await submitted(client, name, call, kit.Ticket()), Lost), name
            await client.close()
        assert len(server.requests) == 1, name


async def test_no_mutating_method_sends_what_is_not_wanted(kit: Any) -> None:
    for name, (call, _) in mutations(kit).items():
        async with kit.raw_server(kit.always(kit.http(202))) as server:
            client = client_at(server.url)
            outcome = await submitted(client, name, call, kit.Ticket(wanted=False))
            await client.close()
        assert isinstance(outcome, Refused), name
        assert (outcome.kind, server.requests) == (RefusedKind.NOT_SENT, []), name


async def test_what_the_chosen_version_does_not_know_is_refused_with_the_version_it_needs(kit: Any) -> None:
    client = client_at("http://127.0.0.1:1", version="2011-06-01")
    outcome = await client.rollback(RollbackUpdateOrUpgrade(target=kit.target(), mode=Mode.AUTO), kit.Ticket())
    assert outcome == Refused(
        RefusedKind.REJECTED,
        "Rollback Update Or Upgrade needs x-ms-version 2011-10-01 or later, and 2011-06-01 is chosen",
    )
    seen = await client.extensions(ListExtensions(subscription=kit.subscription, service="svc"))
    assert isinstance(seen, Unreachable)
    assert "2013-03-01" in seen.detail


async def test_the_chosen_version_is_sent_and_a_misspelt_one_is_a_usage_error(kit: Any) -> None:
    async with kit.raw_server(kit.always(golden(kit, "deployment.running"))) as server:
        client = client_at(server.url, version="2017-01-01")
        assert isinstance(await client.deployment(GetDeployment(target=kit.target())), Snapshot)
        await client.close()
    assert b"x-ms-version: 2017-01-01\r\n" in server.requests[0]
    with pytest.raises(UsageError, match="expected a date"):
        client_at("http://127.0.0.1:1", version="newest")


async def test_an_endpoint_that_does_not_speak_the_chosen_version_is_told_by_it(kit: Any) -> None:
    async with kit.raw_server(kit.always(golden(kit, "error.version", 400))) as server:
        client = client_at(server.url, version="2016-06-01")
        with pytest.raises(EndpointUnreachable, match="does not speak version 2016-06-01"):
            await client.prove(GetDeployment(target=kit.target()))
        await client.close()


async def test_a_lock_names_the_operation_that_holds_it_where_the_text_does(kit: Any) -> None:
    blocked = {}
    for name in ("error.locked", "error.locked-without-id", "error.swap-names"):
        async with kit.raw_server(kit.always(golden(kit, name, 409))) as server:
            client = client_at(server.url)
            blocked[name] = await client.walk(WalkUpgradeDomain(target=kit.target(), domain=0), kit.Ticket())
            await client.close()
    assert all(isinstance(outcome, Refused) for outcome in blocked.values())
    assert [(each.kind, each.blocking) for each in blocked.values() if isinstance(each, Refused)] == [
        (RefusedKind.BUSY, kit.request_id),
        (RefusedKind.BUSY, None),
        (RefusedKind.REJECTED, None),
    ]


async def test_questions_are_answered_with_what_was_asked_for(kit: Any) -> None:
    sub = kit.subscription
    replies = ["service.detail", "availability.taken", "extensions", "extension", "operation.succeeded"]
    async with kit.raw_server(in_order(*(golden(kit, name) for name in replies))) as server:
        client = client_at(server.url)
        service = await client.service(GetService(subscription=sub, service="svc-0001", detail=True))
        free = await client.is_free(CheckName(subscription=sub, name="svc-0001"))
        extensions = await client.extensions(ListExtensions(subscription=sub, service="svc-0001"))
        extension = await client.extension(GetExtension(subscription=sub, service="svc-0001", id="Diagnostics"))
        progress = await client.operation(Handle(sub, kit.request_id))
        await client.close()
    assert isinstance(service, CloudService)
    assert service.deployments is not None
    assert free == Availability(free=False, reason="The specified DNS name is already taken.")
    assert isinstance(extension, Extension)
    assert (extensions, progress) == ((extension,), Succeeded())


async def test_absence_and_silence_are_told_apart_in_every_question(kit: Any) -> None:
    sub = kit.subscription
    for name, status, kind in (
        ("error.no-such-service", 404, Absent),
        ("error.too-many-requests", 503, Unreachable),
        ("error.internal", 500, Unreachable),
        ("operation.succeeded", 200, Unreachable),
        ("error.bad-request", 404, Unreachable),
    ):
        async with kit.raw_server(kit.always(golden(kit, name, status))) as server:
            client = client_at(server.url)
            answers = [
                await client.service(GetService(subscription=sub, service="s")),
                await client.is_free(CheckName(subscription=sub, name="s")),
                await client.extensions(ListExtensions(subscription=sub, service="s")),
                await client.extension(GetExtension(subscription=sub, service="s", id="x")),
                *[page async for page in client.services(ListServices(subscription=sub))],
                *[page async for page in client.operations(ListOperations(subscription=sub, start=SINCE, end=UNTIL))],
            ]
            await client.close()
        assert [type(answer) for answer in answers] == [kind] * 6, name


async def test_services_are_listed_page_by_page_with_the_mark_in_a_header(kit: Any) -> None:
    replies = [
        golden(kit, "services", 200, "x-ms-continuation-token: next-1"),
        kit.http(200, f"<HostedServices {NS}/>".encode()),
    ]
    async with kit.raw_server(in_order(*replies)) as server:
        client = client_at(server.url)
        pages = [page async for page in client.services(ListServices(subscription=kit.subscription))]
        await client.close()
    assert [len(page) for page in pages if isinstance(page, tuple)] == [2, 0]
    assert [b"x-ms-continuation-token: next-1\r\n" in request for request in server.requests] == [False, True]


async def test_operations_are_listed_page_by_page_with_the_mark_in_the_query(kit: Any) -> None:
    call = ListOperations(subscription=kit.subscription, start=SINCE, end=UNTIL)
    async with kit.raw_server(in_order(golden(kit, "operations.page"), golden(kit, "operations"))) as server:
        client = client_at(server.url)
        pages = [page async for page in client.operations(call)]
        await client.close()
    ids = [[each.id for each in page] for page in pages if isinstance(page, tuple)]
    assert ids == [[kit.first_id("operations.page")], [kit.request_id]]
    mark = f"&ContinuationToken={kit.first_id('operations.page')} ".encode()
    assert [mark in request for request in server.requests] == [False, True]


async def test_a_page_that_fails_ends_the_listing_and_is_said(kit: Any) -> None:
    replies = [golden(kit, "operations.page"), golden(kit, "error.too-many-requests", 503)]
    async with kit.raw_server(in_order(*replies)) as server:
        client = client_at(server.url)
        call = ListOperations(subscription=kit.subscription, start=SINCE, end=UNTIL)
        pages = [page async for page in client.operations(call)]
        await client.close()
    assert [type(page) for page in pages] == [tuple, Unreachable]
    assert isinstance(pages[-1], Unreachable)
    assert pages[-1].throttled


async def test_a_listing_that_goes_in_a_circle_or_never_ends_is_stopped(
    kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kit.raw_server(kit.always(golden(kit, "operations.page"))) as server:
        client = client_at(server.url)
        call = ListOperations(subscription=kit.subscription, start=SINCE, end=UNTIL)
        pages = [page async for page in client.operations(call)]
        await client.close()
    assert isinstance(pages[-1], Unreachable)
    assert (len(server.requests), "circle" in pages[-1].detail) == (2, True)
    monkeypatch.setattr(client_module, "PAGES_MAX", 3)
    endless = (golden(kit, "services", 200, f"x-ms-continuation-token: {number}") for number in range(9))
    async with kit.raw_server(in_order(*endless)) as server:
        client = client_at(server.url)
        services = [page async for page in client.services(ListServices(subscription=kit.subscription))]
        await client.close()
    assert (len(server.requests), services[-1]) == (3, Unreachable("the listing has more than 3 pages"))


async def test_a_mark_that_no_header_can_carry_ends_the_listing(kit: Any) -> None:
    first = golden(kit, "services", 200, f"x-ms-continuation-token: {'x' * 5_000}")
    async with kit.raw_server(kit.always(first)) as server:
        client = client_at(server.url)
        pages = [page async for page in client.services(ListServices(subscription=kit.subscription))]
        await client.close()
    assert [type(page) for page in pages] == [tuple, Unreachable]
    assert len(server.requests) == 1


async def test_strange_words_of_services_and_listings_are_warned_about_once(kit: Any) -> None:
    strange = (kit.golden / "services.response.xml").read_bytes().replace(b">Created<", b">Pondering<")
    async with kit.raw_server(kit.always(kit.http(200, strange))) as server:
        client = client_at(server.url)
        with capture_logs() as logs:
            for _ in range(2):
                assert [page async for page in client.services(ListServices(subscription=kit.subscription))]
        await client.close()
    assert [(entry["element"], entry["value"]) for entry in logs] == [("HostedService/Status", "Pondering")]
