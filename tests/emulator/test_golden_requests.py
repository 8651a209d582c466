"""The golden documents of services, slots, instances, extensions and listings: read as requests, written as replies."""

from datetime import timedelta
from typing import Any

import pytest

from rollout.emulator import (
    fabric_history,
    fabric_instances,
    fabric_services,
    read,
    read_deployments,
    read_services,
    refusals,
    signing,
    strangers,
    write,
    write_history,
    write_services,
)
from rollout.emulator.callers import OURS, STRANGER
from rollout.emulator.calls import Call
from rollout.emulator.fabric_history import Wanted
from rollout.emulator.fabric_state import Extension, InstalledExtension
from rollout.emulator.fleet import SUBSCRIPTION, configuration
from rollout.emulator.knobs import Knobs
from rollout.emulator.read_elements import Reader
from rollout.emulator.refusals import Refusal
from rollout.emulator.request_ids import RequestIds
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, Mode, Verb

ID = "0f8fad5bd9cb469fa16570867728950e"
THEIR_ID = "1f8fad5bd9cb469fa16570867728950e"
READER = Reader(Knobs(), CLIENT_VERSION)
PROPERTIES = (("Ticket", "OPS-311 & <web>"),)
EXTENSIONS = (Extension(None, "Diagnostics", None), Extension("WebRole1", "RDP", "Disable"))
INSTALLED = InstalledExtension(
    "Microsoft.Azure.Diagnostics", "PaaSDiagnostics", "Diagnostics", "1.*", "", "", b"<PublicConfig/>"
)


def test_the_requests_of_a_configuration_change_are_read(golden: Any) -> None:
    plain = read_deployments.configure(golden("config.request.xml"), READER)
    assert (plain.mode, plain.properties, plain.extensions) == (Mode.MANUAL, (), None)
    assert plain.configuration == configuration("svc-0001", "web-2.4.1", 2)
    full = read_deployments.configure(golden("config.full.request.xml"), READER)
    assert (full.mode, full.properties, full.extensions) == (Mode.SIMULTANEOUS, PROPERTIES, EXTENSIONS)


def test_an_upgrade_with_everything_is_read(golden: Any) -> None:
    full = read.upgrade(golden("upgrade.full.request.xml"), READER)
    assert (full.mode, full.role, full.force, full.properties) == (Mode.AUTO, "WebRole1", True, PROPERTIES)
    assert full.release.extensions == EXTENSIONS


def test_the_requests_of_slots_are_read(golden: Any) -> None:
    assert read_deployments.swap(golden("swap.request.xml"), READER) == ("svc-0001-production", "svc-0001-staging")
    assert read_deployments.swap(golden("swap.unnamed.request.xml"), READER) == (None, "svc-0001-staging")
    plain = read_deployments.create(golden("create-deployment.request.xml"), READER)
    assert (plain.name, plain.release.label, plain.start) == ("svc-0001-new", "web-2.4.1", True)
    assert plain.release.package_url == "https://relstore.blob.example/weu/web-2.4.1.cspkg?sv=1&sig=x"
    full = read_deployments.create(golden("create-deployment.full.request.xml"), READER)
    assert (full.start, full.release.properties, full.release.extensions) == (False, PROPERTIES, EXTENSIONS)


def test_the_requests_of_services_are_read(golden: Any) -> None:
    created = read_services.create(golden("create-service.request.xml"), READER)
    assert (created.name, created.label, created.description) == ("svc-new", "svc-new", "A & B")
    assert (created.location, created.affinity_group, created.properties) == ("East US", None, PROPERTIES)
    updated = read_services.update(golden("update-service.request.xml"), READER)
    assert (updated.label, updated.description, updated.properties) == ("svc renamed", "A & B", PROPERTIES)
    assert read_services.extension(golden("add-extension.request.xml"), READER) == INSTALLED


def test_the_other_requests_are_read(golden: Any) -> None:
    assert read.status(golden("status.running.request.xml"), READER) is True
    assert read_deployments.instances(golden("delete-instances.request.xml"), READER) == ("WebRole1_IN_1",)


def test_services_are_written_byte_for_byte(golden: Any, make_stage: Any) -> None:
    fabric = make_stage(services=2, domains=2).fabric
    service = fabric.service("svc-0001")
    for detail, name in ((False, "service"), (True, "service.detail")):
        shown = write_services.service(service, fabric, SUBSCRIPTION, CLIENT_VERSION, detail=detail)
        assert shown == golden(f"{name}.response.xml")
    shown = write_services.services(list(fabric.world.services.values()), fabric, SUBSCRIPTION)
    assert shown == golden("services.response.xml")


def test_names_and_extensions_are_written_byte_for_byte(golden: Any) -> None:
    assert write_services.availability(free=True) == golden("availability.free.response.xml")
    assert write_services.availability(free=False) == golden("availability.taken.response.xml")
    assert write_services.extension(INSTALLED) == golden("extension.response.xml")
    assert write_services.extensions([INSTALLED]) == golden("extensions.response.xml")
    assert write_services.extensions([]) == golden("extensions.empty.response.xml")


def listing(fabric: Any, **wanted: Any) -> bytes:
    start = fabric.date(0.0)
    page = fabric_history.listed(fabric, Wanted(start, start + timedelta(days=1), **wanted), SUBSCRIPTION)
    return write_history.operations(page, fabric, SUBSCRIPTION)


def test_an_upgrade_in_progress_is_listed_byte_for_byte(golden: Any, make_stage: Any) -> None:
    stage = make_stage(domains=2)
    assert listing(stage.fabric) == golden("operations.empty.response.xml")
    body = golden("upgrade.request.xml")
    names = {"service": "svc-0001", "slot": "production"}
    call = Call(stage.fabric, RequestIds(0), ID, CLIENT_VERSION, names, body)
    stage.fabric.begin(call.target, read.upgrade(body, READER), Verb.UPGRADE, ID)
    signing.sign(call, OURS)
    assert listing(stage.fabric) == golden("operations.response.xml")


def test_a_strangers_operation_and_a_further_page_are_listed_byte_for_byte(golden: Any, make_stage: Any) -> None:
    stage = make_stage(domains=2, list_ops_page_size=1)
    reboot = fabric_instances.restart(stage.fabric, stage.target, "WebRole1_IN_0", Verb.REBOOT, THEIR_ID)
    reboot.caller = STRANGER
    stage.wait(200).upgrade()
    assert listing(stage.fabric) == golden("operations.page.response.xml")


def test_platform_reboots_are_written_byte_for_byte(golden: Any, make_stage: Any) -> None:
    stage = make_stage()
    strangers.expect(stage.fabric, strangers.read_strangers([{"service": "svc-0001", "effect": "maintenance"}]))
    assert write_services.events(stage.fabric.world.reboots, stage.fabric) == golden("events.response.xml")


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("timed-out", refusals.timed_out()),
        ("server-busy", refusals.server_busy()),
        ("token", refusals.bad_token(401)),
        ("certificate", refusals.foreign_subscription()),
        ("name-taken", refusals.name_taken()),
        ("swap-names", refusals.swap_names()),
        ("no-such-service", refusals.no_such_service()),
        ("no-such-deployment", refusals.no_such_deployment("gone")),
    ],
)
def test_more_errors_are_written_byte_for_byte(golden: Any, name: str, refusal: Refusal) -> None:
    assert write.error(refusal) == golden(f"error.{name}.response.xml")


def test_a_created_service_shows_what_it_was_given(golden: Any, stage: Any) -> None:
    request = read_services.create(golden("create-service.request.xml"), READER)
    created = fabric_services.create(stage.fabric, request, ID)
    shown = write_services.service(created, stage.fabric, SUBSCRIPTION, CLIENT_VERSION, detail=True).decode()
    assert "<Description>A &amp; B</Description><Location>East US</Location>" in shown
    assert "<Name>Ticket</Name><Value>OPS-311 &amp; &lt;web&gt;</Value>" in shown
    assert shown.endswith("</HostedServiceProperties><Deployments/></HostedService>")
