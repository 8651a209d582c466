"""Real recorded traffic through our decoders and classification; skips where the recordings are absent.

Known damage is skipped by its signs: status 232, an Error under a 200, an Operation under a 400 or under another id
than its path, and one id used twice.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from rollout.core.outcome import (
    Accepted,
    Failed,
    Handle,
    Lost,
    Refused,
    RefusedKind,
    Running,
    Succeeded,
    Unknown,
    Unreachable,
)
from rollout.core.shows import settled
from rollout.core.snapshot import Absent, Activity, Snapshot
from rollout.platforms.classic import xml
from rollout.platforms.classic.decode import OperationRead, decode_error, decode_operation
from rollout.platforms.classic.decode_extension import decode_extensions
from rollout.platforms.classic.decode_service import (
    CloudService,
    ServiceRead,
    ServicesRead,
    decode_service,
    decode_services,
)
from rollout.platforms.classic.endpoint import parse_endpoint
from rollout.platforms.classic.exchange import Reply
from rollout.platforms.classic.faults import answered, observed, polled, submit_outcome
from rollout.platforms.classic.fields import UnknownWord, normal_request_id
from rollout.platforms.classic.hop import TEMPORARY_REDIRECT, onward
from rollout.platforms.classic.request import Request

VARIABLE: Final = "ROLLOUT_RECORDINGS"
DAMAGED_STATUS: Final = 232
OWN_BODIES: Final = {
    "UpgradeDeployment": [
        *("Mode", "PackageUrl", "Configuration", "Label", "RoleToUpgrade", "TreatWarningsAsError", "Force"),
        *("ExtendedProperties", "ExtensionConfiguration"),
    ],
    "UpdateDeploymentStatus": ["Status"],
    "ChangeConfiguration": [
        *("Configuration", "TreatWarningsAsError", "Mode", "ExtendedProperties", "ExtensionConfiguration"),
    ],
    "CreateDeployment": [
        *("Name", "PackageUrl", "Label", "Configuration", "StartDeployment", "TreatWarningsAsError"),
        *("ExtendedProperties", "ExtensionConfiguration"),
    ],
    "Extension": [
        *("ProviderNameSpace", "Type", "Id", "Thumbprint", "ThumbprintAlgorithm", "PublicConfiguration"),
        *("PrivateConfiguration", "Version"),
    ],
    "CreateHostedService": [
        *("ServiceName", "Label", "Description", "Location", "AffinityGroup", "ExtendedProperties", "ReverseDnsFqdn"),
    ],
    "UpdateHostedService": ["Label", "Description", "ExtendedProperties", "ReverseDnsFqdn"],
}
OWN_OPERATIONS: Final = {
    *("upgrade-by-slot", "status-by-name", "config-by-slot", "create-deployment-by-slot", "extensions"),
    *("create-hosted-service", "update-hosted-service"),
}
KINDS: Final = {
    *OWN_OPERATIONS,
    *("delete-deployment-by-name", "delete-deployment-by-name-media", "delete-deployment-by-slot"),
    *("delete-hosted-service", "delete-hosted-service-media", "get-deployment-by-name", "get-deployment-by-slot"),
    *("get-hosted-service", "get-hosted-service-detail", "get-operation-status", "list-hosted-services"),
    *("roleinstance-operations", "updatelbset-by-name"),
}
"""Every kind of exchange on record; the last two are virtual machines' own, and their answers are like all others."""
Entry = dict[str, Any]


@pytest.fixture(scope="module")
def recordings() -> Path:
    place = os.environ.get(VARIABLE)
    if not place:
        pytest.skip(f"{VARIABLE} does not name a folder of recordings")
    folder = Path(place)
    if not folder.is_dir():
        pytest.skip(f"{VARIABLE}={place} is no folder")
    return folder


def entries(folder: Path) -> Iterator[tuple[str, Entry]]:
    """Give every exchange with the place it comes from."""
    for path in sorted(folder.glob("by-operation/*.json")):
        for number, entry in enumerate(json.loads(path.read_text())):
            yield f"{path.name}[{number}]", entry
    for path in sorted(folder.glob("scenarios/*.json")):
        for number, entry in enumerate(json.loads(path.read_text())["entries"]):
            yield f"{path.name}[{number}]", entry


def reply_of(entry: Entry) -> Reply:
    headers = tuple((name.lower(), str(value)) for name, value in entry["response_headers"].items())
    return Reply(entry["status"], headers, (entry["response_body"] or "").encode())


def is_damaged(entry: Entry, reply: Reply) -> bool:
    if reply.status == DAMAGED_STATUS:
        return True
    if entry["operation"] != "get-operation-status":
        return reply.status == 200 and b"<Error" in reply.body[:200]
    try:
        read = decode_operation(reply.body)
    except xml.Unreadable:
        return False
    if not isinstance(read, OperationRead):
        return reply.status == 200
    return reply.status != 200 or read.id != normal_request_id(asked_id(entry))


def asked_id(entry: Entry) -> str:
    return str(entry["path"]).partition("?")[0].rpartition("/")[2]


def healthy(folder: Path) -> Iterator[tuple[str, Entry, Reply]]:
    for place, entry in entries(folder):
        reply = reply_of(entry)
        if not is_damaged(entry, reply):
            yield place, entry, reply


def test_every_recorded_exchange_is_read(recordings: Path) -> None:
    """Each goes through the decoder and the classification of its kind; none is passed over but the damaged ones."""
    count, damaged, read = 0, 0, Counter[str]()
    for place, entry in entries(recordings):
        count += 1
        reply = reply_of(entry)
        if is_damaged(entry, reply):
            damaged += 1
            continue
        answer = answer_to(entry, reply)
        assert isinstance(answer, expected(entry, reply)), (place, reply.status, answer)
        check_against_the_text(place, reply, answer)
        read[str(entry["operation"])] += 1
    assert sum(read.values()) + damaged == count
    assert damaged < 10
    assert read["get-deployment-by-slot"] > 300
    assert read["get-operation-status"] > 350
    assert read["list-hosted-services"] > 25
    assert set(read) == KINDS


def answer_to(entry: Entry, reply: Reply) -> object:
    """Give what the client makes of an exchange."""
    if entry["method"] != "GET":
        return submit_outcome(reply, "sub")
    match entry["operation"]:
        case "get-deployment-by-name" | "get-deployment-by-slot":
            seen = observed(reply)
            assert seen.unknown == ()
            return seen.observation
        case "get-operation-status":
            polling = polled(reply, Handle("sub", asked_id(entry)))
            assert polling.unknown == ()
            return polling.progress
        case "get-hosted-service" | "get-hosted-service-detail":
            return answered(reply, decode_service)
        case "list-hosted-services":
            return answered(reply, decode_services)
        case "extensions":
            return answered(reply, decode_extensions)
        case other:
            pytest.fail(f"nothing reads {other}")


def expected(entry: Entry, reply: Reply) -> type | tuple[type, ...]:
    """Give the kinds of answer a recorded status may become."""
    if entry["method"] != "GET":
        return Accepted if reply.status in {200, 201, 202} else Lost if reply.status >= 500 else Refused
    if entry["operation"] == "get-operation-status":
        return (Running, Succeeded, Failed) if reply.status == 200 else (Unknown, Unreachable)
    if reply.status == 200:
        return Snapshot, ServiceRead, ServicesRead, tuple
    return Absent if reply.status == 404 else Unreachable


def check_against_the_text(place: str, reply: Reply, answer: object) -> None:
    """Compare with a count of the text itself, so that nothing known gets lost on the way."""
    body = reply.body
    match answer:
        case Snapshot():
            check_deployment(place, body, answer)
        case ServiceRead(service=service, unknown=unknown):
            check_services(place, body, (service,), unknown)
        case ServicesRead(services=services, unknown=unknown):
            check_services(place, body, services, unknown)
        case tuple():
            assert len(answer) == body.count(b"<Extension>"), place
        case Refused(kind=kind):
            assert (kind is RefusedKind.BUSY) is (b"requires exclusive access" in body), place
        case _:
            assert not isinstance(answer, Unreachable) or reply.status != 200, place


def check_deployment(place: str, body: bytes, snapshot: Snapshot) -> None:
    assert len(snapshot.instances) == body.count(b"<RoleInstance>"), place
    assert sum(seen.domain is not None for seen in snapshot.instances) == body.count(b"<InstanceUpgradeDomain>"), place
    assert (snapshot.change is not None) is (b"<UpgradeStatus>" in body), place
    assert (snapshot.domain_count > 0) is (b"<UpgradeDomainCount>" in body), place
    assert snapshot.rollback_allowed is (None if b"<RollbackAllowed>" not in body else False), place
    assert snapshot.locked is (b"<Locked>true</Locked>" in body), place
    assert snapshot.activity is not Activity.OTHER or b"<Status>Deploying</Status>" in body, place


def check_services(
    place: str, body: bytes, services: tuple[CloudService, ...], unknown: tuple[UnknownWord, ...]
) -> None:
    assert unknown == (), place
    assert len(services) == body.count(b"<HostedServiceProperties>"), place
    assert all(service.status and service.created and service.label for service in services), place
    assert sum(service.deployments is not None for service in services) == body.count(b"<Deployments"), place
    deployments = [each for service in services for each in service.deployments or ()]
    assert len(deployments) == body.count(b"<Deployment>"), place
    for each in deployments:
        assert each.slot in {"Production", "Staging"}, place
    assert sum(len(each.snapshot.instances) for each in deployments) == body.count(b"<RoleInstance>"), place


def test_every_recorded_error_is_read(recordings: Path) -> None:
    count = 0
    for place, _, reply in healthy(recordings):
        if reply.status >= 400 and reply.body:
            error = decode_error(reply.body)
            assert error.code, place
            count += 1
    assert count > 10


def test_recorded_requests_have_the_element_order_we_send(recordings: Path) -> None:
    count = 0
    for place, entry in entries(recordings):
        body = (entry["request_body"] or "").encode()
        if entry["method"] == "GET" or entry["operation"] not in OWN_OPERATIONS or not body:
            continue
        root = xml.parse(body, OWN_BODIES)
        order = OWN_BODIES[xml.local(root)]
        names = [xml.local(element) for element in root]
        assert names == sorted(names, key=order.index), place
        count += 1
    assert count > 200


def test_every_recorded_redirect_is_one_we_follow(recordings: Path) -> None:
    """They name a region below the management host, with the very same path and query."""
    home, count = parse_endpoint("https://management.core.windows.net"), 0
    for place, entry, reply in healthy(recordings):
        if reply.status == TEMPORARY_REDIRECT:
            origin = onward(reply, Request(entry["method"], entry["path"]), home)
            assert origin is not None, (place, reply.header_values("location"))
            assert origin.endswith(".management.core.windows.net"), place
            count += 1
    assert count >= 7


def test_no_scenario_looks_settled_while_it_still_moves(recordings: Path) -> None:
    """Succeeded, or an absent UpgradeStatus, alone prove nothing: the snapshot itself must say Running and ready."""
    moving_after_success = settled_reads = 0
    for path in sorted(recordings.glob("scenarios/*.json")):
        succeeded = False
        for entry in json.loads(path.read_text())["entries"]:
            reply = reply_of(entry)
            if is_damaged(entry, reply):
                continue
            answer = answer_to(entry, reply)
            if entry["operation"] == "get-operation-status":
                succeeded = isinstance(answer, Succeeded)
            for snapshot in snapshots_in(answer):
                moving = isinstance(answer, Snapshot) and is_moving(reply.body)
                unready = any(instance.status != "ReadyRole" for instance in snapshot.instances)
                assert not (settled(snapshot) and (moving or unready)), path.name
                moving_after_success += moving and succeeded
                settled_reads += settled(snapshot)
    assert moving_after_success > 10
    assert settled_reads > 10


def snapshots_in(answer: object) -> tuple[Snapshot, ...]:
    match answer:
        case Snapshot():
            return (answer,)
        case ServiceRead(service=service):
            return tuple(each.snapshot for each in service.deployments or ())
        case _:
            return ()


def is_moving(body: bytes) -> bool:
    """Judge by the text alone, as the service wrote it."""
    ready = body.count(b"<InstanceStatus>ReadyRole</InstanceStatus>")
    signs = (b"Transitioning</Status>", b"<UpgradeStatus>", b"<Status>Deploying</Status>")
    return any(sign in body for sign in signs) or ready < body.count(b"<RoleInstance>")
