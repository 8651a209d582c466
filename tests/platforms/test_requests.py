"""Every operation of the API as a request: byte for byte as the golden files, and only what a version knows."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from rollout.core.names import ServiceName, Slot, Target
from rollout.errors import UsageError
from rollout.platforms.classic import xml
from rollout.platforms.classic.extensions import ExtensionConfiguration, ExtensionState, ExtensionUse, RoleExtensions
from rollout.platforms.classic.properties import ExtendedProperty
from rollout.platforms.classic.request import Call, CannotEncode, NeedsVersion, Request, checked_version
from rollout.platforms.classic.requests.configure import ChangeConfiguration
from rollout.platforms.classic.requests.create import CreateDeployment
from rollout.platforms.classic.requests.delete import DeleteDeployment
from rollout.platforms.classic.requests.deployment import GetDeployment
from rollout.platforms.classic.requests.extension import AddExtension, DeleteExtension, GetExtension, ListExtensions
from rollout.platforms.classic.requests.instance import DeleteInstances, Renewal, RenewInstance
from rollout.platforms.classic.requests.operation import GetOperation, ListOperations
from rollout.platforms.classic.requests.package import GetPackage
from rollout.platforms.classic.requests.rollback import RollbackUpdateOrUpgrade
from rollout.platforms.classic.requests.service import CheckName, GetService, ListServices
from rollout.platforms.classic.requests.service_change import CreateService, DeleteService, UpdateService
from rollout.platforms.classic.requests.status import UpdateDeploymentStatus
from rollout.platforms.classic.requests.swap import SwapDeployment
from rollout.platforms.classic.requests.upgrade import UpgradeDeployment
from rollout.platforms.classic.requests.walk import WalkUpgradeDomain
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, Mode, OperationStatus

SUB = "00000000-0000-4000-8000-000000000001"
SERVICES = f"/{SUB}/services/hostedservices"
SERVICE = f"{SERVICES}/svc-0001"
NAMED = Target(SUB, ServiceName("svc-0001"), Slot.PRODUCTION, "dep-1")
SLOT = Target(SUB, ServiceName("svc-0001"), Slot.STAGING)
NEW = Target(SUB, ServiceName("svc-0001"), Slot.STAGING, "svc-0001-new")
URL = "https://relstore.blob.example/weu/web-2.4.1.cspkg?sv=1&sig=x"
TICKET = (ExtendedProperty("Ticket", "OPS-311 & <web>"),)
EXTENSIONS = ExtensionConfiguration(
    all_roles=(ExtensionUse("Diagnostics"),),
    named_roles=(RoleExtensions("WebRole1", (ExtensionUse("RDP", ExtensionState.DISABLE),)),),
)
SINCE, UNTIL = datetime(2016, 2, 19, 1, 33, 3, tzinfo=UTC), datetime(2016, 2, 19, 2, 0, tzinfo=UTC)

QUOTED = SERVICE.replace("/", "%2F")
LISTED = f"/{SUB}/operations?StartTime=2016-02-19T01%3A33%3A03Z&EndTime=2016-02-19T02%3A00%3A00Z"


def golden_bytes(kit: Any, name: str) -> bytes:
    raw: bytes = (kit.golden / f"{name}.request.xml").read_bytes()
    return raw


def configuration(kit: Any, name: str = "config") -> bytes:
    """Take the configuration a golden file carries."""
    root = xml.parse(golden_bytes(kit, name), {"ChangeConfiguration", "UpgradeDeployment", "CreateDeployment"})
    return base64.b64decode(xml.text(root, "Configuration") or "")


def sent(call: Call, version: str = CLIENT_VERSION) -> Request:
    return call.request(version)


def upgrade(**changes: Any) -> UpgradeDeployment:
    fields: dict[str, Any] = {
        "target": NAMED,
        "mode": Mode.MANUAL,
        "package_url": URL,
        "configuration": b"<x/>",
        "label": "web-2.4.1 [ro:0123456789ab]",
    }
    return UpgradeDeployment(**(fields | changes))


def configure(**changes: Any) -> ChangeConfiguration:
    fields: dict[str, Any] = {"target": NAMED, "configuration": b"<x/>", "mode": Mode.MANUAL}
    return ChangeConfiguration(**(fields | changes))


def create(**changes: Any) -> CreateDeployment:
    fields: dict[str, Any] = {
        "target": NEW,
        "package_url": URL,
        "configuration": b"<x/>",
        "label": "web-2.4.1",
        "start": True,
    }
    return CreateDeployment(**(fields | changes))


def add_extension(**changes: Any) -> AddExtension:
    fields: dict[str, Any] = {
        "subscription": SUB,
        "service": "svc-0001",
        "provider": "Microsoft.Azure.Diagnostics",
        "type": "PaaSDiagnostics",
        "id": "Diagnostics",
        "public": b"<PublicConfig/>",
        "private": b"<PrivateConfig/>",
        "version": "1.*",
    }
    return AddExtension(**(fields | changes))


def golden_calls(kit: Any) -> dict[str, Call]:
    """Give the call behind each golden request."""
    posted = configuration(kit)
    return {
        "upgrade": upgrade(configuration=configuration(kit, "upgrade")),
        "upgrade.full": upgrade(
            configuration=configuration(kit, "upgrade.full"),
            mode=Mode.AUTO,
            role="WebRole1",
            force=True,
            properties=TICKET,
            extensions=EXTENSIONS,
        ),
        "config": configure(configuration=posted),
        "config.full": configure(
            configuration=posted,
            mode=Mode.SIMULTANEOUS,
            treat_warnings_as_error=True,
            properties=TICKET,
            extensions=EXTENSIONS,
        ),
        "walk": WalkUpgradeDomain(target=NAMED, domain=0),
        "rollback": RollbackUpdateOrUpgrade(target=NAMED, mode=Mode.AUTO),
        "rollback.manual": RollbackUpdateOrUpgrade(target=NAMED, mode=Mode.MANUAL),
        "status": UpdateDeploymentStatus(target=NAMED, running=False),
        "status.running": UpdateDeploymentStatus(target=NAMED, running=True),
        "swap": SwapDeployment(
            subscription=SUB, service="svc-0001", source="svc-0001-staging", production="svc-0001-production"
        ),
        "swap.unnamed": SwapDeployment(
            subscription=SUB, service="svc-0001", source="svc-0001-staging", production=None
        ),
        "create-deployment": create(configuration=configuration(kit, "create-deployment")),
        "create-deployment.full": create(
            configuration=configuration(kit, "create-deployment.full"),
            start=False,
            properties=TICKET,
            extensions=EXTENSIONS,
        ),
        "add-extension": add_extension(),
        "delete-instances": DeleteInstances(target=NAMED, instances=("WebRole1_IN_1",)),
        "create-service": CreateService(
            subscription=SUB,
            name="svc-new",
            label="svc-new",
            description="A & B",
            location="East US",
            properties=TICKET,
        ),
        "update-service": UpdateService(
            subscription=SUB, service="svc-0001", label="svc renamed", description="A & B", properties=TICKET
        ),
    }


def test_every_golden_request_is_what_we_send(kit: Any) -> None:
    calls = golden_calls(kit)
    assert set(calls) == {path.name.removesuffix(".request.xml") for path in kit.golden.glob("*.request.xml")}
    for name, call in calls.items():
        assert sent(call).body == golden_bytes(kit, name), name


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        (upgrade(), "POST", f"{SERVICE}/deployments/dep-1/?comp=upgrade"),
        (upgrade(target=SLOT), "POST", f"{SERVICE}/deploymentslots/Staging/?comp=upgrade"),
        (configure(), "POST", f"{SERVICE}/deployments/dep-1/?comp=config"),
        (
            WalkUpgradeDomain(target=SLOT, domain=1),
            "POST",
            f"{SERVICE}/deploymentslots/Staging/?comp=walkupgradedomain",
        ),
        (RollbackUpdateOrUpgrade(target=NAMED, mode=Mode.AUTO), "POST", f"{SERVICE}/deployments/dep-1/?comp=rollback"),
        (UpdateDeploymentStatus(target=NAMED, running=True), "POST", f"{SERVICE}/deployments/dep-1/?comp=status"),
        (SwapDeployment(subscription=SUB, service="svc-0001", source="a", production="b"), "POST", SERVICE),
        (create(), "POST", f"{SERVICE}/deploymentslots/Staging"),
        (DeleteDeployment(target=NAMED), "DELETE", f"{SERVICE}/deployments/dep-1"),
        (DeleteDeployment(target=SLOT), "DELETE", f"{SERVICE}/deploymentslots/Staging"),
        (DeleteDeployment(target=NAMED, media=True), "DELETE", f"{SERVICE}/deployments/dep-1?comp=media"),
        (GetDeployment(target=NAMED), "GET", f"{SERVICE}/deployments/dep-1"),
        (GetOperation(subscription=SUB, id="f" * 32), "GET", f"/{SUB}/operations/{'f' * 32}"),
        (GetService(subscription=SUB, service="svc-0001"), "GET", SERVICE),
        (GetService(subscription=SUB, service="svc-0001", detail=True), "GET", f"{SERVICE}?embed-detail=true"),
        (ListServices(subscription=SUB), "GET", SERVICES),
        (
            CheckName(subscription=SUB, name="a b"),
            "GET",
            f"/{SUB}/services/hostedservices/operations/isavailable/a%20b",
        ),
        (
            RenewInstance(target=SLOT, instance="WebRole1_IN_0", renewal=Renewal.REBOOT),
            "POST",
            f"{SERVICE}/deploymentslots/Staging/roleinstances/WebRole1_IN_0?comp=reboot",
        ),
        (
            RenewInstance(target=NAMED, instance="WebRole1_IN_0", renewal=Renewal.REIMAGE),
            "POST",
            f"{SERVICE}/deployments/dep-1/roleinstances/WebRole1_IN_0?comp=reimage",
        ),
        (
            RenewInstance(target=NAMED, instance="WebRole1_IN_0", renewal=Renewal.REBUILD),
            "POST",
            f"{SERVICE}/deployments/dep-1/roleinstances/WebRole1_IN_0?comp=rebuild&resources=allLocalDrives",
        ),
        (
            DeleteInstances(target=NAMED, instances=("a",)),
            "POST",
            f"{SERVICE}/deployments/dep-1/roleinstances/?comp=delete",
        ),
        (
            GetPackage(target=NAMED, container_url="https://a.example/c?sig=1"),
            "POST",
            f"{SERVICE}/deployments/dep-1/package?containerUri=https%3A%2F%2Fa.example%2Fc%3Fsig%3D1&overwriteExisting=false",
        ),
        (add_extension(), "POST", f"{SERVICE}/extensions"),
        (ListExtensions(subscription=SUB, service="svc-0001"), "GET", f"{SERVICE}/extensions"),
        (GetExtension(subscription=SUB, service="svc-0001", id="x/y"), "GET", f"{SERVICE}/extensions/x%2Fy"),
        (DeleteExtension(subscription=SUB, service="svc-0001", id="x"), "DELETE", f"{SERVICE}/extensions/x"),
        (UpdateService(subscription=SUB, service="svc-0001", label="l"), "PUT", SERVICE),
        (DeleteService(subscription=SUB, service="svc-0001"), "DELETE", SERVICE),
        (
            ListOperations(subscription=SUB, start=SINCE, end=UNTIL),
            "GET",
            LISTED,
        ),
        (
            ListOperations(
                subscription=SUB,
                start=SINCE.astimezone(timezone(timedelta(hours=2))),
                end=UNTIL,
                object_path=SERVICE,
                status=OperationStatus.IN_PROGRESS,
                continuation="a+b",
            ),
            "GET",
            f"{LISTED}&ObjectIdFilter={QUOTED}&OperationResultFilter=InProgress&ContinuationToken=a%2Bb",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_operation_has_its_method_and_path(call: Call, method: str, path: str) -> None:
    request = sent(call)
    assert (request.method, request.path, call.subscription) == (method, path, SUB)
    assert request.mutates is (method != "GET")


def test_operations_without_a_document_have_an_empty_body() -> None:
    for call in (
        RenewInstance(target=NAMED, instance="i", renewal=Renewal.REBUILD),
        GetPackage(target=NAMED, container_url="https://a.example/c"),
        DeleteDeployment(target=NAMED),
    ):
        assert sent(call).body == b""


@pytest.mark.parametrize(
    ("call", "needed"),
    [
        (upgrade(mode=Mode.SIMULTANEOUS), "2012-12-01"),
        (upgrade(force=True), "2011-10-01"),
        (upgrade(properties=TICKET), "2012-03-01"),
        (upgrade(extensions=ExtensionConfiguration((ExtensionUse("a"),))), "2013-03-01"),
        (upgrade(extensions=EXTENSIONS), "2014-06-01"),
        (configure(treat_warnings_as_error=True, mode=Mode.AUTO), "2011-04-01"),
        (configure(), "2011-08-01"),
        (configure(mode=Mode.SIMULTANEOUS), "2013-03-01"),
        (configure(properties=TICKET), "2012-03-01"),
        (create(treat_warnings_as_error=True), "2011-04-01"),
        (create(properties=TICKET), "2012-03-01"),
        (RollbackUpdateOrUpgrade(target=NAMED, mode=Mode.AUTO), "2011-10-01"),
        (DeleteDeployment(target=NAMED, media=True), "2013-08-01"),
        (RenewInstance(target=NAMED, instance="i", renewal=Renewal.REBOOT), "2010-10-28"),
        (RenewInstance(target=NAMED, instance="i", renewal=Renewal.REIMAGE), "2010-10-28"),
        (RenewInstance(target=NAMED, instance="i", renewal=Renewal.REBUILD), "2013-06-01"),
        (DeleteInstances(target=NAMED, instances=("i",)), "2013-08-01"),
        (GetPackage(target=NAMED, container_url="https://a.example/c"), "2012-03-01"),
        (add_extension(), "2013-03-01"),
        (ListExtensions(subscription=SUB, service="s"), "2013-03-01"),
        (GetExtension(subscription=SUB, service="s", id="x"), "2013-03-01"),
        (DeleteExtension(subscription=SUB, service="s", id="x"), "2013-03-01"),
        (CheckName(subscription=SUB, name="s"), "2012-03-01"),
        (CreateService(subscription=SUB, name="s", label="l", location="East US"), "2010-10-28"),
        (UpdateService(subscription=SUB, service="s", label="l"), "2010-10-28"),
        (DeleteService(subscription=SUB, service="s"), "2010-10-28"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_an_older_version_does_not_know_names_the_version_it_needs(call: Call, needed: str) -> None:
    assert sent(call, needed).path
    older = f"{int(needed[:4]) - 1}-12-31"
    with pytest.raises(NeedsVersion, match=f"needs x-ms-version {needed} or later, and {older} is chosen") as caught:
        sent(call, older)
    assert caught.value.needed == needed


def test_an_older_version_is_not_told_what_it_would_do_anyway() -> None:
    assert b"Force" not in sent(upgrade(), "2011-09-30").body
    assert b"Force" in sent(upgrade(), "2011-10-01").body
    body = sent(configure(mode=Mode.AUTO), "2011-03-31").body
    assert b"Mode" not in body
    assert b"TreatWarningsAsError" not in body
    assert b"TreatWarningsAsError" not in sent(create(), "2011-03-31").body


def test_treat_warnings_as_error_is_never_sent_in_an_upgrade_and_label_never_in_a_configuration_change() -> None:
    assert b"Warnings" not in sent(upgrade(properties=TICKET, extensions=EXTENSIONS, force=True)).body
    for name in (b"<Label>", b"<Force>"):
        assert name not in sent(configure(properties=TICKET, extensions=EXTENSIONS)).body


@pytest.mark.parametrize("version", ["2015-09-01", "2017-01-01", "2009-10-01"])
def test_x_ms_version_is_a_date(version: str) -> None:
    assert checked_version(version) == version


@pytest.mark.parametrize("version", ["", "latest", "2015-9-1", "2015-09-01\r\nx: y", "2015-13-01", "2015-09-01 "])
def test_x_ms_version_that_is_no_date_is_a_usage_error(version: str) -> None:
    with pytest.raises(UsageError, match="expected a date"):
        checked_version(version)


def properties(*pairs: tuple[str, str | None]) -> tuple[ExtendedProperty, ...]:
    return tuple(ExtendedProperty(*pair) for pair in pairs)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (properties(*((f"p{n}", "v") for n in range(26))), "26 extended properties; the API takes 25"),
        (properties(("a" * 65, "v")), "has 65 characters; the API takes 64"),
        (properties(("a", "v" * 256)), "has 256 characters; the API takes 255"),
        (properties(("1a", "v")), "begins with a letter"),
        (properties(("a-b", "v")), "letters, digits and underscores"),
        (properties(("a\n", "v")), "letters, digits and underscores"),
        (properties(("ä", "v")), "letters, digits and underscores"),
        (properties(("", "v")), "begins with a letter"),
        (properties(("a", "1"), ("a", "2")), "a is named twice"),
    ],
)
def test_properties_over_the_apis_limits_are_refused_before_sending(
    given: tuple[ExtendedProperty, ...], sentence: str
) -> None:
    for call in (upgrade(properties=given), configure(properties=given), create(properties=given)):
        with pytest.raises(CannotEncode, match=sentence):
            sent(call)


def test_properties_at_the_limits_pass_and_a_null_value_is_nil() -> None:
    at_limits = properties(*((f"{'a' * 62}{n:02}", "v" * 255) for n in range(25)))
    assert sent(upgrade(properties=at_limits)).body.count(b"<ExtendedProperty>") == 25
    request = sent(upgrade(properties=properties(("gone", None), ("empty", ""))))
    root = xml.parse(request.body, {"UpgradeDeployment"})
    listed = xml.child(root, "ExtendedProperties")
    assert listed is not None
    values = [xml.text(pair, "Value") for pair in xml.children(listed, "ExtendedProperty")]
    assert values == [None, ""]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (upgrade(label="x" * 101), "101 characters"),
        (create(label="x" * 101), "101 characters"),
        (CreateService(subscription=SUB, name="s", label="x" * 101, location="East US"), "101 characters"),
        (upgrade(package_url="ftp://x/y"), "the package reference is not an http or https URL"),
        (upgrade(package_url="https://x.example/a b"), "the package reference is not an http or https URL"),
        (upgrade(package_url="https://x.example/" + "a" * 2_048), "longer than 2048"),
        (upgrade(package_url="https://[x/"), "is not a URL"),
        (upgrade(role="a\x00b"), "RoleToUpgrade contains a character"),
        (upgrade(label="\ud800"), "half a character"),
        (WalkUpgradeDomain(target=NAMED, domain=20), "cannot exist"),
        (WalkUpgradeDomain(target=NAMED, domain=-1), "cannot exist"),
        (RollbackUpdateOrUpgrade(target=NAMED, mode=Mode.SIMULTANEOUS), "no Mode Simultaneous"),
        (SwapDeployment(subscription=SUB, service="s", source="", production="b"), "names deployments"),
        (SwapDeployment(subscription=SUB, service="s", source="a", production=""), "names deployments"),
        (create(target=SLOT), "needs a name"),
        (DeleteDeployment(target=SLOT, media=True), "by its own name"),
        (DeleteInstances(target=NAMED, instances=()), "at least one"),
        (DeleteInstances(target=NAMED, instances=("a", "a")), "none of them twice"),
        (RenewInstance(target=NAMED, instance="..", renewal=Renewal.REBOOT), "cannot name anything"),
        (GetPackage(target=NAMED, container_url="keep"), "the container reference is not"),
        (add_extension(version="latest"), "expected \\*, X"),
        (add_extension(id=""), "needs its Id"),
        (CreateService(subscription=SUB, name="s", label="l"), "exactly one"),
        (CreateService(subscription=SUB, name="s", label="l", location="a", affinity_group="b"), "exactly one"),
        (UpdateService(subscription=SUB, service="s"), "changes nothing"),
        (ListOperations(subscription=SUB, start=UNTIL, end=SINCE), "forward in time"),
        (ListOperations(subscription=SUB, start=SINCE, end=SINCE + timedelta(days=91)), "over 90 days"),
        (ListOperations(subscription=SUB, start=SINCE.replace(tzinfo=None), end=UNTIL), "no time zone"),
        (ListOperations(subscription=SUB, start=SINCE, end=UNTIL, continuation="x" * 2_049), "a query takes 2048"),
        (ListServices(subscription=SUB, continuation="a\r\nb"), "a header can carry"),
        (ListServices(subscription=SUB, continuation="a" * 4_097), "a header can carry"),
        (
            upgrade(extensions=ExtensionConfiguration(named_roles=(RoleExtensions("a", ()), RoleExtensions("a", ())))),
            "one role twice",
        ),
    ],
)
def test_what_the_api_could_only_refuse_is_refused_before_sending(call: Call, sentence: str) -> None:
    with pytest.raises(CannotEncode, match=sentence):
        sent(call)


@pytest.mark.parametrize("version", ["*", "1.*", "1.2", "1.2.3.4", None])
def test_versions_of_extensions_are_sent_as_they_are(version: str | None) -> None:
    body = sent(add_extension(version=version)).body
    assert (f"<Version>{version}</Version>".encode() in body) is (version is not None)


def test_an_extension_configuration_that_names_none_is_sent_empty() -> None:
    assert b"<ExtensionConfiguration/>" in sent(configure(extensions=ExtensionConfiguration())).body
    assert b"ExtensionConfiguration" not in sent(configure()).body


def test_a_listings_mark_travels_beside_the_path() -> None:
    request = sent(ListServices(subscription=SUB, continuation="next=1"))
    assert (request.path, request.continuation) == (f"/{SUB}/services/hostedservices", "next=1")
