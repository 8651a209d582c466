"""Documents become words of the engine; what is unknown is kept, what is unusable is refused."""

import base64
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.core.outcome import Failed, Running, Succeeded
from rollout.core.snapshot import Activity, ChangeInFlight, Snapshot
from rollout.platforms.classic.configuration import key_of
from rollout.platforms.classic.decode import (
    ApiError,
    DeploymentRead,
    OperationRead,
    decode_deployment,
    decode_error,
    decode_operation,
)
from rollout.platforms.classic.fields import UnknownWord, normal_request_id
from rollout.platforms.classic.xml import Unreadable

NS = 'xmlns="http://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
READY = "<InstanceStatus>ReadyRole</InstanceStatus><InstanceUpgradeDomain>0</InstanceUpgradeDomain>"


def deployment(inner: str = "", *, status: str = "Running", label: str = "web-1") -> bytes:
    coded = base64.b64encode(label.encode()).decode()
    return (
        f"<Deployment {NS}><Name>dep-1</Name><Status>{status}</Status><Label>{coded}</Label>{inner}</Deployment>"
    ).encode()


def instance(inner: str) -> str:
    named = "<RoleName>Web</RoleName><InstanceName>Web_IN_0</InstanceName>"
    return f"<RoleInstanceList><RoleInstance>{named}{inner}</RoleInstance></RoleInstanceList>"


def upgrade_status(mode: str = "Manual", state: str = "Before", domain: str = "2") -> str:
    return (
        f"<UpgradeStatus><UpgradeType>{mode}</UpgradeType><CurrentUpgradeDomainState>{state}"
        f"</CurrentUpgradeDomainState><CurrentUpgradeDomain>{domain}</CurrentUpgradeDomain></UpgradeStatus>"
    )


def read(body: bytes) -> DeploymentRead:
    result = decode_deployment(body)
    assert isinstance(result, DeploymentRead)
    return result


def snapshot(inner: str = "", **kwargs: str) -> Snapshot:
    return read(deployment(inner, **kwargs)).snapshot


def operation(inner: str, request_id: str = ID) -> OperationRead:
    result = decode_operation(f"<Operation {NS}><ID>{request_id}</ID>{inner}</Operation>".encode())
    assert isinstance(result, OperationRead)
    return result


@pytest.mark.parametrize("name", ["running", "locked", "mid-update", "walking"])
def test_golden_deployments_are_read_without_a_strange_word(kit: Any, name: str) -> None:
    found = read((kit.golden / f"deployment.{name}.response.xml").read_bytes())
    assert found.unknown == ()
    assert found.snapshot.deployment == "svc-0001-production"
    assert found.snapshot.domain_count == 2
    assert {seen.domain for seen in found.snapshot.instances} == {0, 1}


def test_the_golden_deployment_in_the_middle_of_an_update_shows_change_label_and_pointer(kit: Any) -> None:
    before = read((kit.golden / "deployment.running.response.xml").read_bytes()).snapshot
    after = read((kit.golden / "deployment.mid-update.response.xml").read_bytes()).snapshot
    walking = read((kit.golden / "deployment.walking.response.xml").read_bytes()).snapshot
    assert (before.release, before.change, before.activity) == ("web-2.4.0", None, Activity.RUNNING)
    assert before.all_ready
    assert (after.release, after.activity) == ("web-2.4.1 [ro:0123456789ab]", Activity.CHANGING)
    assert after.change is not None
    assert after.change.manual
    assert not after.change.during
    assert walking.change is not None
    assert walking.change.during
    assert not walking.domain_ready(walking.change.domain)


def test_the_configuration_is_kept_as_it_is_shown_with_its_key_and_the_deployments_own_name(kit: Any) -> None:
    files = [f"deployment.{name}.response.xml" for name in ("running", "locked", "mid-update")]
    before, locked, after = (read((kit.golden / name).read_bytes()).snapshot for name in files)
    assert b'<Setting name="Release" value="web-2.4.0"/>' in before.configuration
    assert before.key == locked.key == key_of(before.configuration)
    assert after.key == key_of(after.configuration) != before.key
    assert before.private_id == after.private_id == "8b430538ae86992e35d3dc09bed02f41"


@pytest.mark.parametrize("inner", ["", "<Configuration/>", "<Configuration>(hidden)</Configuration>"])
def test_a_deployment_that_shows_no_configuration_has_no_key(inner: str) -> None:
    found = snapshot(inner)
    assert (found.configuration, found.key, found.private_id) == (b"", "", "")


def test_a_configuration_that_cannot_be_read_is_kept_without_a_key() -> None:
    coded = base64.b64encode(b"<strange/>").decode()
    found = snapshot(f"<Configuration>{coded}</Configuration>")
    assert (found.configuration, found.key) == (b"<strange/>", "")


@pytest.mark.parametrize(
    ("name", "progress"),
    [
        ("in-progress", Running()),
        ("succeeded", Succeeded()),
        ("failed", Failed("InternalError", "The server encountered an internal error. Please retry the request.")),
    ],
)
def test_golden_operations_are_read(kit: Any, name: str, progress: object) -> None:
    found = decode_operation((kit.golden / f"operation.{name}.response.xml").read_bytes())
    assert found == OperationRead(kit.request_id, progress)  # type: ignore[arg-type]  # parametrised as object


def test_every_golden_error_is_read(kit: Any) -> None:
    files = sorted(kit.golden.glob("error.*.response.xml"))
    assert len(files) >= 5
    for path in files:
        assert decode_error(path.read_bytes()).code


def test_a_nested_status_is_not_the_deployments() -> None:
    trap = "<PersistentVMDowntime><Status>PersistentVMUpdateScheduled</Status></PersistentVMDowntime>"
    body = f"<Deployment {NS}>{trap}<Name>d</Name><Status>Running</Status></Deployment>".encode()
    assert read(body).snapshot.status == "Running"
    with pytest.raises(Unreadable, match="no Status"):
        decode_deployment(f"<Deployment {NS}><Name>d</Name>{trap}</Deployment>".encode())


def test_a_deploying_body_without_domain_count_instances_and_label_is_read() -> None:
    body = f"<Deployment {NS}><Name>d</Name><Status>Deploying</Status><RoleInstanceList/><Locked>true</Locked>"
    seen = read((body + "</Deployment>").encode()).snapshot
    assert (seen.domain_count, seen.instances, seen.release, seen.locked) == (0, (), "", True)
    assert seen.activity is Activity.OTHER
    assert not seen.all_ready


def test_a_deallocated_instance_has_no_domain_and_is_not_ready() -> None:
    seen = snapshot(instance("<InstanceStatus>StoppedDeallocated</InstanceStatus><PowerState>Stopped</PowerState>"))
    assert (seen.instances[0].domain, seen.instances[0].ready) == (None, False)


@pytest.mark.parametrize(
    ("inner", "ready"),
    [
        (READY, True),
        (READY + "<PowerState>Started</PowerState>", True),
        (READY.replace("ReadyRole", "readyrole") + "<PowerState>started</PowerState>", True),
        (READY + "<PowerState>Stopping</PowerState>", False),
        (READY.replace("ReadyRole", "BusyRole") + "<PowerState>Started</PowerState>", False),
        (READY + "<PowerState>Brandnew</PowerState>", False),
        (READY.replace("ReadyRole", "ReadyRoleish"), False),
        ("", False),
    ],
)
def test_ready_is_ready_role_and_started_where_power_is_shown(inner: str, ready: bool) -> None:
    assert snapshot(instance(inner)).instances[0].ready is ready


@pytest.mark.parametrize(
    ("status", "activity"),
    [
        ("Running", Activity.RUNNING),
        ("SUSPENDED", Activity.SUSPENDED),
        ("RunningTransitioning", Activity.CHANGING),
        ("SuspendedTransitioning", Activity.SUSPENDED_CHANGING),
        ("Starting", Activity.OTHER),
        ("Deleting", Activity.OTHER),
        ("Hibernating", Activity.OTHER),
    ],
)
def test_activity_follows_the_status(status: str, activity: Activity) -> None:
    seen = snapshot(status=status)
    assert (seen.activity, seen.status) == (activity, status)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        (upgrade_status(), ChangeInFlight(manual=True, domain=2, during=False)),
        (upgrade_status("manual", "DURING", "0"), ChangeInFlight(manual=True, domain=0, during=True)),
        (upgrade_status("Auto"), ChangeInFlight(manual=False, domain=2, during=False)),
        (upgrade_status("Simultaneous"), ChangeInFlight(manual=False, domain=2, during=False)),
        ('<UpgradeStatus i:nil="true"/>', None),
        ("", None),
    ],
)
def test_the_change_in_flight_is_read(text: str, change: ChangeInFlight | None) -> None:
    assert snapshot(text).change == change


def test_an_unknown_pointer_state_counts_as_during_so_that_nothing_is_walked_on_it() -> None:
    found = read(deployment(upgrade_status(mode="Psychic", state="After")))
    assert found.snapshot.change == ChangeInFlight(manual=False, domain=2, during=True)
    assert found.unknown == (
        UnknownWord("UpgradeType", "Psychic"),
        UnknownWord("CurrentUpgradeDomainState", "After"),
    )


@pytest.mark.parametrize(
    "text", ["<RollbackAllowed>false</RollbackAllowed>", "<RollbackAllowed>True</RollbackAllowed>"]
)
def test_rollback_allowed_is_read_and_absent_is_none(text: str) -> None:
    assert snapshot(text).rollback_allowed is ("True" in text)
    assert snapshot().rollback_allowed is None


@pytest.mark.parametrize(
    "inner",
    [
        "<UpgradeDomainCount>five</UpgradeDomainCount>",
        "<UpgradeDomainCount>-1</UpgradeDomainCount>",
        f"<UpgradeDomainCount>{'9' * 5_000}</UpgradeDomainCount>",
        "<Locked>perhaps</Locked>",
        "<UpgradeStatus/>",
        upgrade_status(domain=""),
        "<RoleInstanceList><RoleInstance><RoleName>Web</RoleName></RoleInstance></RoleInstanceList>",
    ],
)
def test_a_field_that_cannot_be_used_is_refused_by_name(inner: str) -> None:
    with pytest.raises(Unreadable):
        decode_deployment(deployment(inner))


@pytest.mark.parametrize("label", ["%%%", "YWJ", "/w=="])
def test_a_label_that_is_not_base64_of_text_is_refused(label: str) -> None:
    body = f"<Deployment {NS}><Name>d</Name><Status>Running</Status><Label>{label}</Label></Deployment>"
    with pytest.raises(Unreadable, match="Label"):
        decode_deployment(body.encode())


def test_blanks_between_elements_the_https_namespace_and_unknown_elements_do_no_harm() -> None:
    body = deployment("<NewThing><Status>x</Status></NewThing>" + upgrade_status()).decode()
    spaced = re.sub("><", ">\r\n  <", body).replace("http://schemas.m", "https://schemas.m")
    plain, loose = read(body.encode()).snapshot, read(spaced.encode()).snapshot
    assert plain.change == loose.change
    assert plain.release == loose.release
    assert plain.digest != loose.digest


def test_equal_bytes_have_an_equal_digest_of_32_hex_digits() -> None:
    assert snapshot().digest == snapshot().digest
    assert re.fullmatch("[0-9a-f]{32}", snapshot().digest)


def test_an_error_instead_of_a_deployment_is_an_error_whatever_its_namespace() -> None:
    body = b"<Error><Code>ResourceNotFound</Code><Message>No deployments were found.</Message></Error>"
    expected = ApiError("ResourceNotFound", "No deployments were found.")
    assert decode_deployment(body) == decode_operation(body) == decode_error(body) == expected
    assert str(expected) == "ResourceNotFound: No deployments were found."


def test_an_errors_text_is_redacted_and_cut() -> None:
    message = "https://acct.blob.example/a.cspkg?sig=CANARY " + "x" * 500
    error = decode_error(f"<Error><Code>BadRequest</Code><Message>{message}</Message></Error>".encode())
    assert "CANARY" not in error.message
    assert len(error.message) <= 200


@pytest.mark.parametrize("request_id", [ID, ID.upper(), ID.replace("-", ""), f" {ID} "])
def test_both_spellings_of_a_request_id_become_one(request_id: str) -> None:
    assert normal_request_id(request_id) == ID.replace("-", "")
    assert operation("<Status>InProgress</Status>", request_id).id == ID.replace("-", "")


@pytest.mark.parametrize(
    "request_id", ["", "x" * 32, ID[:-1], ID + "0", "0" * 4_096, "0f8fad5bd9cb-469fa16570867728950e"]
)
def test_anything_else_is_no_request_id(request_id: str) -> None:
    assert normal_request_id(request_id) is None
    with pytest.raises(Unreadable):
        operation("<Status>InProgress</Status>", request_id)


def test_x27_an_unknown_status_keeps_the_operation_running_and_is_named() -> None:
    found = operation("<Status>Pondering</Status>")
    assert found.progress == Running()
    assert found.unknown == (UnknownWord("Operation/Status", "Pondering"),)


def test_a_status_in_another_case_is_known() -> None:
    assert operation("<Status>succeeded</Status>").progress == Succeeded()


def test_a_failure_without_an_error_names_its_status_code() -> None:
    found = operation("<Status>Failed</Status><HttpStatusCode>409</HttpStatusCode>")
    assert found.progress == Failed("Failed", "no Error given, HttpStatusCode 409")


FRAGMENTS = [
    *("<Deployment>", "</Deployment>", "<Operation>", "</Operation>", "<Error>", "</Error>", "<Name>", "</Name>"),
    *("<Status>", "</Status>", "<Label>", "</Label>", "<UpgradeStatus>", "</UpgradeStatus>", "Running", "web", "&amp;"),
    *("&lt;", "<!DOCTYPE a>", "<?x?>", "<![CDATA[", "]]>", "<!--", "-->", f"<Deployment {NS}>", f"<Operation {NS}>"),
    *("<RoleInstanceList>", "</RoleInstanceList>", "<RoleInstance/>", "\x00", "\x0b", "ÿ", " ", "=", '"', ID),
]


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join).map(str.encode))
)
def test_any_bytes_give_a_typed_result_or_one_typed_error(body: bytes) -> None:
    for decode in (decode_deployment, decode_operation, decode_error):
        result: object
        try:
            result = decode(body)
        except Unreadable as error:
            result = error
        assert isinstance(result, DeploymentRead | OperationRead | ApiError | Unreadable)
        assert len(str(result)) <= 200 or not isinstance(result, Unreadable)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_mutilated_deployment_gives_a_snapshot_or_one_typed_error(data: st.DataObject) -> None:
    body = bytearray(deployment(instance(READY) + upgrade_status() + "<Locked>false</Locked>"))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        body[start : start + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    try:
        result = decode_deployment(bytes(body))
    except Unreadable:
        return
    assert isinstance(result, DeploymentRead | ApiError)
