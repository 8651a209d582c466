"""Real recorded traffic through our decoder and classification; skips where the recordings are absent.

Known damage is skipped by its signs: status 232, an Error under a 200, an Operation under a 400 or under another id
than its path, and one id used twice.
"""

import json
import os
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
from rollout.core.snapshot import Absent, Activity, Snapshot
from rollout.platforms.classic import xml
from rollout.platforms.classic.decode import OperationRead, decode_error, decode_operation, normal_request_id
from rollout.platforms.classic.exchange import Reply
from rollout.platforms.classic.faults import observed, polled, submit_outcome

VARIABLE: Final = "ROLLOUT_RECORDINGS"
DAMAGED_STATUS: Final = 232
OWN_BODIES: Final = {
    "UpgradeDeployment": [
        *("Mode", "PackageUrl", "Configuration", "Label", "RoleToUpgrade", "TreatWarningsAsError", "Force"),
        *("ExtendedProperties", "ExtensionConfiguration"),
    ],
    "UpdateDeploymentStatus": ["Status"],
}
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


def test_every_recorded_deployment_is_read(recordings: Path) -> None:
    kinds: dict[str, int] = {}
    for place, entry, reply in healthy(recordings):
        if not entry["operation"].startswith("get-deployment"):
            continue
        seen = observed(reply)
        kinds[type(seen.observation).__name__] = kinds.get(type(seen.observation).__name__, 0) + 1
        assert seen.unknown == (), place
        match reply.status:
            case 200:
                assert isinstance(seen.observation, Snapshot), (place, seen.observation)
                check_against_the_text(place, reply, seen.observation)
            case 404:
                assert isinstance(seen.observation, Absent), (place, seen.observation)
            case _:
                assert isinstance(seen.observation, Unreachable), (place, seen.observation)
    assert kinds["Snapshot"] > 250
    assert kinds["Absent"] > 5


def check_against_the_text(place: str, reply: Reply, snapshot: Snapshot) -> None:
    """Compare with a count of the text itself, so that nothing known gets lost on the way."""
    body = reply.body
    assert len(snapshot.instances) == body.count(b"<RoleInstance>"), place
    assert sum(seen.domain is not None for seen in snapshot.instances) == body.count(b"<InstanceUpgradeDomain>"), place
    assert (snapshot.change is not None) is (b"<UpgradeStatus>" in body), place
    assert (snapshot.domain_count > 0) is (b"<UpgradeDomainCount>" in body), place
    assert snapshot.rollback_allowed is (None if b"<RollbackAllowed>" not in body else False), place
    assert snapshot.locked is (b"<Locked>true</Locked>" in body), place
    assert snapshot.activity is not Activity.OTHER or b"<Status>Deploying</Status>" in body, place


def test_every_recorded_operation_is_read(recordings: Path) -> None:
    count = 0
    for place, entry, reply in healthy(recordings):
        if entry["operation"] != "get-operation-status":
            continue
        seen = polled(reply, Handle("sub", asked_id(entry)))
        expected = Running | Succeeded | Failed if reply.status == 200 else Unknown | Unreachable
        assert isinstance(seen.progress, expected), (place, seen.progress)
        assert seen.unknown == (), place
        count += 1
    assert count > 300


def test_every_recorded_mutation_is_classified(recordings: Path) -> None:
    count = 0
    for place, entry, reply in healthy(recordings):
        if entry["method"] == "GET":
            continue
        outcome = submit_outcome(reply, "sub")
        count += 1
        if reply.status in {200, 201, 202}:
            assert isinstance(outcome, Accepted), (place, outcome)
        elif reply.status == 500:
            assert isinstance(outcome, Lost), (place, outcome)
        else:
            assert isinstance(outcome, Refused), (place, outcome)
            assert outcome.kind in {RefusedKind.REJECTED, RefusedKind.BUSY}, (place, outcome)
    assert count > 300


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
        if entry["method"] != "POST" or not entry["operation"].startswith(("upgrade-", "status-")) or not body:
            continue
        root = xml.parse(body, OWN_BODIES)
        order = OWN_BODIES[xml.local(root)]
        names = [xml.local(element) for element in root]
        assert names == sorted(names, key=order.index), place
        count += 1
    assert count >= 5


def test_no_scenario_looks_settled_while_it_still_moves(recordings: Path) -> None:
    """Succeeded, or an absent UpgradeStatus, alone prove nothing: the snapshot itself must say Running and ready."""
    still_moving = 0
    for path in sorted(recordings.glob("scenarios/*.json")):
        succeeded = False
        for entry in json.loads(path.read_text())["entries"]:
            reply = reply_of(entry)
            if entry["operation"] == "get-operation-status":
                succeeded = isinstance(polled(reply, Handle("sub", asked_id(entry))).progress, Succeeded)
            seen = observed(reply).observation if entry["operation"].startswith("get-deployment") else None
            if not isinstance(seen, Snapshot):
                continue
            moving = b"Transitioning</Status>" in reply.body or b"<UpgradeStatus>" in reply.body
            settled = seen.activity is Activity.RUNNING and seen.change is None and seen.all_ready
            assert not (moving and settled), path.name
            still_moving += moving and succeeded
    assert still_moving > 0
