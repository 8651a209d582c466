"""`rollout plan` against a real emulator: looks, exit codes, JSON and picture; nothing is changed by it."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
from click.testing import Result

from rollout.planning.document import PlanDocument

Invoke = Callable[..., Result]
Policy = Callable[..., Path]


def test_a_plan_looks_at_every_deployment_and_changes_nothing(
    invoke: Invoke, policy: Policy, untouched: str, tmp_path: Path
) -> None:
    words = ("plan", "-f", policy(["svc-0001", "svc-0002"]), "--endpoint", untouched, "--state", tmp_path / "state")
    told = invoke(*words)
    assert told.exit_code == 0, told.output
    assert "1 svc-0001" in told.stdout
    assert "2 domains," in told.stdout
    assert "the point of no return is the walk of domain 1" in told.stdout
    assert invoke(*words, "--detailed-exitcode").exit_code == 2
    document = msgspec.json.decode(invoke(*words, "-o", "json").stdout, type=PlanDocument)
    assert document.looked
    assert [(each.service, each.domains, each.looked) for each in document.services] == [
        ("svc-0001", 2, True),
        ("svc-0002", 2, True),
    ]
    assert not (tmp_path / "state").exists()


def test_a_service_that_is_not_there_makes_a_policy_that_cannot_be_carried_out(
    invoke: Invoke, policy: Policy, untouched: str, tmp_path: Path
) -> None:
    told = invoke("plan", "-f", policy(["svc-0001", "nobody"]), "--endpoint", untouched, "--state", tmp_path / "state")
    assert told.exit_code == 65
    assert "error   nobody: there is no deployment in production" in told.stdout


def test_nobody_to_look_at_is_69_and_offline_does_not_care(invoke: Invoke, policy: Policy, tmp_path: Path) -> None:
    words = ("plan", "-f", policy(["svc-0001"]), "--endpoint", "http://127.0.0.1:9", "--state", tmp_path / "state")
    assert invoke(*words).exit_code == 69
    told = invoke(*words, "--offline", "-o", "json")
    assert told.exit_code == 0
    assert json.loads(told.stdout)["looked"] is False
    assert invoke(*words, "--offline", "-o", "svg").stdout.startswith("<svg ")


def test_what_a_run_has_recorded_is_what_the_next_plan_goes_by(
    invoke: Invoke, policy: Policy, endpoint: str, take: Callable[[int], list[str]], tmp_path: Path
) -> None:
    file = policy(take(2))
    words = ("-f", file, "--endpoint", endpoint, "--state", tmp_path / "state")
    assert invoke("run", *words).exit_code == 0
    again = invoke("plan", *words)
    assert "the same rollout is known and has ended" in again.stdout
    told = invoke("plan", *words, "--set", "rollout=web-next", "--detailed-exitcode")
    assert told.exit_code == 0, told.output
    assert "nothing is to be done to any of 2 services" in told.stdout
    changed = invoke("plan", *words, "--set", "timeout=23h")
    assert changed.exit_code == 65
    assert "is known with other documents" in changed.stdout
