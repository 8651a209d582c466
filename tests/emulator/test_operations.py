"""Every operation over the wire, by slot and by name: its status, what it answers, and since which version."""

from base64 import b64encode
from typing import Any

import pytest
from lxml import etree

from rollout.emulator.fleet import SUBSCRIPTION
from rollout.platforms.classic.vocabulary import KNOWN_VERSIONS

SERVICES = f"/{SUBSCRIPTION}/services/hostedservices"
SERVICE = f"{SERVICES}/svc-0001"
SLOT = f"{SERVICE}/deploymentslots/production"
NAME = f"{SERVICE}/deployments/svc-0001-production"
WIRE = "{http://schemas.microsoft.com/windowsazure}"
WINDOW = "StartTime=2016-02-19&EndTime=2016-02-20"
CONTAINER = "containerUri=https%3A%2F%2Fstore.example%2Fc&overwriteExisting=true"

DEPLOYMENT = [
    ("POST", "/?comp=upgrade", "upgrade", 202, "2011-10-01"),
    ("POST", "/?comp=upgrade", "upgrade.full", 202, "2014-06-01"),
    ("POST", "/?comp=config", "config", 202, "2011-08-01"),
    ("POST", "/?comp=config", "config.full", 202, "2014-06-01"),
    ("POST", "?comp=status", "status", 202, "2009-10-01"),
    ("GET", "", None, 200, "2009-10-01"),
    ("DELETE", "", None, 202, "2009-10-01"),
    ("POST", "/roleinstances/WebRole1_IN_0?comp=reboot", None, 202, "2010-10-28"),
    ("POST", "/roleinstances/WebRole1_IN_0?comp=reimage", None, 202, "2010-10-28"),
    ("POST", "/roleinstances/WebRole1_IN_0?comp=rebuild&resources=allLocalDrives", None, 202, "2013-06-01"),
    ("POST", "/roleinstances/?comp=delete", "delete-instances", 202, "2013-08-01"),
    ("POST", f"/package?{CONTAINER}", None, 202, "2012-03-01"),
    ("GET", f"/events?{WINDOW}", None, 200, "2014-06-01"),
]
OTHERS = [
    ("POST", f"{SERVICE}/deploymentslots/staging", "create-deployment", 202, "2011-04-01"),
    ("DELETE", f"{NAME}?comp=media", None, 202, "2013-08-01"),
    ("POST", SERVICE, "swap.unnamed", 409, "2009-10-01"),
    ("GET", SERVICE, None, 200, "2009-10-01"),
    ("GET", f"{SERVICE}?embed-detail=true", None, 200, "2009-10-01"),
    ("PUT", SERVICE, "update-service", 200, "2012-03-01"),
    ("DELETE", f"{SERVICE}?comp=media", None, 202, "2013-08-01"),
    ("GET", SERVICES, None, 200, "2009-10-01"),
    ("POST", SERVICES, "create-service", 201, "2012-03-01"),
    ("GET", f"{SERVICES}/operations/isavailable/free", None, 200, "2012-03-01"),
    ("POST", f"{SERVICE}/extensions", "add-extension", 202, "2013-03-01"),
    ("GET", f"{SERVICE}/extensions", None, 200, "2013-03-01"),
    ("GET", f"/{SUBSCRIPTION}/operations?{WINDOW}", None, 200, "2009-10-01"),
]
EVERY = [*((method, f"{base}{rest}", *more) for base in (SLOT, NAME) for method, rest, *more in DEPLOYMENT), *OTHERS]
"""Method, path, request, status, and the version since which the service knows all of it."""


def body(golden: Any, name: str | None) -> bytes:
    return b"" if name is None else bytes(golden(f"{name}.request.xml"))


@pytest.mark.parametrize("operation", EVERY, ids=lambda operation: f"{operation[0]} {operation[1][45:]}")
async def test_an_operation_answers_as_recorded_and_is_unknown_before_its_version(
    connect: Any, golden: Any, operation: tuple[str, str, str | None, int, str]
) -> None:
    method, path, name, status, since = operation
    async with connect() as wire:
        before = [version for version in KNOWN_VERSIONS if version < since]
        if before:
            assert (await wire.send(method, path, body(golden, name), x_ms_version=max(before)))[0] == 400
        assert wire.stage.log() == []
        got, headers, shown = await wire.send(method, path, body(golden, name), x_ms_version=since)
        assert got == status
        assert len(headers["x-ms-request-id"]) == 32
        assert (shown == b"") == (status in {201, 202} or method == "PUT")
        if status == 202:
            assert (await wire.operation(headers["x-ms-request-id"]))[1] == "InProgress"


async def test_a_created_service_has_a_location_that_is_no_redirect(connect: Any, golden: Any) -> None:
    async with connect() as wire:
        status, headers, _ = await wire.send("POST", SERVICES, golden("create-service.request.xml"))
        place = f"https://management.core.windows.net/subscriptions/{SUBSCRIPTION}/compute/svc-new"
        assert (status, headers["Location"]) == (201, place)
        again, _, refusal = await wire.send("POST", SERVICES, golden("create-service.request.xml"))
        assert (again, refusal) == (409, golden("error.name-taken.response.xml"))
        assert (await wire.send("DELETE", f"{SERVICES}/svc-new"))[0] == 200


async def test_services_are_listed_page_by_page(connect: Any) -> None:
    async with connect(services=5, list_services_page_size=2) as wire:
        names: list[str | None] = []
        sizes: list[int] = []
        token: dict[str, str] = {}
        while True:
            _, headers, reply = await wire.send("GET", SERVICES, **token)
            page = etree.fromstring(reply).findall(f"{WIRE}HostedService/{WIRE}ServiceName")
            names += [each.text for each in page]
            sizes.append(len(page))
            if "x-ms-continuation-token" not in headers:
                break
            token = {"x_ms_continuation_token": headers["x-ms-continuation-token"]}
        assert (names, sizes) == ([f"svc-000{n}" for n in range(1, 6)], [2, 2, 1])


async def test_a_swap_is_seen_in_one_call_with_details(connect: Any, golden: Any) -> None:
    async with connect(staging=True) as wire:
        assert (await wire.send("POST", SERVICE, golden("swap.request.xml")))[0] == 202
        wire.stage.wait(31)
        _, _, reply = await wire.send("GET", f"{SERVICE}?Embed-Detail=TRUE")
        shown = etree.fromstring(reply).findall(f"{WIRE}Deployments/{WIRE}Deployment")
        assert [each.findtext(f"{WIRE}Name") for each in shown] == ["svc-0001-staging", "svc-0001-production"]
        assert [each.findtext(f"{WIRE}DeploymentSlot") for each in shown] == ["Production", "Staging"]
        assert (await wire.send("POST", SERVICE, golden("swap.request.xml")))[2] == golden(
            "error.swap-names.response.xml"
        )


async def test_a_deploying_body_has_no_url_no_configuration_and_empty_lists(connect: Any, golden: Any) -> None:
    async with connect() as wire:
        staging = f"{SERVICE}/deploymentslots/staging"
        await wire.send("POST", staging, golden("create-deployment.request.xml"))
        shown = await wire.deployment(staging)
        assert [etree.QName(each).localname for each in shown] == [
            "Name",
            "DeploymentSlot",
            "PrivateID",
            "Status",
            "Label",
            "RoleInstanceList",
            "RoleList",
            "SdkVersion",
            "Locked",
            "RollbackAllowed",
            "CreatedTime",
            "LastModifiedTime",
            "ExtendedProperties",
            "VirtualIPs",
            "LoadBalancers",
        ]
        assert (shown.findtext(f"{WIRE}Status"), shown.findtext(f"{WIRE}Locked")) == ("Deploying", "true")
        wire.stage.wait(200)
        host = (await wire.deployment(staging)).findtext(f"{WIRE}Url")
        assert host == f"http://{shown.findtext(f'{WIRE}PrivateID')}.cloudapp.net/"


async def test_extensions_are_added_shown_and_deleted(connect: Any, golden: Any) -> None:
    async with connect() as wire:
        assert (await wire.send("GET", f"{SERVICE}/extensions"))[2] == golden("extensions.empty.response.xml")
        _, headers, _ = await wire.send("POST", f"{SERVICE}/extensions", golden("add-extension.request.xml"))
        wire.stage.wait(36)
        assert await wire.operation(headers["x-ms-request-id"]) == (200, "Succeeded")
        assert (await wire.send("GET", f"{SERVICE}/extensions"))[2] == golden("extensions.response.xml")
        assert (await wire.send("GET", f"{SERVICE}/extensions/diagnostics"))[2] == golden("extension.response.xml")
        assert (await wire.send("DELETE", f"{SERVICE}/extensions/Diagnostics"))[0] == 202
        assert (await wire.send("GET", f"{SERVICE}/extensions/Diagnostics"))[0] == 404


async def test_an_extensions_private_configuration_is_in_no_listing(connect: Any, golden: Any) -> None:
    async with connect() as wire:
        await wire.send("POST", f"{SERVICE}/extensions", golden("add-extension.request.xml"))
        _, _, reply = await wire.send("GET", f"/{SUBSCRIPTION}/operations?{WINDOW}")
        assert b"AddHostedServiceExtension" in reply
        assert b"PrivateConfiguration" not in reply


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{SLOT}/roleinstances/WebRole1_IN_0?comp=rebuild"),
        ("POST", f"{SLOT}/roleinstances/WebRole1_IN_0"),
        ("POST", f"{SLOT}/package"),
        ("POST", f"{SLOT}/package?containerUri=https://a&overwriteExisting=maybe"),
        ("DELETE", f"{SLOT}?comp=media"),
        ("DELETE", f"{SLOT}?comp=upgrade"),
        ("GET", f"/{SUBSCRIPTION}/operations"),
        ("GET", f"/{SUBSCRIPTION}/operations?StartTime=2016-02-19"),
        ("GET", f"{SLOT}/events?StartTime=2016-02-19&EndTime=later"),
    ],
)
async def test_a_missing_or_senseless_query_parameter_is_refused(connect: Any, method: str, path: str) -> None:
    async with connect() as wire:
        status, _, reply = await wire.send(method, path)
        assert (status, b"MissingOrInvalidRequiredQueryParameter" in reply) == (400, True)
        assert wire.stage.log() == []


async def test_an_upgrade_that_would_lose_data_is_refused_unless_it_is_forced(connect: Any, golden: Any) -> None:
    for status in (400, 409):
        async with connect(force_refused=status) as wire:
            wire.stage.fault(verb="upgrade", effect="data_loss")
            upgrade = golden("upgrade.request.xml")
            forced = upgrade.replace(b"<Force>false", b"<Force>true")
            assert (await wire.send("POST", f"{SLOT}?comp=upgrade", forced))[0] == 202
            wire.stage.wait(40)
            assert (await wire.send("POST", f"{SLOT}?comp=upgrade", upgrade))[0] == status
            assert (await wire.send("POST", f"{SLOT}?comp=upgrade", upgrade))[0] == 202


@pytest.mark.parametrize(
    ("since", "name"),
    [
        ("2011-06-01", "UpgradeDomainCount"),
        ("2011-06-01", "Locked"),
        ("2011-06-01", "RollbackAllowed"),
        ("2012-03-01", "ExtendedProperties"),
        ("2013-03-01", "ExtensionConfiguration"),
    ],
)
async def test_a_reply_shows_an_element_only_to_a_version_that_knows_it(
    connect: Any, golden: Any, since: str, name: str
) -> None:
    async with connect() as wire:
        await wire.send("POST", f"{SLOT}/?comp=config", golden("config.full.request.xml"))
        wire.stage.wait(1000)
        before = max(version for version in KNOWN_VERSIONS if version < since)
        for version, shown in ((since, True), (before, False)):
            _, _, reply = await wire.send("GET", SLOT, x_ms_version=version)
            assert (etree.fromstring(reply).find(f"{WIRE}{name}") is not None) is shown


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<Label>d2ViLTIuNC4x</Label>", b"<Label>d2ViLTIuNC4x\n</Label>"),
        (b"<Label>d2ViLTIuNC4x</Label>", b"<Label>" + b64encode(b"x" * 101) + b"</Label>"),
        (b"<Name>Ticket</Name>", b"<Name>" + b"a" * 65 + b"</Name>"),
        (b"<Name>Ticket</Name>", b"<Name>1Ticket</Name>"),
        (b"OPS-311", b"v" * 256),
        (b"<Name>svc-0001-new</Name>", b"<Name>a/b</Name>"),
        (b"https://relstore", b"file://relstore"),
    ],
)
async def test_x29_x30_values_beyond_their_limits_create_no_deployment(
    connect: Any, golden: Any, old: bytes, new: bytes
) -> None:
    async with connect() as wire:
        whole = golden("create-deployment.full.request.xml")
        assert old in whole
        status, _, reply = await wire.send("POST", f"{SERVICE}/deploymentslots/staging", whole.replace(old, new))
        assert (status, b"<Code>BadRequest</Code>" in reply) == (400, True)
        assert wire.stage.log() == []
