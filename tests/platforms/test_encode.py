"""Operations become requests: byte for byte as the golden files, with nothing the API could misread."""

import base64
from typing import Any

import pytest

from rollout.core.names import Digest, ServiceName, Slot, Target
from rollout.core.operation import (
    ActOnInstance,
    CapturePackage,
    Create,
    ExtensionUse,
    Extras,
    InstanceVerb,
    Mode,
    Operation,
    RollBack,
    RollbackMode,
    SetStatus,
    StartConfigure,
    StartUpgrade,
    SwapSlots,
    Walk,
)
from rollout.platforms.classic import xml
from rollout.platforms.classic.encode import encode, payloads_of
from rollout.platforms.classic.request import CannotEncode, Request
from rollout.platforms.classic.requests.deployment import GetDeployment
from rollout.platforms.classic.requests.operation import GetOperation
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, CONFIGURATION_NAMESPACE

PACKAGE = Digest("a" * 64)
CONFIGURATION = Digest("b" * 64)
CONTAINER = Digest("c" * 64)
URL = b"https://relstore.blob.example/weu/web-2.4.1.cspkg?sv=1&sig=x"
CONTAINER_URL = b"https://relstore.blob.example/old?sv=1&sig=x\n"
EXTRAS = Extras(
    {"Ticket": "OPS-311 & <web>"},
    (ExtensionUse("RDP", "disable", "WebRole1"), ExtensionUse("Diagnostics", "enable")),
)


def upgrade(**changes: Any) -> StartUpgrade:
    fields: dict[str, Any] = {
        "package": PACKAGE,
        "configuration": CONFIGURATION,
        "label": "web-2.4.1 [ro:0123456789ab]",
        "instance_counts": {"WebRole1": 2},
    }
    return StartUpgrade(**(fields | changes))


def sent(kit: Any, operation: Operation, url: bytes = URL, configuration: bytes | None = None) -> Request:
    payloads = {
        CONTAINER: CONTAINER_URL,
        PACKAGE: url,
        CONFIGURATION: kit.configuration() if configuration is None else configuration,
    }
    return encode(kit.target(), operation, payloads).request(CLIENT_VERSION)


def get_deployment(target: Target) -> Request:
    return GetDeployment(target=target).request(CLIENT_VERSION)


def fields_of(request: Request) -> list[tuple[str, str]]:
    root = xml.parse(
        request.body, {"UpgradeDeployment", "WalkUpgradeDomain", "RollbackUpdateOrUpgrade"}, limits=xml.XmlLimits()
    )
    return [(xml.local(element), element.text or "") for element in root]


def golden_configuration(kit: Any, name: str = "upgrade.request.xml") -> bytes:
    documents = {"UpgradeDeployment", "ChangeConfiguration", "CreateDeployment"}
    root = xml.parse((kit.golden / name).read_bytes(), documents)
    return base64.b64decode(xml.text(root, "Configuration") or "")


def test_an_upgrade_is_the_golden_file(kit: Any) -> None:
    request = sent(kit, upgrade(), configuration=golden_configuration(kit))
    assert request.body == (kit.golden / "upgrade.request.xml").read_bytes()


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (Walk(0), "walk.request.xml"),
        (RollBack(), "rollback.request.xml"),
        (RollBack(RollbackMode.MANUAL), "rollback.manual.request.xml"),
        (SetStatus(running=False), "status.request.xml"),
        (SetStatus(running=True), "status.running.request.xml"),
        (SwapSlots("svc-0001-production", "svc-0001-staging"), "swap.request.xml"),
        (SwapSlots(None, "svc-0001-staging"), "swap.unnamed.request.xml"),
    ],
)
def test_small_operations_are_the_golden_files(kit: Any, operation: Operation, name: str) -> None:
    assert sent(kit, operation).body == (kit.golden / name).read_bytes()


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (upgrade(mode=Mode.AUTO, role="WebRole1", force=True, extras=EXTRAS), "upgrade.full.request.xml"),
        (StartConfigure(CONFIGURATION, "key"), "config.request.xml"),
        (
            StartConfigure(CONFIGURATION, "key", Mode.SIMULTANEOUS, treat_warnings_as_error=True, extras=EXTRAS),
            "config.full.request.xml",
        ),
        (Create("svc-0001-new", PACKAGE, CONFIGURATION, "web-2.4.1"), "create-deployment.request.xml"),
    ],
)
def test_a_change_with_a_configuration_is_the_golden_file(kit: Any, operation: Operation, name: str) -> None:
    request = sent(kit, operation, configuration=golden_configuration(kit, name))
    assert request.body == (kit.golden / name).read_bytes()


def test_a_deployment_is_created_in_the_slot_whatever_stood_there(kit: Any) -> None:
    create = Create("svc-0001-new", PACKAGE, CONFIGURATION, "web-2.4.1", EXTRAS)
    request = sent(kit, create)
    assert (request.method, request.path) == ("POST", f"{kit.service}/deploymentslots/Production")
    assert b"<StartDeployment>true</StartDeployment>" in request.body
    assert b"<Name>Ticket</Name>" in request.body
    assert b"<Id>Diagnostics</Id>" in request.body


def test_a_swap_is_posted_to_the_service(kit: Any) -> None:
    request = sent(kit, SwapSlots("a", "b"))
    assert (request.method, request.path) == ("POST", kit.service)


@pytest.mark.parametrize(
    ("verb", "query"),
    [
        (InstanceVerb.REBOOT, "comp=reboot"),
        (InstanceVerb.REIMAGE, "comp=reimage"),
        (InstanceVerb.REBUILD, "comp=rebuild&resources=allLocalDrives"),
    ],
)
def test_an_instance_is_named_in_the_path_without_a_slash_and_nothing_is_posted(
    kit: Any, verb: InstanceVerb, query: str
) -> None:
    request = sent(kit, ActOnInstance(verb, "WebRole1_IN_0"))
    assert request.path == f"{kit.service}/deployments/dep-1/roleinstances/WebRole1_IN_0?{query}"
    assert (request.method, request.body) == ("POST", b"")


def test_the_old_package_is_copied_over_an_earlier_copy_and_the_signature_goes_along(kit: Any) -> None:
    request = sent(kit, CapturePackage(CONTAINER))
    container = "https%3A%2F%2Frelstore.blob.example%2Fold%3Fsv%3D1%26sig%3Dx"
    query = f"containerUri={container}&overwriteExisting=true"
    assert request.path == f"{kit.service}/deployments/dep-1/package?{query}"
    assert (request.method, request.body) == ("POST", b"")


def test_extensions_nobody_named_stay_and_an_empty_list_removes_them(kit: Any) -> None:
    assert b"ExtensionConfiguration" not in sent(kit, upgrade(extras=Extras())).body
    assert b"<ExtensionConfiguration/>" in sent(kit, upgrade(extras=Extras(extensions=()))).body


def test_a_state_of_an_extension_that_is_none_is_refused(kit: Any) -> None:
    extras = Extras(extensions=(ExtensionUse("RDP", "off"),))
    with pytest.raises(CannotEncode, match="state of extension RDP is 'off'; it is Enable, Disable, Uninstall"):
        sent(kit, StartConfigure(CONFIGURATION, "key", extras=extras))


@pytest.mark.parametrize(
    ("operation", "comp"),
    [
        (upgrade(), "upgrade"),
        (StartConfigure(CONFIGURATION, "key"), "config"),
        (Walk(3), "walkupgradedomain"),
        (RollBack(), "rollback"),
        (SetStatus(running=True), "status"),
    ],
)
def test_a_change_is_posted_to_the_deployment_by_name_with_the_slash_before_the_query(
    kit: Any, operation: Operation, comp: str
) -> None:
    request = sent(kit, operation)
    base = f"/{kit.subscription}/services/hostedservices/svc-0001/deployments/dep-1/"
    assert (request.method, request.path) == ("POST", f"{base}?comp={comp}")


def test_without_a_known_name_the_slot_is_named(kit: Any) -> None:
    request = encode(kit.target(None, Slot.STAGING), Walk(0), {}).request(CLIENT_VERSION)
    assert request.path.endswith("/svc-0001/deploymentslots/Staging/?comp=walkupgradedomain")
    assert get_deployment(kit.target(None)).path.endswith("/svc-0001/deploymentslots/Production")
    assert get_deployment(kit.target()).path.endswith("/svc-0001/deployments/dep-1")


def test_a_role_comes_between_label_and_force_and_force_is_always_sent(kit: Any) -> None:
    request = sent(kit, upgrade(role="Web<Role>&1", force=True))
    assert [name for name, _ in fields_of(request)] == [
        "Mode", "PackageUrl", "Configuration", "Label", "RoleToUpgrade", "Force",
    ]  # fmt: skip
    assert fields_of(request)[-2:] == [("RoleToUpgrade", "Web<Role>&1"), ("Force", "true")]


def test_a_signed_url_is_escaped_and_reads_back_as_it_was(kit: Any) -> None:
    request = sent(kit, upgrade(), url=b"https://h.example/a.cspkg?sv=1&sig=a%2Bb\n")
    assert b"sv=1&amp;sig" in request.body
    assert dict(fields_of(request))["PackageUrl"] == "https://h.example/a.cspkg?sv=1&sig=a%2Bb"


def test_instance_counts_replace_those_of_the_configuration_and_nothing_else(kit: Any) -> None:
    request = sent(kit, upgrade(instance_counts={"WebRole1": 7, "Removed": 3}))
    written = base64.b64decode(dict(fields_of(request))["Configuration"])
    root = xml.parse(written, {"ServiceConfiguration"}, namespaces={CONFIGURATION_NAMESPACE})
    role = xml.child(root, "Role")
    assert role is not None
    instances = xml.child(role, "Instances")
    assert instances is not None
    assert (role.get("name"), instances.get("count"), root.get("serviceName")) == ("WebRole1", "7", "svc-0001")


@pytest.mark.parametrize("counts", [{"WebRole1": 2}, {}, {"Other": 9}])
def test_a_configuration_whose_counts_agree_is_sent_byte_for_byte(kit: Any, counts: dict[str, int]) -> None:
    request = sent(kit, upgrade(instance_counts=counts))
    assert base64.b64decode(dict(fields_of(request))["Configuration"]) == kit.configuration()


def test_a_label_of_100_characters_passes_and_one_of_101_is_refused(kit: Any) -> None:
    assert sent(kit, upgrade(label="ü" * 100)).body
    with pytest.raises(CannotEncode, match="101 characters"):
        sent(kit, upgrade(label="x" * 101))


@pytest.mark.parametrize(
    "url",
    [b"", b"relative/path", b"ftp://h/x", b"https://", b"https://h/ a", b"\xff", b"https://[x/", b"https://h/\x01"],
)
def test_a_package_reference_that_is_no_url_is_refused(kit: Any, url: bytes) -> None:
    with pytest.raises(CannotEncode):
        sent(kit, upgrade(), url=url)


def test_a_package_url_that_is_too_long_is_refused_without_quoting_it(kit: Any) -> None:
    with pytest.raises(CannotEncode) as caught:
        sent(kit, upgrade(), url=b"https://h/?sig=" + b"S" * 2_048)
    assert "SSS" not in str(caught.value)


@pytest.mark.parametrize(
    "configuration",
    [
        b"",
        b"<html/>",
        b"<!DOCTYPE a><ServiceConfiguration/>",
        b"<ServiceConfiguration/>",
        b'<ServiceConfiguration xmlns="%s"><Role name="WebRole1"/></ServiceConfiguration>'
        % CONFIGURATION_NAMESPACE.encode(),
    ],
)
def test_a_configuration_that_is_none_is_refused(kit: Any, configuration: bytes) -> None:
    with pytest.raises(CannotEncode, match="configuration"):
        sent(kit, upgrade(), configuration=configuration)


@pytest.mark.parametrize(
    "operation", [Walk(-1), Walk(20), upgrade(role="a\x01"), upgrade(role="\ud800"), upgrade(label="\ud800")]
)
def test_what_the_api_cannot_take_is_refused(kit: Any, operation: Operation) -> None:
    with pytest.raises(CannotEncode):
        sent(kit, operation)


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 257, "\ud800"])
def test_a_name_that_is_none_is_refused(kit: Any, name: str) -> None:
    with pytest.raises(CannotEncode):
        get_deployment(Target(kit.subscription, ServiceName(name), Slot.PRODUCTION))


def test_a_name_cannot_leave_its_place_in_the_path(kit: Any) -> None:
    path = get_deployment(Target(kit.subscription, ServiceName("a/../b?comp=c#d\r\ne"), Slot.PRODUCTION)).path
    assert "/hostedservices/a%2F..%2Fb%3Fcomp%3Dc%23d%0D%0Ae/deploymentslots/" in path


def test_payloads_are_named_before_they_are_wanted() -> None:
    assert payloads_of(upgrade()) == (PACKAGE, CONFIGURATION)
    assert payloads_of(Create("dep-2", PACKAGE, CONFIGURATION, "label")) == (PACKAGE, CONFIGURATION)
    assert payloads_of(StartConfigure(CONFIGURATION, "key")) == (CONFIGURATION,)
    assert payloads_of(CapturePackage(CONTAINER)) == (CONTAINER,)
    nothing = (Walk(1), RollBack(), SwapSlots("a", "b"), SetStatus(running=True))
    for operation in (*nothing, ActOnInstance(InstanceVerb.REBOOT, "WebRole1_IN_0")):
        assert payloads_of(operation) == ()


def test_only_reads_do_not_mutate(kit: Any) -> None:
    assert sent(kit, Walk(0)).mutates
    assert not get_deployment(kit.target()).mutates
    assert GetOperation(subscription="sub", id="id").request(CLIENT_VERSION) == Request("GET", "/sub/operations/id")
