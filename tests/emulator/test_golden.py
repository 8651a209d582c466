"""The golden documents: read as requests, and written byte for byte as replies."""

from typing import Any

import pytest

from rollout.emulator import read, refusals, write, write_deployment
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Operation
from rollout.emulator.fleet import FleetPlan, configuration, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.read_elements import Reader
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, Mode, Verb

ID = "0f8fad5bd9cb469fa16570867728950e"
READER = Reader(Knobs(), CLIENT_VERSION)


def test_the_upgrade_request_is_read(golden: Any) -> None:
    request = read.upgrade(golden("upgrade.request.xml"), READER)
    assert (request.mode, request.role, request.properties) == (Mode.MANUAL, None, ())
    assert request.release.label == "web-2.4.1 [ro:0123456789ab]"
    assert request.release.package_url == "https://relstore.blob.example/weu/web-2.4.1.cspkg?sv=1&sig=x"
    assert request.release.configuration == configuration("svc-0001", "web-2.4.1", 2)
    assert request.release.counts == (("WebRole1", 2),)


def test_the_other_requests_are_read(golden: Any) -> None:
    assert read.walk(golden("walk.request.xml"), READER) == 0
    assert read.rollback(golden("rollback.request.xml"), READER) is Mode.AUTO
    assert read.rollback(golden("rollback.manual.request.xml"), READER) is Mode.MANUAL
    assert read.status(golden("status.request.xml"), READER) is False


def test_deployments_are_written_byte_for_byte(golden: Any, make_stage: Any) -> None:
    stage = make_stage(domains=2, accept_delay_s=30)

    def reply() -> bytes:
        return write_deployment.deployment(stage.deployment, stage.fabric, CLIENT_VERSION)

    assert reply() == golden("deployment.running.response.xml")
    stage.fabric.begin(stage.target, read.upgrade(golden("upgrade.request.xml"), READER), Verb.UPGRADE, ID)
    assert reply() == golden("deployment.locked.response.xml")
    stage.wait(60).walk(0)
    assert reply() == golden("deployment.walking.response.xml")
    stage.wait(940)
    assert reply() == golden("deployment.mid-update.response.xml")


def test_operations_are_written_byte_for_byte(golden: Any) -> None:
    running = Operation(ID, Verb.WALK, "svc-0001", 0.0)
    assert write.operation(running) == golden("operation.in-progress.response.xml")
    failed = Operation(ID, Verb.WALK, "svc-0001", 0.0)
    failed.fail(1.0, refusals.internal_error())
    assert write.operation(failed) == golden("operation.failed.response.xml")
    running.succeed(1.0)
    assert write.operation(running) == golden("operation.succeeded.response.xml")
    assert write.read_request(ID) == golden("operation.succeeded.response.xml")


def test_operations_have_the_recorded_lengths(golden: Any) -> None:
    assert len(golden("operation.in-progress.response.xml")) == 197
    assert len(golden("operation.succeeded.response.xml")) == 232


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("locked", refusals.locked(ID)),
        ("locked-without-id", refusals.locked(None)),
        ("too-many-requests", refusals.too_many_requests()),
        ("internal", refusals.internal_error()),
        ("empty-slot", refusals.empty_slot()),
        ("bad-request", refusals.bad_request()),
        ("version", refusals.version_header()),
    ],
)
def test_errors_are_written_byte_for_byte(golden: Any, name: str, refusal: refusals.Refusal) -> None:
    assert write.error(refusal) == golden(f"error.{name}.response.xml")


@pytest.mark.parametrize(
    ("flag", "shown"),
    [("auto", "<RollbackAllowed>true<"), (False, "<RollbackAllowed>false<"), ("absent", "</Locked><CreatedTime>")],
)
def test_the_rollback_flag_shows_what_the_knob_says(make_stage: Any, flag: object, shown: str) -> None:
    stage = make_stage(rollback_flag=flag).begun()
    assert shown in write_deployment.deployment(stage.deployment, stage.fabric, CLIENT_VERSION).decode()
    stage.walked(0, 1, 2)
    assert (
        "<RollbackAllowed>false<" in write_deployment.deployment(stage.deployment, stage.fabric, "2017-01-01").decode()
    )


def test_old_versions_know_no_locks_and_new_ones_no_cycling(stage: Any) -> None:
    stage.begun().fault(effect="stuck").walk(0)
    stage.wait(1000)

    def reply(version: str) -> str:
        return write_deployment.deployment(stage.deployment, stage.fabric, version).decode()

    for element in ("<Locked>", "<RollbackAllowed>", "<UpgradeDomainCount>"):
        assert element not in reply("2011-04-01")
        assert element in reply("2011-06-01")
    assert "CyclingRole" in reply("2014-02-01")
    assert "<InstanceStatus>BusyRole</InstanceStatus>" in reply("2014-04-01")
    assert "<InstanceStateDetails>Application startup tasks are running. [2016-02-19T01:33:43Z]<" in reply("2015-09-01")


def test_what_xml_cannot_carry_is_replaced_and_the_rest_escaped() -> None:
    assert write.text("X", "a<b>&\x01\r") == "<X>a&lt;b&gt;&amp;\ufffd&#13;</X>"
    assert write.text("X", "") == write.group("X", ()) == "<X/>"


def test_two_fabrics_of_one_seed_write_the_same(golden: Any) -> None:
    fabric = Fabric(lambda: 5.0)
    populate(fabric, FleetPlan(services=1, domains=2))
    deployment = next(iter(fabric.service("svc-0001").slots.values()))
    assert write_deployment.deployment(deployment, fabric, CLIENT_VERSION) == golden("deployment.running.response.xml")
