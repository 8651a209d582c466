"""Everybody's operations: whose they are, which of ours go on, and that a part is never taken for the whole."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rollout.core.names import ServiceName, Slot, Target
from rollout.core.outcome import Failed, Running, Succeeded, Unreachable
from rollout.platforms.classic.decode_listing import Caller
from rollout.platforms.classic.listing import SKEW_S, ForeignOperation
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.platform import ListsRunning

NOW = datetime(2016, 2, 19, 12, 0, tzinfo=UTC).timestamp()
OURS = "0f8fad5bd9cb469fa16570867728950e"


def platform_at(kit: Any, url: str) -> ClassicPlatform:
    return ClassicPlatform(url, kit.Shelf({}), wall=lambda: NOW, request_timeout_s=5.0)


async def listed(platform: ClassicPlatform, scope: str, since: float) -> list[frozenset[str] | Unreachable]:
    return [page async for page in platform.running(scope, since)]


def queries(server: Any) -> list[dict[str, str]]:
    targets = [request.split(b" ")[1].decode() for request in server.requests]
    return [{name: values[0] for name, values in parse_qs(urlsplit(target).query).items()} for target in targets]


def by_object(kit: Any, pages: dict[str, str]) -> Any:
    """Answer a listing by its ObjectIdFilter: the golden page named for what the path ends with, else an empty one."""

    async def behave(wire: Any) -> None:
        if request := await wire.request():
            query = parse_qs(urlsplit(request.split(b" ")[1].decode()).query)
            path = query.get("ObjectIdFilter", [""])[0]
            name = next((page for end, page in pages.items() if path.endswith(end)), "operations.empty")
            body = (kit.golden / f"{name}.response.xml").read_bytes()
            alone = re.sub(rb"<ContinuationToken>.*?</ContinuationToken>", b"", body)
            await wire.answer(kit.http(200, alone))

    return behave


async def test_a_strangers_operation_is_reported_with_caller_name_and_start(kit: Any) -> None:
    async with kit.raw_server(by_object(kit, {"/deployments/dep-1": "operations.page"})) as server:
        platform = platform_at(kit, server.url)
        found = await platform.whose(kit.target(), NOW - 3_600)
        await platform.close()
    assert found == (
        ForeignOperation(
            caller=Caller(email="stranger@portal.example", address="203.0.113.250", by_api=False),
            name="RebootDeploymentRoleInstance",
            started=datetime(2016, 2, 19, 1, 33, 3, tzinfo=UTC),
            id=kit.first_id("operations.page"),
            status=Succeeded(),
        ),
    )
    assert isinstance(found, tuple)
    told = str(found[0])
    assert told.startswith(
        f"RebootDeploymentRoleInstance ({kit.first_id('operations.page')}) by stranger@portal.example "
    )
    assert told.endswith(" at 203.0.113.250, started 2016-02-19 01:33:03 UTC, succeeded")


async def test_the_deployment_is_asked_about_by_name_by_slot_and_by_service(kit: Any) -> None:
    async with kit.raw_server(by_object(kit, {})) as server:
        platform = platform_at(kit, server.url)
        assert await platform.whose(kit.target(), NOW - 3_600) == ()
        assert await platform.whose(kit.target(None), NOW - 3_600) == ()
        await platform.close()
    service = f"/{kit.subscription}/services/hostedservices/svc-0001"
    assert [query["ObjectIdFilter"] for query in queries(server)] == [
        *(f"{service}/deployments/dep-1", f"{service}/deploymentslots/Production", service),
        *(f"{service}/deploymentslots/Production", service),
    ]


@pytest.mark.parametrize("ours", [OURS, "0F8FAD5B-D9CB-469F-A165-70867728950E"])
async def test_our_own_operations_are_left_out_in_either_spelling_and_one_is_reported_once(kit: Any, ours: str) -> None:
    pages = {"/deployments/dep-1": "operations", "/deploymentslots/Production": "operations", "/svc-0001": "operations"}
    async with kit.raw_server(by_object(kit, pages)) as server:
        platform = platform_at(kit, server.url)
        everybody = await platform.whose(kit.target(), NOW - 3_600)
        others = await platform.whose(kit.target(), NOW - 3_600, {ours})
        await platform.close()
    assert isinstance(everybody, tuple)
    assert [each.id for each in everybody] == [OURS]
    assert others == ()


async def test_the_latest_comes_first(kit: Any) -> None:
    pages = {"/deployments/dep-1": "operations", "/svc-0001": "operations.page"}
    async with kit.raw_server(by_object(kit, pages)) as server:
        platform = platform_at(kit, server.url)
        same_start = await platform.whose(kit.target(), NOW - 3_600)
        await platform.close()
    assert isinstance(same_start, tuple)
    assert {each.id for each in same_start} == {OURS, kit.first_id("operations.page")}
    starts = [each.started for each in same_start if each.started]
    assert starts == sorted(starts, reverse=True)


async def test_the_window_allows_for_clocks_that_differ_and_never_asks_for_more_than_90_days(kit: Any) -> None:
    async with kit.raw_server(by_object(kit, {})) as server:
        platform = platform_at(kit, server.url)
        for since in (NOW - 3_600, NOW - 400 * 86_400, NOW + 60):
            assert await listed(platform, kit.subscription, since) == [frozenset()]
        await platform.close()
    asked = [
        tuple(datetime.fromisoformat(query[name]).timestamp() for name in ("StartTime", "EndTime"))
        for query in queries(server)
    ]
    assert asked[0] == (NOW - 3_600 - SKEW_S, NOW + SKEW_S)
    assert 89 * 86_400 < asked[1][1] - asked[1][0] <= 90 * 86_400
    assert asked[2][0] < asked[2][1]


async def test_what_runs_is_listed_by_id_and_what_has_ended_is_not(kit: Any) -> None:
    listing = (kit.golden / "operations.response.xml").read_bytes()
    ended = (kit.golden / "operations.page.response.xml").read_bytes().partition(b"<SubscriptionOperation>")[2]
    both = listing.replace(
        b"<SubscriptionOperation>",
        b"<SubscriptionOperation>" + ended.partition(b"</SubscriptionOperations>")[0] + b"<SubscriptionOperation>",
        1,
    )
    async with kit.raw_server(kit.always(kit.http(200, both))) as server:
        platform = platform_at(kit, server.url)
        assert isinstance(platform, ListsRunning)
        running = await listed(platform, kit.subscription, NOW - 60)
        await platform.close()
    assert running == [frozenset({OURS})]
    assert queries(server)[0]["OperationResultFilter"] == "InProgress"


@pytest.mark.parametrize(("name", "status"), [("error.too-many-requests", 503), ("error.no-such-service", 404)])
async def test_a_listing_that_fails_is_unreachable_and_never_an_empty_one(kit: Any, name: str, status: int) -> None:
    reply = kit.http(status, (kit.golden / f"{name}.response.xml").read_bytes())
    async with kit.raw_server(kit.always(reply)) as server:
        platform = platform_at(kit, server.url)
        assert isinstance((await listed(platform, kit.subscription, NOW))[-1], Unreachable)
        assert isinstance(await platform.whose(kit.target(), NOW), Unreachable)
        await platform.close()


async def test_a_name_that_cannot_stand_in_a_path_is_no_evidence(kit: Any) -> None:
    platform = platform_at(kit, "http://127.0.0.1:1")
    nameless = Target(kit.subscription, ServiceName(".."), Slot.PRODUCTION)
    assert isinstance(await platform.whose(nameless, NOW), Unreachable)
    assert isinstance((await listed(platform, "", NOW))[-1], Unreachable)


@pytest.mark.parametrize(
    ("status", "words"),
    [(Running(), "in progress"), (Succeeded(), "succeeded"), (Failed("C", "m"), "failed (C: m)")],
)
def test_a_foreign_operation_says_how_it_is_doing(status: Any, words: str) -> None:
    told = str(ForeignOperation(Caller(email="ann@x.example"), "", None, "id", status))
    assert told == f"an operation (id) by ann@x.example, {words}"
