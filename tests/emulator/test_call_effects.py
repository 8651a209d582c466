"""What a fault does to a call on the wire: before it happens, after it happened, or much later."""

from typing import Any

import pytest
from aiohttp import ClientError, ClientPayloadError

from rollout.emulator.fleet import SUBSCRIPTION

SERVICE = f"/{SUBSCRIPTION}/services/hostedservices/svc-0001"
SLOT = f"{SERVICE}/deploymentslots/production"


async def upgrade(wire: Any) -> tuple[int, dict[str, str], bytes]:
    answer: tuple[int, dict[str, str], bytes] = await wire.send(
        "POST", f"{SLOT}/?comp=upgrade", wire.golden("upgrade.request.xml")
    )
    return answer


@pytest.mark.parametrize(
    ("effect", "status", "document"),
    [
        ("500_after", 500, "error.internal.response.xml"),
        ("timeout_after", 500, "error.timed-out.response.xml"),
        ("html", 202, "error.html.response.html"),
    ],
)
async def test_a_call_happens_and_its_answer_hides_it(connect: Any, effect: str, status: int, document: str) -> None:
    async with connect() as wire:
        wire.stage.fault(verb="upgrade", effect=effect)
        got, _, body = await upgrade(wire)
        assert (got, body) == (status, wire.golden(document))
        assert wire.stage.log() == [("upgrade", None)]
        assert (await upgrade(wire))[0] == 409


@pytest.mark.parametrize(
    ("effect", "status", "document"),
    [
        ("busy", 503, "error.server-busy.response.xml"),
        ("503", 503, "error.too-many-requests.response.xml"),
        ("html_503", 503, "error.html.response.html"),
        ("token", 401, "error.token.response.xml"),
    ],
)
async def test_a_call_is_refused_and_nothing_happens(connect: Any, effect: str, status: int, document: str) -> None:
    async with connect() as wire:
        wire.stage.fault(verb="upgrade", effect=effect)
        got, headers, body = await upgrade(wire)
        assert (got, body) == (status, wire.golden(document))
        assert "Retry-After" not in headers
        assert wire.stage.log() == []
        assert (await upgrade(wire))[0] == 202


@pytest.mark.parametrize(("method", "path"), [("POST", f"{SLOT}/?comp=upgrade"), ("GET", SLOT)])
async def test_an_answer_is_cut_in_the_middle(connect: Any, method: str, path: str) -> None:
    async with connect() as wire:
        wire.stage.fault(verb="upgrade" if method == "POST" else "get", effect="cut")
        with pytest.raises(ClientPayloadError):
            await wire.send(method, path, wire.golden("upgrade.request.xml") if method == "POST" else b"")
        assert len(wire.stage.log()) == (method == "POST")


async def test_html_may_come_under_the_status_of_a_read(connect: Any) -> None:
    async with connect() as wire:
        wire.stage.fault(verb="get", effect="html")
        status, headers, body = await wire.send("GET", SLOT)
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=us-ascii")
        assert body.startswith(b"<!DOCTYPE html>")


async def test_a_late_call_takes_effect_when_nobody_waits_for_it_any_more(connect: Any) -> None:
    async with connect() as wire:
        wire.stage.fault(verb="upgrade", effect="late", seconds=90)
        with pytest.raises(ClientError):
            await upgrade(wire)
        assert wire.stage.wait(89).log() == []
        wire.stage.wait(1000)
        (entry,) = wire.stage.fabric.log()
        assert (entry.verb.value, entry.at) == ("upgrade", 90.0)
        assert (await wire.operation(entry.request_id))[1] == "Succeeded"


async def test_a_late_call_that_is_refused_when_it_arrives_is_gone(connect: Any) -> None:
    async with connect() as wire:
        wire.stage.fault(verb="upgrade", effect="late", seconds=10)
        with pytest.raises(ClientError):
            await upgrade(wire)
        assert (await upgrade(wire))[0] == 202
        wire.stage.wait(60)
        assert wire.stage.log() == [("upgrade", None)]


async def test_a_redirect_leads_to_the_second_port_which_serves_the_same(connect: Any) -> None:
    async with connect(redirect_port=0) as wire:
        wire.stage.fault(effect="307")
        status, headers, body = await upgrade(wire)
        assert (status, body) == (307, b"")
        elsewhere = headers["Location"]
        assert elsewhere.startswith("http://127.0.0.1:")
        assert elsewhere.endswith(f"{SLOT}/?comp=upgrade")
        assert elsewhere.split("/")[2] != wire.url.split("/")[2]
        wire.url = elsewhere.removesuffix(f"{SLOT}/?comp=upgrade")
        assert (await upgrade(wire))[0] == 202
        assert wire.stage.log() == [("upgrade", None)]


async def test_a_conflict_on_a_service_names_a_stranger(connect: Any, golden: Any) -> None:
    async with connect(staging=True) as wire:
        wire.stage.fault(verb="swap", effect="409")
        status, _, body = await wire.send("POST", SERVICE, golden("swap.request.xml"))
        assert status == 409
        assert b"with x-ms-requestid " in body
        assert wire.stage.log() == []


async def test_strangers_are_sent_over_the_wire(connect: Any) -> None:
    async with connect() as wire:
        sent = await wire.control("PUT", "strangers", [{"service": "svc-0001", "effect": "reboot"}])
        assert sent == (200, {"strangers": 1})
        _, state = await wire.control("GET", "state")
        assert [(each["act"], each["refused"]) for each in state["strangers"]] == [("reboot", None)]
        status, problem = await wire.control("PUT", "strangers", [{"effect": "explode"}])
        assert status == 400
        assert "strangers[0" in problem["error"]


async def test_a_throttled_class_is_answered_503_while_others_pass(connect: Any) -> None:
    async with connect(throttle={"calls_per_s": {"get": 1}}) as wire:
        assert [(await wire.send("GET", SLOT))[0] for _ in range(3)] == [200, 503, 503]
        status, headers, body = await wire.send("GET", SLOT)
        assert (status, body) == (503, wire.golden("error.too-many-requests.response.xml"))
        assert "Retry-After" not in headers
        assert (await upgrade(wire))[0] == 202
        wire.stage.wait(1)
        assert (await wire.send("GET", SLOT))[0] == 200
