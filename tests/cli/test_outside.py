"""One word to one service outside of a rollout: done once, journaled, and never over somebody else's head."""

import json
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from rollout.cli.actor import actor
from rollout.journal.state import StateDirectory
from rollout.views.reading import read_all

Invoke = Callable[..., Result]
Log = Callable[[str], list[tuple[str, int | None]]]
Start = Callable[..., subprocess.Popen[str]]
Take = Callable[[int], list[str]]
WritePolicy = Callable[..., Path]

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
FAILING = {"verb": "walk", "domain": 1, "effect": "fail"}


@pytest.fixture
def act(invoke: Invoke, endpoint: str, tmp_path: Path) -> Invoke:
    """Do something to a service, in a state directory of the test's own."""

    def call(*words: str, reason: str = "OPS-311", yes: bool = True, whose: str = SUBSCRIPTION) -> Result:
        options = ["--endpoint", endpoint, "--state", tmp_path / "state", "--reason", reason]
        options += ["--subscription", whose] if whose else []
        return invoke(*words, *options, *(["-y"] if yes else []))

    return call


@pytest.fixture
def held(invoke: Invoke, endpoint: str, policy: WritePolicy, faults: Callable[..., None], tmp_path: Path) -> Any:
    """Have a rollout that holds one service for a person."""

    def hold(service: str) -> None:
        faults(FAILING | {"service": service})
        file = policy([service], on_failure="hold")
        told = invoke("run", "-f", file, "--endpoint", endpoint, "--state", tmp_path / "state")
        assert told.exit_code == 4, told.output

    return hold


def entries(told: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.stdout.splitlines()]


# --- what is done ---


def test_a_deployment_is_suspended_and_started_again(act: Invoke, take: Take, log_of: Log) -> None:
    (service,) = take(1)
    told = act("suspend", service)
    assert told.exit_code == 0, told.output
    assert told.stderr.splitlines()[-1] == "succeeded: 1 of 1 service is suspended."
    told = act("start", service)
    assert told.exit_code == 0, told.output
    assert told.stderr.splitlines()[-1] == "succeeded: 1 of 1 service is running."
    assert log_of(service) == [("status", None)] * 2


def test_what_is_so_already_is_left_as_it_is(act: Invoke, take: Take, log_of: Log) -> None:
    (service,) = take(1)
    told = act("start", service)
    assert told.exit_code == 0, told.output
    last = [each["fact"] for each in entries(told) if each["kind"] == "closed"]
    assert [(fact["outcome"], fact["reason"]) for fact in last] == [("unchanged", "it is running")]
    assert log_of(service) == []


@pytest.mark.parametrize("verb", ["reboot", "reimage", "rebuild"])
def test_one_instance_is_restarted_once(verb: str, act: Invoke, take: Take, log_of: Log) -> None:
    (service,) = take(1)
    told = act("instance", verb, service, "WebRole1_IN_1")
    assert told.exit_code == 0, told.output
    assert log_of(service) == [(verb, 1)]


def test_production_and_staging_are_exchanged(act: Invoke, take: Take, log_of: Log) -> None:
    (service,) = take(1)
    told = act("swap", service)
    assert told.exit_code == 0, told.output
    assert told.stderr.splitlines()[-1] == "succeeded: 1 of 1 service serves what was in staging."
    assert log_of(service) == [("swap", None)]


def test_a_deployment_in_staging_is_named_by_its_slot(
    act: Invoke, take: Take, log_of: Log, state_of: Callable[[str, str], str]
) -> None:
    (service,) = take(1)
    told = act("suspend", service, "--slot", "staging")
    assert told.exit_code == 0, told.output
    assert (state_of(service, "staging"), state_of(service, "production")) == ("Suspended", "Running")
    assert log_of(service) == [("status", None)]


def test_it_is_journaled_in_the_name_of_who_asked_and_known_by_its_id(
    act: Invoke, invoke: Invoke, take: Take, tmp_path: Path
) -> None:
    (service,) = take(1)
    first, *_ = entries(act("suspend", service))
    assert (first["kind"], first["actor"]) == ("rollout_opened", actor())
    (read,) = read_all(tmp_path / "state")
    rollout = read.rollout.plan.rollout
    assert rollout.startswith(f"suspend-{service}-20")
    assert service in invoke("get", rollout, "--state", tmp_path / "state").output


# --- at most once ---


def test_the_same_id_goes_on_with_what_was_asked_and_does_nothing_twice(act: Invoke, take: Take, log_of: Log) -> None:
    (service,) = take(1)
    words = ("instance", "reboot", service, "WebRole1_IN_0", "--id", "reboot-1")
    assert [act(*words).exit_code for _ in range(2)] == [0, 0]
    assert log_of(service) == [("reboot", 0)]
    told = act("instance", "reboot", service, "WebRole1_IN_1", "--id", "reboot-1")
    assert told.exit_code == 6
    assert "reboot-1 is known as something else" in told.stderr


def test_an_instance_whose_answer_was_lost_is_not_restarted_again(
    act: Invoke, take: Take, faults: Callable[..., None], log_of: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_LIMITS_REQUEST_TIMEOUT", "2s")  # it looks after four times as long
    (service,) = take(1)
    faults({"service": service, "verb": "reboot", "effect": "lose_after"})
    told = act("instance", "reboot", service, "WebRole1_IN_0")
    assert log_of(service) == [("reboot", 0)]
    assert told.exit_code == 4, told.output


def test_an_interrupted_one_prints_the_command_that_goes_on(
    *, start: Start, take: Take, faults: Callable[..., None], log_of: Log, endpoint: str, tmp_path: Path
) -> None:
    (service,) = take(1)
    faults({"service": service, "verb": "status", "effect": "slow", "seconds": 8000})
    words = ("suspend", service, "--subscription", SUBSCRIPTION, "--endpoint", endpoint, "--reason", "a word")
    running = start(*words, "--state", tmp_path / "state", "-y", "-o", "jsonl")
    assert running.stdout is not None
    assert any(json.loads(line)["kind"] == "accepted" for line in running.stdout)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    command = shlex.split(said.rpartition("\n  ")[2])
    assert command[:2] == ["rollout", "suspend"]
    assert command[-2] == "--id"
    again = start(*command[1:])
    _, said = again.communicate(timeout=30)
    assert again.returncode == 0, said
    assert log_of(service) == [("status", None)]


# --- what is refused ---


@pytest.mark.parametrize(
    ("words", "means"),
    [
        (("suspend", "svc-0100"), "this would suspend svc-0100 in production: ALL OF ITS INSTANCES STOP, an outage"),
        (("start", "svc-0100"), "this would start svc-0100 in production: all of its instances come up"),
        (("swap", "svc-0100"), "this would swap svc-0100: what is in staging serves production at once"),
        (("instance", "rebuild", "svc-0100", "Web_IN_0"), "WHAT LIES ON ITS LOCAL DISKS IS LOST"),
    ],
)
def test_without_a_terminal_and_without_yes_it_only_says_what_it_would_mean(
    words: tuple[str, ...], means: str, act: Invoke, log_of: Log, tmp_path: Path
) -> None:
    told = act(*words, yes=False)
    assert told.exit_code == 64
    assert means in told.stderr
    assert not (tmp_path / "state").exists()
    assert log_of("svc-0100") == []


@pytest.mark.parametrize(
    ("words", "options", "code", "said"),
    [
        (("suspend", "svc-0100"), {"reason": " "}, 64, "--reason is empty"),
        (("suspend", "svc-0100"), {"whose": ""}, 64, "whose service is it? the settings name none"),
        (("suspend", "a/b/c"), {}, 64, "'a/b/c' is no service"),
        (("suspend", "no-such"), {}, 6, "no-such has no deployment in production: HTTP 404"),
        (("instance", "reboot", "svc-0100", "WebRole1_IN_7"), {}, 64, "no instance WebRole1_IN_7; did you mean"),
        (("suspend", "web-1/svc-0100"), {}, 1, "holds no journal"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_opened(
    *, words: tuple[str, ...], options: dict[str, str], code: int, said: str, act: Invoke, log_of: Log, tmp_path: Path
) -> None:
    told = act(*words, **options)
    assert (told.exit_code, said in told.stderr) == (code, True), told.stderr
    assert log_of("svc-0100") == []
    assert not (tmp_path / "state").exists() or read_all(tmp_path / "state") == []


def test_settings_that_do_not_allow_the_subscription_are_obeyed(
    act: Invoke, take: Take, log_of: Log, tmp_path: Path
) -> None:
    (service,) = take(1)
    settings = tmp_path / "rollout.toml"
    settings.write_text('[allow]\nsubscriptions = ["00000000-0000-4000-8000-000000000002"]\n', encoding="utf-8")
    settings.chmod(0o600)
    told = act("suspend", service, "--config", str(settings))
    assert told.exit_code == 6
    assert "is not in allow.subscriptions" in told.stderr
    assert log_of(service) == []


def test_a_state_directory_with_an_engine_at_work_is_75(act: Invoke, take: Take, log_of: Log, tmp_path: Path) -> None:
    (service,) = take(1)
    with StateDirectory.open(tmp_path / "state", command="rollout run", started_wall=0.0):
        told = act("suspend", service)
    assert told.exit_code == 75
    assert log_of(service) == []


# --- whose it is ---


def test_a_service_of_an_open_rollout_is_left_to_it(act: Invoke, take: Take, held: Any, log_of: Log) -> None:
    service, other = take(2)
    held(service)
    before = log_of(service)
    told = act("suspend", service)
    assert told.exit_code == 6
    assert f"{service} belongs to rollout web-2.4.1, which is open" in told.stderr
    assert f"name it as web-2.4.1/{service}" in told.stderr
    assert log_of(service) == before
    assert act("suspend", other).exit_code == 0


def test_one_that_stands_still_there_obeys_who_names_the_rollout(
    act: Invoke, take: Take, held: Any, log_of: Log
) -> None:
    (service,) = take(1)
    held(service)
    before = log_of(service)
    told = act("instance", "reboot", f"web-2.4.1/{service}", "WebRole1_IN_0", whose="")
    assert told.exit_code == 0, told.output
    assert log_of(service) == [*before, ("reboot", 0)]
    told = act("suspend", "web-2.4.1/svc-9999", whose="")
    assert (told.exit_code, "has no service svc-9999" in told.stderr) == (64, True)


def test_one_that_is_at_work_there_is_not_touched_even_so(
    *, act: Invoke, start: Start, policy: WritePolicy, take: Take, log_of: Log, endpoint: str, tmp_path: Path
) -> None:
    (service,) = take(1)
    file = policy([service], stable="10s")
    running = start("run", "-f", file, "--endpoint", endpoint, "--state", tmp_path / "state", "-o", "jsonl")
    assert running.stdout is not None
    assert any(json.loads(line)["kind"] == "probed" for line in running.stdout)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=20)
    before = log_of(service)
    told = act("suspend", f"web-2.4.1/{service}", whose="")
    assert told.exit_code == 6
    assert f"rollout web-2.4.1 is at work on {service}" in told.stderr
    assert f"First: rollout pause web-2.4.1/{service}" in told.stderr
    assert log_of(service) == before
