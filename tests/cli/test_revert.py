"""`rollout revert`: an ended rollout is taken back by a new one, and nothing newer is taken back by mistake."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]
Log = Callable[[str], list[tuple[str, int | None]]]
Take = Callable[[int], list[str]]
WritePolicy = Callable[..., Path]

WALKED = [("upgrade", None), ("walk", 0), ("walk", 1)]
WAY_BACK = "rollback: {package: 'https://relstore.blob.example/packages/web-2.4.0.cspkg', configuration: web.cscfg}\n"


@pytest.fixture
def run(invoke: Invoke, endpoint: str, tmp_path: Path) -> Invoke:
    """Run a policy file to its end."""

    def call(policy: Path, code: int = 0) -> Result:
        told = invoke("run", "-f", policy, "--endpoint", endpoint, "--state", tmp_path / "state")
        assert told.exit_code == code, told.output
        return told

    return call


@pytest.fixture
def revert(invoke: Invoke, endpoint: str, tmp_path: Path) -> Invoke:
    """Take a rollout back."""

    def call(rollout: str, *words: str, reason: str = "OPS-311", yes: bool = True) -> Result:
        options = ("--endpoint", endpoint, "--state", tmp_path / "state", "--reason", reason)
        return invoke("revert", rollout, *options, *(["-y"] if yes else []), *words)

    return call


@pytest.fixture
def upgraded(run: Invoke, policy: WritePolicy) -> Callable[..., None]:
    """Upgrade services, with or without what a revert needs."""

    def upgrade(services: list[str], *, rollout: str = "web-2.4.1", back: str = WAY_BACK) -> None:
        file = policy(services, rollout=rollout)
        file.write_text(file.read_text(encoding="utf-8") + back, encoding="utf-8")
        run(file)

    return upgrade


@pytest.fixture
def status(run: Invoke, policy: WritePolicy) -> Callable[..., None]:
    """Suspend or start services one after another, in fleet order."""

    def change(services: list[str], to: str, rollout: str) -> None:
        file = policy(services, rollout=rollout, parallel=1)
        text = file.read_text(encoding="utf-8")
        head, _, rest = text.partition("  upgrade:\n")
        file.write_text(f"{head}  status: {to}\nfleet:{rest.partition('fleet:')[2]}", encoding="utf-8")
        run(file)

    return change


def test_services_go_back_to_the_package_that_was_given_in_the_reverse_order(
    *, upgraded: Callable[..., None], revert: Invoke, invoke: Invoke, take: Take, log_of: Log, tmp_path: Path
) -> None:
    services = take(2)
    upgraded(services)
    told = revert("web-2.4.1")
    assert told.exit_code == 0, told.output
    assert [log_of(service) for service in services] == [WALKED * 2] * 2
    listed = invoke("get", "web-2.4.1-revert", "--state", tmp_path / "state").stdout
    assert listed.index(services[1]) < listed.index(services[0])


def test_the_same_word_twice_says_the_outcome_again(
    upgraded: Callable[..., None], revert: Invoke, take: Take, log_of: Log
) -> None:
    (service,) = take(1)
    upgraded([service])
    assert [revert("web-2.4.1").exit_code for _ in range(2)] == [0, 0]
    assert log_of(service) == WALKED * 2


def test_what_was_suspended_is_started_again_the_last_one_first(
    status: Callable[..., None], revert: Invoke, take: Take, state_of: Callable[[str, str], str]
) -> None:
    services = take(3)
    status(services, "suspended", "night")
    assert {state_of(service, "production") for service in services} == {"Suspended"}
    told = revert("night")
    assert told.exit_code == 0, told.output
    assert {state_of(service, "production") for service in services} == {"Running"}
    begun = [line.partition('"service":"')[2][:8] for line in told.stdout.splitlines() if '"service_admitted"' in line]
    assert begun == services[::-1]


def test_what_cannot_be_taken_back_is_said_for_each_service_before_anything_is_done(
    upgraded: Callable[..., None], revert: Invoke, take: Take, log_of: Log
) -> None:
    (service,) = take(1)
    upgraded([service], back="")
    told = revert("web-2.4.1")
    assert told.exit_code == 6
    assert f"  {service}: the platform's Rollback is gone, and nothing is at hand for a revert" in told.stderr
    told = revert("web-2.4.1", "--partial")
    assert (told.exit_code, "nothing of web-2.4.1 is there to be taken back" in told.stderr) == (6, True)
    assert log_of(service) == WALKED


def test_what_was_changed_again_since_is_not_taken_back(
    upgraded: Callable[..., None], status: Callable[..., None], revert: Invoke, take: Take, log_of: Log
) -> None:
    first, second = take(2)
    upgraded([first, second])
    status([first], "suspended", "night")
    told = revert("web-2.4.1")
    assert told.exit_code == 6
    assert f"  {first}: it was changed again since, by night: revert that one first" in told.stderr
    assert second not in told.stderr
    told = revert("web-2.4.1", "--partial")
    assert told.exit_code == 0, told.output
    assert log_of(first) == [*WALKED, ("status", None)]
    assert log_of(second) == WALKED * 2


def test_an_open_rollout_is_aborted_instead(
    run: Invoke, policy: WritePolicy, faults: Callable[..., None], revert: Invoke, take: Take
) -> None:
    (service,) = take(1)
    faults({"service": service, "verb": "walk", "domain": 1, "effect": "fail"})
    run(policy([service], on_failure="hold"), code=4)
    told = revert("web-2.4.1")
    assert told.exit_code == 6
    assert "web-2.4.1 is still open: `rollout abort web-2.4.1` takes back what has not ended" in told.stderr


def test_without_a_terminal_it_wants_a_yes_and_always_a_reason(
    upgraded: Callable[..., None], revert: Invoke, take: Take, log_of: Log
) -> None:
    (service,) = take(1)
    upgraded([service])
    told = revert("web-2.4.1", yes=False)
    assert (told.exit_code, "this would take web-2.4.1 back on up to 1 service" in told.stderr) == (64, True)
    told = revert("web-2.4.1", reason=" ")
    assert (told.exit_code, "--reason is empty" in told.stderr) == (64, True)
    told = revert("web-2.4.2")
    assert (told.exit_code, "did you mean web-2.4.1?" in told.stderr) == (64, True)
    assert log_of(service) == WALKED
