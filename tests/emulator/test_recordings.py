"""What the emulator writes has the element order of recorded replies, for every element that both have."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from rollout.emulator import (
    fabric_history,
    fabric_services,
    read,
    read_deployments,
    read_services,
    refusals,
    write,
    write_history,
    write_services,
)
from rollout.emulator.fabric_history import Wanted
from rollout.emulator.fabric_services import CreateService
from rollout.emulator.fabric_state import Extension, InstalledExtension
from rollout.emulator.fabric_update import Configure
from rollout.emulator.fleet import SUBSCRIPTION, configuration
from rollout.emulator.knobs import Knobs
from rollout.emulator.read_elements import Reader
from rollout.emulator.write_deployment import deployment
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, KNOWN_VERSIONS, ErrorCode, Mode, Slot

ENVIRONMENT = "ROLLOUT_RECORDINGS"
COMPARED = {
    "Deployment",
    "RoleInstance",
    "InstanceEndpoint",
    "UpgradeStatus",
    "Role",
    "ConfigurationSet",
    "InputEndpoint",
    "VirtualIP",
    "ExtensionConfiguration",
    "HostedService",
    "HostedServiceProperties",
    "ComputeCapabilities",
    "Extension",
    "ExtendedProperty",
    "Operation",
    "Error",
}
DAMAGED_STATUS = 232

Before = dict[str, set[tuple[str, str]]]
"""Parent -> (one child, another child that stood after it somewhere)."""


@pytest.fixture(scope="module")
def exchanges() -> list[dict[str, Any]]:
    """Read every recorded exchange that is not damaged."""
    place = os.environ.get(ENVIRONMENT)
    if not place or not Path(place).is_dir():
        pytest.skip(f"{ENVIRONMENT} names no folder of recordings")
    found: list[dict[str, Any]] = []
    for file in sorted(Path(place).glob("*/*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        found += content["entries"] if isinstance(content, dict) else content
    return [entry for entry in found if entry["status"] != DAMAGED_STATUS]


@pytest.fixture(scope="module")
def recorded(exchanges: list[dict[str, Any]]) -> Before:
    """Collect every order of two siblings that the recordings show."""
    before: Before = {}
    for entry in exchanges:
        text = (entry["response_body"] or "").lstrip("\ufeff")
        if text.startswith("<"):
            collect(text.encode(), before)
    return before


def collect(document: bytes, before: Before) -> None:
    try:
        root = etree.fromstring(document)
    except etree.XMLSyntaxError:
        return  # a body that the recorder damaged
    for parent in root.iter(etree.Element):
        name = etree.QName(parent).localname
        if name in COMPARED:
            before.setdefault(name, set()).update(orders(parent))


def orders(parent: etree._Element) -> Iterator[tuple[str, str]]:
    names = list(dict.fromkeys(etree.QName(child).localname for child in parent))
    for place, name in enumerate(names):
        for later in names[place + 1 :]:
            yield name, later


def written(make_stage: Any) -> Iterator[bytes]:
    """Write every kind of reply, in as many states as have elements of their own."""
    stage = make_stage(domains=2, staging=True)
    fabric = stage.fabric
    yield deployment(stage.deployment, fabric, CLIENT_VERSION)
    named = (Extension(None, "Diagnostics", None), Extension("WebRole1", "RDP", "enable"))
    change = Configure(Mode.MANUAL, configuration("svc-0001", "r", 2), (("Ticket", "1"),), named)
    operation = fabric.configure(stage.target, change, stage.next_id())
    yield write.operation(operation)
    stage.wait(40)
    yield deployment(stage.deployment, fabric, CLIENT_VERSION)
    yield write.operation(operation)
    operation = stage.fault(verb="walk", effect="fail").walk(0)
    stage.wait(65).fabric.now()
    yield write.operation(operation)
    yield write.error(refusals.locked(operation.id))
    pack = InstalledExtension("Provider", "Type", "RDP", "1.*", "0" * 40, "sha1", b"<a/>")
    fabric_services.add_extension(fabric, "svc-0001", pack, stage.next_id())
    service = fabric.service("svc-0001")
    yield write_services.extensions(service.extensions.values())
    yield write_services.service(service, fabric, SUBSCRIPTION, CLIENT_VERSION, detail=True)
    yield write_services.services([service], fabric, SUBSCRIPTION)
    made = CreateService("new", "new", "text", "East US", properties=(("a", "b"),), reverse_dns="a.cloudapp.net.")
    created = fabric_services.create(fabric, made, stage.next_id())
    yield write_services.service(created, fabric, SUBSCRIPTION, CLIENT_VERSION, detail=True)
    start = fabric.date(0.0)
    page = fabric_history.listed(fabric, Wanted(start, start + timedelta(days=1)), SUBSCRIPTION)
    yield write_history.operations(page, fabric, SUBSCRIPTION)
    assert Slot.STAGING in service.slots


def test_siblings_stand_in_the_recorded_order(make_stage: Any, recorded: Before) -> None:
    ours: Before = {}
    for document in written(make_stage):
        collect(document, ours)
    assert {"Deployment", "RoleInstance", "HostedService", "Operation", "Error"} <= ours.keys() & recorded.keys()
    for parent in ours.keys() & recorded.keys():
        wrong = [(one, other) for one, other in ours[parent] if (other, one) in recorded[parent]]
        known = [pair for pair in wrong if pair not in recorded[parent]]
        assert known == [], f"{parent}: recorded the other way round"


def test_the_comparison_finds_a_wrong_order() -> None:
    recorded: Before = {}
    ours: Before = {}
    collect(b"<Error><Code/><Message/></Error>", recorded)
    collect(b"<Error><Message/><Code/></Error>", ours)
    assert recorded == {"Error": {("Code", "Message")}}
    assert ours == {"Error": {("Message", "Code")}}


READERS: dict[str, Callable[[bytes, Reader], object]] = {
    "upgrade-by-slot": read.upgrade,
    "config-by-slot": read_deployments.configure,
    "create-deployment-by-slot": read_deployments.create,
    "status-by-name": read.status,
    "create-hosted-service": read_services.create,
    "update-hosted-service": read_services.update,
    "extensions": read_services.extension,
}
"""Recorded operations whose requests the emulator reads."""


@pytest.mark.parametrize("kind", list(READERS))
def test_a_request_that_the_service_took_is_taken(exchanges: list[dict[str, Any]], kind: str) -> None:
    bodies = [
        (entry["request_body"] or "").lstrip("\ufeff")
        for entry in exchanges
        if entry["operation"] == kind and entry["method"] != "GET" and entry["status"] in {200, 201, 202}
    ]
    assert any(bodies)
    refused = [(why, body[:300]) for body in bodies if body and (why := refusal(kind, body))]
    assert refused == []


def refusal(kind: str, body: str) -> str:
    """Say why a body is refused, if it is; what the recorder replaced may be no base64 any more."""
    try:
        READERS[kind](body.encode(), Reader(Knobs(), max(KNOWN_VERSIONS)))
    except refusals.Refusal as error:
        return "" if "REDACTED" in body and error.code is ErrorCode.BAD_REQUEST else str(error)
    return ""
