"""`rollout emulator` and the files it reads."""

import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from rollout.cli.emulator import emulator
from rollout.emulator import layout
from rollout.emulator.fabric import Fabric
from rollout.emulator.files import faults_from, knobs_from
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.errors import UsageError
from rollout.platforms.classic.vocabulary import Slot


@pytest.mark.parametrize("how_to_end", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_serves_and_ends_cleanly(tmp_path: Path, how_to_end: signal.Signals) -> None:
    faults = tmp_path / "faults.yaml"
    faults.write_text("- {service: svc-0001, verb: walk, domain: 1, effect: 409}\n")
    command = [sys.executable, "-c", "from rollout.cli.emulator import emulator; emulator()"]
    options = ["--port", "0", "--services", "2", "--staging", "--time-scale", "60", "--faults", str(faults)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - fixed arguments
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("listening on ").strip()
        try:
            assert url.startswith("http://127.0.0.1:")
            with urlopen(f"{url}/_emulator/state", timeout=10) as reply:  # noqa: S310 - our own loopback address
                state = reply.read().decode()
        finally:
            process.send_signal(how_to_end)
            assert process.wait(timeout=20) == 0
        assert '"svc-0002-staging"' in state
        assert '"effect":"409"' in state
        assert '"time_scale":60.0' in state


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--domains", "5", "--instances", "4"], "--instances 4 is less than --domains 5"),
        (["--domains", "0"], "--domains 0 is out of range"),
        (["--domains", "21"], "--domains 21 is out of range: give a number from 1 to 20"),
        (["--services", "-1"], "--services -1 is out of range"),
        (["--instances", "0", "--domains", "1"], "--instances 0 is out of range"),
        (["--time-scale", "0"], "--time-scale 0 is out of range"),
        (["--time-scale", "nan"], "--time-scale nan is out of range"),
        (["--host", "0.0.0.0"], "is not loopback"),  # noqa: S104 - refused is what is tested
        (["--port", "70000"], "cannot listen on 127.0.0.1 port 70000"),
        (["--faults", "/nonexistent"], "cannot read /nonexistent"),
        (["--strangers", "/nonexistent"], "cannot read /nonexistent"),
        (["--port", "0", "--tls-key", "/nonexistent"], "--tls-key and --client-ca need --tls-cert"),
        (["--port", "0", "--tls-cert", "/nonexistent"], "cannot use the TLS files /nonexistent"),
        (["--port", "0", "--token", "@/nonexistent"], "--token is empty, or its file is missing"),
        (["--port", "0", "--redirect-port", "70000"], "cannot listen on 127.0.0.1 port 70000"),
    ],
)
def test_senseless_options_are_usage_errors(options: list[str], message: str) -> None:
    error = CliRunner().invoke(emulator, options).exception
    assert isinstance(error, UsageError)
    assert error.exit_code == 64
    assert message in str(error)


def test_the_help_names_every_knob() -> None:
    shown = CliRunner().invoke(emulator, ["--help"]).output
    assert [name for name in Knobs.model_fields if name not in shown] == []


def test_the_fleet_has_the_documented_names() -> None:
    fabric = Fabric(lambda: 0.0)
    populate(fabric, FleetPlan(services=12, domains=3, instances=7, staging=True))
    assert list(fabric.world.services)[::11] == ["svc-0001", "svc-0012"]
    production, staging = (
        fabric.service("svc-0012").slots[Slot.PRODUCTION],
        fabric.service("svc-0012").slots[Slot.STAGING],
    )
    assert (production.name, staging.name) == ("svc-0012-production", "svc-0012-staging")
    assert [each.name for each in production.instances] == [f"WebRole1_IN_{n}" for n in range(7)]
    assert (production.status, production.shown.label, production.domain_count) == ("Running", "web-2.4.0", 3)
    assert b'<Instances count="7"/>' in production.shown.configuration
    addresses = [each.address for each in production.instances + staging.instances]
    assert len(set(addresses)) == 14


def test_one_instance_for_each_domain_is_the_default() -> None:
    fabric = Fabric(lambda: 0.0)
    populate(fabric, FleetPlan(domains=4))
    assert len(fabric.service("svc-0001").slots[Slot.PRODUCTION].instances) == 4


def test_a_fleet_without_staging_has_empty_staging_slots() -> None:
    fabric = Fabric(lambda: 0.0)
    populate(fabric, FleetPlan())
    assert list(fabric.service("svc-0001").slots) == [Slot.PRODUCTION]


def test_addresses_of_a_large_fleet_stay_apart() -> None:
    fabric = Fabric(lambda: 0.0)
    populate(fabric, FleetPlan(services=600, domains=1, staging=True))
    deployments = [each for service in fabric.world.services.values() for each in service.slots.values()]
    assert len({each.instances[0].address for each in deployments}) == 1200
    assert len({layout.outer_address(each.address_key) for each in deployments}) == 1200


def test_knobs_are_read_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "knobs.yaml"
    file.write_text("settle_lag_s: 30\nrollback_flag: false\nwalk_done_domain: accept\nrollback_accept: 202\n")
    assert knobs_from(file) == Knobs(
        settle_lag_s=30, rollback_flag=False, walk_done_domain="accept", rollback_accept=202
    )
    file.write_text("")
    assert knobs_from(file) == Knobs()
    assert faults_from(file) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("settle_lag: 3", "settle_lag: Extra inputs are not permitted; the knobs are walk_wrong_domain"),
        ("settle_lag_s: -1", "settle_lag_s"),
        ("settle_lag_s: .nan", "settle_lag_s"),
        ("label_flip: never", "label_flip"),
        ("time_scale: 0", "time_scale"),
        ("- a", "knobs are a mapping"),
        ("a: [", "is not YAML"),
        ("a: &x 1\nb: *x", "aliases are not allowed"),
        ("a: !!python/name:os.system", "is not YAML"),
        ("[" * 20_000, "is not YAML"),
        ("#" * 70_000, "over 65536 bytes"),
    ],
)
def test_bad_knobs_are_a_usage_error_naming_the_file(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "knobs.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"knobs\.yaml") as caught:
        knobs_from(file)
    assert message in str(caught.value)


def test_bad_faults_are_a_usage_error_naming_the_file(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("- effect: explode\n")
    with pytest.raises(
        UsageError, match=r"faults\.yaml: faults\[0\.effect\]: unknown effect 'explode'; known effects: fail"
    ):
        faults_from(file)
    file.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is not YAML"):
        faults_from(file)
