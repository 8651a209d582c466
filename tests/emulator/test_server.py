"""The emulator over a real socket: as clients meet it."""

import asyncio
import json
from base64 import b64decode
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientError
from lxml import etree

from rollout.emulator import fabric_update
from rollout.emulator.fleet import SUBSCRIPTION
from rollout.emulator.server import loopback, serve
from rollout.errors import UsageError

WIRE = "{http://schemas.microsoft.com/windowsazure}"
SERVICE = f"/{SUBSCRIPTION}/services/hostedservices/svc-0001"
SLOT = f"{SERVICE}/deploymentslots/production"
NAME = f"{SERVICE}/deployments/svc-0001-production"
VERSION = {"x-ms-version": "2015-09-01"}


async def test_an_upgrade_is_walked_from_the_first_domain_to_the_last(connect: Any, golden: Any) -> None:
    async with connect(domains=5, instances=5) as wire:
        body = golden("upgrade.request.xml")
        status, headers, empty = await wire.send("POST", f"{SLOT}/?comp=upgrade", body)
        assert (status, empty, headers["Content-Length"]) == (202, b"", "0")
        assert await wire.operation(headers["x-ms-request-id"]) == (200, "InProgress")
        wire.stage.wait(40)
        assert await wire.operation(headers["x-ms-request-id"]) == (200, "Succeeded")
        for domain in range(5):
            shown = await wire.deployment()
            assert shown.findtext(f"{WIRE}Status") == "RunningTransitioning"
            assert shown.findtext(f"{WIRE}UpgradeStatus/{WIRE}CurrentUpgradeDomain") == str(domain)
            accepted, walk_id = await wire.walk(domain)
            assert accepted == 202
            wire.stage.wait(600)
            assert await wire.operation(walk_id) == (200, "Succeeded")
        shown = await wire.deployment()
        assert shown.find(f"{WIRE}UpgradeStatus") is None
        assert shown.findtext(f"{WIRE}Status") == "Running"
        assert b64decode(shown.findtext(f"{WIRE}Label") or "") == b"web-2.4.1 [ro:0123456789ab]"
        _, log = await wire.control("GET", "log")
        assert [(entry["verb"], entry["domain"]) for entry in log] == [
            ("upgrade", None),
            *(("walk", d) for d in range(5)),
        ]


@pytest.mark.parametrize(
    ("knob", "path", "expected"),
    [("split", NAME, 200), ("split", SLOT, 202), (202, NAME, 202), (200, SLOT, 200)],
)
async def test_a_rollback_is_accepted_with_the_status_of_its_path(
    connect: Any, knob: Any, path: str, expected: int
) -> None:
    async with connect(rollback_accept=knob) as wire:
        await wire.post("upgrade", "upgrade.request.xml")
        wire.stage.wait(40)
        await wire.walk(0)
        wire.stage.wait(600)
        status, request_id = await wire.post("rollback", "rollback.request.xml", path)
        assert status == expected
        assert await wire.operation(request_id) == (200, "InProgress")
        wire.stage.wait(600)
        assert await wire.operation(request_id) == (200, "Succeeded")
        assert (await wire.deployment()).find(f"{WIRE}UpgradeStatus") is None


async def test_a_deployment_is_suspended_over_the_wire(connect: Any) -> None:
    async with connect() as wire:
        assert (await wire.post("status", "status.request.xml", NAME))[0] == 202
        wire.stage.wait(40)
        assert (await wire.deployment()).findtext(f"{WIRE}Status") == "Suspended"


async def test_the_log_has_exactly_its_fields(connect: Any) -> None:
    async with connect() as wire:
        _, request_id = await wire.post("upgrade", "upgrade.request.xml")
        assert await wire.control("GET", "log") == (
            200,
            [
                {
                    "n": 0,
                    "at": 0.0,
                    "service": "svc-0001",
                    "deployment": "svc-0001-production",
                    "slot": "production",
                    "verb": "upgrade",
                    "domain": None,
                    "label": "web-2.4.1 [ro:0123456789ab]",
                    "request_id": request_id,
                },
            ],
        )


async def test_the_state_tells_the_truth_behind_what_is_shown(connect: Any) -> None:
    async with connect(label_flip="end") as wire:
        _, request_id = await wire.post("upgrade", "upgrade.request.xml")
        wire.stage.wait(40)
        await wire.walk(0)
        await wire.control("PUT", "faults", [{"effect": "stuck", "times": 2}])
        _, state = await wire.control("GET", "state")
        (deployment,) = state["services"][0]["deployments"]
        assert (deployment["label"], deployment["shown_label"]) == ("web-2.4.0", "web-2.4.0")
        assert deployment["change"] == {
            "verb": "upgrade",
            "mode": "Manual",
            "direction": "forward",
            "old_label": "web-2.4.0",
            "new_label": "web-2.4.1 [ro:0123456789ab]",
            "domain": 0,
            "domain_state": "During",
            "touched": [0],
        }
        assert [each["status"] for each in deployment["instances"]] == ["StoppingRole", "ReadyRole"]
        assert [each["status"] for each in state["operations"]] == ["Succeeded", "InProgress"]
        assert state["operations"][0]["request_id"] == request_id
        assert state["faults"] == [{"effect": "stuck", "times": 2}]
        assert (state["at"], state["knobs"]["label_flip"]) == (40.0, "end")


async def test_every_reply_is_framed_as_the_recorded_ones(connect: Any) -> None:
    async with connect() as wire:
        seen = set()
        for path in (SLOT, NAME, f"{SERVICE}/deploymentslots/nowhere", "/elsewhere"):
            _, headers, body = await wire.send("GET", path)
            assert headers["Content-Type"] == "application/xml; charset=utf-8"
            assert headers["Cache-Control"] == "no-cache"
            assert headers["x-ms-servedbyregion"] == "ussouth3"
            assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
            assert headers["Date"] == "Fri, 19 Feb 2016 01:33:03 GMT"
            assert headers["Server"].endswith("Microsoft-HTTPAPI/2.0")
            assert not body.startswith(b"<?xml")
            request_id = headers["x-ms-request-id"]
            assert len(request_id) == 32
            assert int(request_id, 16) >= 0
            assert request_id == request_id.lower()
            seen.add(request_id)
        assert len(seen) == 4


async def test_the_same_seed_gives_the_same_request_ids(connect: Any) -> None:
    ids = []
    for seed in (3, 3, 4):
        async with connect(seed=seed) as wire:
            ids.append((await wire.send("GET", SLOT))[1]["x-ms-request-id"])
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    "path",
    [
        f"{SERVICE}/deploymentslots/PRODUCTION?COMP=UPGRADE",
        f"{SERVICE}/deploymentslots/Production/?Comp=upgrade",
        f"{SERVICE}/deployments/svc-0001-production?comp=upgrade",
        f"{SERVICE}/deployments/svc-0001-production/?comp=Upgrade",
        f"/{SUBSCRIPTION}/Services/HostedServices/SVC-0001/DeploymentSlots/production?comp=upgrade&x=y",
    ],
)
async def test_every_spelling_of_a_path_is_the_same(connect: Any, path: str, golden: Any) -> None:
    async with connect() as wire:
        body = golden("upgrade.request.xml")
        status, _, _ = await wire.send("POST", path, body, Content_Type="application/atom+xml;type=entry;charset=utf-8")
        assert status == 202


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", f"{SERVICE}/deploymentslots/staging", 404, "ResourceNotFound"),
        ("GET", f"{SERVICE}/deploymentslots/nowhere", 400, "BadRequest"),
        ("GET", f"{SERVICE}/deployments/gone", 404, "ResourceNotFound"),
        ("GET", f"/{SUBSCRIPTION}/services/hostedservices/gone/deploymentslots/production", 404, "ResourceNotFound"),
        ("GET", f"/{SUBSCRIPTION}/nothing", 404, "ResourceNotFound"),
        ("GET", "/", 404, "ResourceNotFound"),
        ("GET", SLOT.replace("0001/s", "0002/s"), 403, "AuthenticationFailed"),
        ("GET", f"{SERVICE}/deployments/{'a' * 257}", 404, "ResourceNotFound"),
        ("POST", NAME, 400, "MissingOrInvalidRequiredQueryParameter"),
        ("POST", SLOT, 400, "InvalidXmlRequest"),
        ("POST", f"{SLOT}?comp=explode", 400, "MissingOrInvalidRequiredQueryParameter"),
        ("POST", f"{SLOT}?comp=upgrade&comp=upgrade", 400, "MissingOrInvalidRequiredQueryParameter"),
        ("PATCH", SLOT, 400, "InvalidHttpVerb"),
        ("GET", f"/{SUBSCRIPTION}/operations/{'0' * 32}", 404, "ResourceNotFound"),
        ("GET", f"/{SUBSCRIPTION}/operations/nonsense", 404, "ResourceNotFound"),
        ("GET", f"/{SUBSCRIPTION}/operations/{'z' * 32}", 404, "ResourceNotFound"),
        ("POST", f"{SLOT}?comp=upgrade", 400, "InvalidXmlRequest"),
    ],
)
async def test_what_is_wrong_is_said_with_its_code(
    connect: Any, method: str, path: str, status: int, code: str
) -> None:
    async with connect() as wire:
        got, _, body = await wire.send(method, path)
        root = etree.fromstring(body)
        assert (got, root.tag, root.findtext(f"{WIRE}Code")) == (status, f"{WIRE}Error", code)
        assert root.findtext(f"{WIRE}Message")
        assert (await wire.control("GET", "log"))[1] == []


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ([], SLOT),
        ([("x-ms-version", "2015-09-02")], SLOT),
        ([("x-ms-version", "latest")], SLOT),
        ([("x-ms-version", "2015-09-01"), ("x-ms-version", "2015-09-01")], SLOT),
    ],
)
async def test_a_missing_or_unknown_version_is_refused(connect: Any, headers: Any, path: str, golden: Any) -> None:
    async with connect() as wire, wire.session.get(wire.url + path, headers=headers) as reply:
        assert (reply.status, await reply.read()) == (400, golden("error.version.response.xml"))


async def test_rollback_is_unknown_before_its_version(connect: Any) -> None:
    async with connect() as wire:
        headers = {"x-ms-version": "2011-08-01"}
        async with wire.session.post(f"{wire.url}{SLOT}/?comp=rollback", headers=headers) as reply:
            assert reply.status == 400
            assert b"MissingOrIncorrectVersionHeader" in await reply.read()


async def test_the_ids_of_reads_answer_too(connect: Any) -> None:
    async with connect() as wire:
        _, headers, _ = await wire.send("GET", SLOT)
        request_id = headers["x-ms-request-id"]
        assert await wire.operation(request_id) == (200, "Succeeded")
        dashed = "-".join((request_id[:8], request_id[8:12], request_id[12:16], request_id[16:20], request_id[20:]))
        assert await wire.operation(dashed.upper()) == (200, "Succeeded")


async def test_the_ids_of_reads_may_be_unknown_and_the_unknown_a_bad_request(connect: Any) -> None:
    async with connect(ops_for_reads=False, unknown_operation=400) as wire:
        _, headers, _ = await wire.send("GET", SLOT)
        assert (await wire.operation(headers["x-ms-request-id"]))[0] == 400


# Faults on the wire


async def test_a_lost_request_has_no_effect_and_a_lost_answer_has(connect: Any) -> None:
    async with connect() as wire:
        await wire.control(
            "PUT", "faults", [{"verb": "upgrade", "effect": "lose_before"}, {"verb": "upgrade", "effect": "lose_after"}]
        )
        for effects in (0, 1):
            with pytest.raises(ClientError):
                await wire.post("upgrade", "upgrade.request.xml")
            assert len((await wire.control("GET", "log"))[1]) == effects


async def test_a_lost_answer_is_lost_even_if_it_was_a_refusal(connect: Any) -> None:
    async with connect() as wire:
        await wire.control("PUT", "faults", [{"verb": "walk", "effect": "lose_after"}])
        with pytest.raises(ClientError):
            await wire.walk(0)


@pytest.mark.parametrize(
    ("effect", "status", "words"),
    [
        ("409", 409, b"with x-ms-requestid "),
        ("500", 500, b"<Code>InternalError</Code>"),
        ("503", 503, b"<Code>TooManyRequests</Code><Message>Too many requests received. Retry after some time.<"),
    ],
)
async def test_a_call_is_refused_by_a_fault_and_not_applied(
    connect: Any, effect: str, status: int, words: bytes
) -> None:
    async with connect() as wire:
        await wire.control("PUT", "faults", [{"service": "svc-0001", "verb": "upgrade", "times": 2, "effect": effect}])
        for _ in range(2):
            got, _, body = await wire.send("POST", f"{SLOT}/?comp=upgrade", wire.golden("upgrade.request.xml"))
            assert got == status
            assert words in body
        assert (await wire.control("GET", "log"))[1] == []
        assert (await wire.post("upgrade", "upgrade.request.xml"))[0] == 202


async def test_a_redirect_names_another_host_and_carries_no_id(connect: Any) -> None:
    async with connect() as wire:
        await wire.control("PUT", "faults", [{"effect": 307}])
        status, headers, body = await wire.send("POST", f"{SLOT}/?comp=upgrade", wire.golden("upgrade.request.xml"))
        port = wire.url.rpartition(":")[2]
        assert (status, body) == (307, b"")
        assert headers["Location"] == f"http://localhost:{port}{SLOT}/?comp=upgrade"
        assert "x-ms-request-id" not in headers
        assert (await wire.control("GET", "log"))[1] == []


async def test_a_followed_redirect_reaches_the_service_and_shows_in_the_log(connect: Any) -> None:
    async with connect() as wire:
        await wire.control("PUT", "faults", [{"effect": 307}])
        body = wire.golden("upgrade.request.xml")
        async with wire.session.post(f"{wire.url}{SLOT}/?comp=upgrade", data=body, headers=VERSION) as reply:
            assert reply.status == 202
        assert len((await wire.control("GET", "log"))[1]) == 1


async def test_reads_meet_only_the_faults_that_name_them(connect: Any) -> None:
    async with connect() as wire:
        await wire.control(
            "PUT", "faults", [{"effect": 503}, {"verb": "get", "effect": 500}, {"verb": "poll", "effect": 503}]
        )
        _, upgrade_id = await wire.post("upgrade", "upgrade.request.xml")
        assert (await wire.send("GET", SLOT))[0] == 500
        assert (await wire.send("GET", SLOT))[0] == 200
        assert (await wire.operation(upgrade_id))[0] == 503


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 100_000, b'[{"effect": NaN}]', b'[{"effect": "explode"}]', b"{}", b"\xff"]
)
async def test_bad_faults_are_refused_with_a_message(connect: Any, body: bytes) -> None:
    async with connect() as wire, wire.session.put(f"{wire.url}/_emulator/faults", data=body) as reply:
        assert reply.status == 400
        assert json.loads(await reply.read())["error"]


# The edge


async def test_a_body_too_large_is_refused(connect: Any) -> None:
    async with connect() as wire:
        assert (await wire.send("POST", f"{SLOT}/?comp=upgrade", b"<" * 3_000_000))[0] == 413
        assert (await wire.send("POST", f"{SLOT}/?comp=upgrade", b" " * 1_100_000))[0] == 400
        async with wire.session.put(f"{wire.url}/_emulator/faults", data=BytesIO(b"[" * 3_000_000)) as reply:
            assert reply.status == 413


async def test_a_body_with_broken_compression_is_refused(connect: Any) -> None:
    async with connect() as wire:
        status, _, _ = await wire.send("POST", f"{SLOT}/?comp=upgrade", b"no gzip", Content_Encoding="gzip")
        assert status == 400


async def test_a_slow_body_is_answered_408_and_the_connection_closed(make_stage: Any) -> None:
    async with serve(make_stage().fabric, body_seconds_max=0.05) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(f"POST {SLOT}?comp=upgrade HTTP/1.1\r\nHost: a\r\nx-ms-version: 2015-09-01\r\n".encode())
        writer.write(b"Content-Length: 100\r\n\r\n<")
        reply = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 0.05 seconds" in reply


async def test_our_own_mistake_is_answered_as_internal_error_without_a_traceback(
    connect: Any,
    monkeypatch: pytest.MonkeyPatch,
    golden: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(fabric_update, "begin", broken)
    async with connect() as wire:
        status, _, body = await wire.send("POST", f"{SLOT}/?comp=upgrade", golden("upgrade.request.xml"))
        assert (status, body) == (500, golden("error.internal.response.xml"))
    assert "emulator_request_failed" in capsys.readouterr().out


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org", ""])  # noqa: S104 - refused is what is tested
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(UsageError, match="not loopback"):
        loopback(host)


def test_loopback_has_several_names() -> None:
    assert [loopback(host) for host in ("localhost", "127.0.0.1", "127.0.0.9", "::1")] == [
        "127.0.0.1",
        "127.0.0.1",
        "127.0.0.9",
        "::1",
    ]


async def test_a_port_in_use_is_a_clear_error(connect: Any, make_stage: Any) -> None:
    async with connect() as wire:
        port = int(wire.url.rpartition(":")[2])
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1 port {port}"):
            async with serve(make_stage().fabric, port=port):
                pass
