"""`rollout fleet import|check` against a real emulator, and every kind of difference."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from rollout.cli.fleet_file import differences, load_fleet, written
from rollout.cli.survey import Found, Survey
from rollout.core.names import Slot
from rollout.core.snapshot import Activity, Snapshot
from rollout.errors import PolicyError

OURS = "00000000-0000-4000-8000-000000000001"
SERVICES = 300
Invoke = Callable[..., Result]


def running(domains: int = 3) -> Snapshot:
    return Snapshot(
        "d", "web", Activity.RUNNING, "Running", domains, (), None, locked=False, rollback_allowed=None, digest=""
    )


SEEN = Survey(
    ("web-01", "web-02", "web-03", "Web-04", "web-05"),
    {
        "web-01": Found("web-01", "West Europe", {Slot.PRODUCTION: running()}),
        "web-02": Found("web-02", "affinity/group", {Slot.PRODUCTION: running(1)}),
        "web-03": Found("web-03", "West Europe", {Slot.STAGING: running()}),
        "web-04": Found("Web-04", "North Europe", {Slot.PRODUCTION: running(), Slot.STAGING: running()}),
    },
)


@pytest.fixture
def fleet_of(tmp_path: Path) -> Callable[..., Path]:
    def write(*names: str, slot: str = "production") -> Path:
        file = tmp_path / "fleet.yaml"
        services = "".join(f"  {name}: {{}}\n" for name in names)
        file.write_text(f"subscription: {OURS}\nslot: {slot}\nservices:\n{services}")
        return file

    return write


def test_an_imported_fleet_is_a_fleet_and_fits(invoke: Invoke, untouched: str, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    told = invoke("fleet", "import", "--subscription", OURS, "--endpoint", untouched, "-o", file)
    assert (told.exit_code, told.stdout) == (0, ""), told.output
    assert len(load_fleet(str(file)).services) == SERVICES
    assert invoke("validate", file).exit_code == 0
    told = invoke("fleet", "check", file, "--endpoint", untouched)
    assert (told.exit_code, told.stdout) == (0, f"{file}: {SERVICES} services, and all fit\n")
    told = invoke("fleet", "import", "--subscription", OURS, "--endpoint", untouched, "-o", file)
    assert told.exit_code == 64
    assert "is there already" in told.stderr


def test_a_slot_with_nothing_in_it_imports_no_service(invoke: Invoke, untouched: str) -> None:
    told = invoke("fleet", "import", "--subscription", OURS, "--endpoint", untouched, "--slot", "staging")
    assert told.exit_code == 0
    assert "services: {}\n# left out, nothing runs in staging: svc-0001\n" in told.stdout


def test_a_fleet_that_differs_is_2_and_says_where(
    invoke: Invoke, untouched: str, fleet_of: Callable[..., Path]
) -> None:
    file = fleet_of("svc-0001", "svc-9999")
    told = invoke("fleet", "check", file, "--endpoint", untouched, "--partial", "-o", "json")
    assert told.exit_code == 2, told.output
    assert json.loads(told.stdout) == [
        {"service": "svc-9999", "kind": "missing", "words": "there is no such cloud service in the subscription"}
    ]
    told = invoke("fleet", "check", file, "--endpoint", untouched)
    assert told.exit_code == 2
    assert len(told.stdout.splitlines()) == SERVICES


def test_an_endpoint_that_does_not_answer_is_69(
    invoke: Invoke, unused_tcp_port: int, fleet_of: Callable[..., Path]
) -> None:
    told = invoke("fleet", "check", fleet_of("web-01"), "--endpoint", f"http://127.0.0.1:{unused_tcp_port}")
    assert told.exit_code == 69
    assert "nothing answers at" in told.stderr


def test_every_kind_of_difference_is_told(fleet_of: Callable[..., Path]) -> None:
    fleet = load_fleet(str(fleet_of("WEB-01", "web-02", "web-03", "web-09")))
    told = [(each.service, each.kind) for each in differences(fleet, SEEN, partial=False)]
    assert told == [
        ("web-02", "one_domain"),
        ("web-03", "empty"),
        ("web-09", "missing"),
        ("Web-04", "extra"),
        ("web-05", "extra"),
    ]
    partial = {each.kind for each in differences(fleet, SEEN, partial=True)}
    assert partial == {"one_domain", "empty", "missing"}
    (empty,) = [each.words for each in differences(fleet, SEEN, partial=True) if each.kind == "empty"]
    assert empty == "nothing runs in production; something runs in staging"


def test_a_fleet_is_written_with_regions_and_warnings(tmp_path: Path) -> None:
    text = written(OURS, Slot.PRODUCTION, SEEN)
    assert text.splitlines()[4:] == [
        "  web-01: {tags: {region: westeurope}}",
        "  web-02: {}  # one upgrade domain: once it is walked there is no way back by rollback",
        "  Web-04: {tags: {region: northeurope}}",
        "# left out, nothing runs in production: web-03",
    ]
    (tmp_path / "fleet.yaml").write_text(text)
    assert list(load_fleet(str(tmp_path / "fleet.yaml")).services) == ["web-01", "web-02", "Web-04"]


def test_a_document_that_is_no_fleet_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "shared.yaml"
    file.write_text("walk: {domain_timeout: 10m}\n")
    with pytest.raises(PolicyError, match="is no fleet file, but a shared defaults"):
        load_fleet(str(file))
