"""`rollout run` by the settings: endpoint of the policy's subscription, what is allowed, and the engine's paces."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from rollout.engine.pacer import READS, WRITES
from rollout.settings import RunSettings
from rollout.settings.model import Limits, PaceLimit
from rollout.tuning import EMULATED, paces

OURS = "00000000-0000-4000-8000-000000000001"
Invoke = Callable[..., Result]
Take = Callable[[int], list[str]]
WritePolicy = Callable[..., Path]


@pytest.fixture
def run(invoke: Invoke, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a policy with a settings file that names the emulator as the subscription's endpoint."""
    monkeypatch.delenv("ROLLOUT_CONFIG", raising=False)

    def call(policy: Path, more: str = "", *words: str) -> Result:
        file = tmp_path / "rollout.toml"
        file.touch(mode=0o600)
        lab = f'[endpoints.lab]\nurl = "{endpoint}"\n[subscriptions."{OURS}"]\nendpoint = "lab"\n'
        file.write_text(f'state = "state"\n{lab}{more}')
        return invoke("run", "-f", policy, "--config", file, *words)

    return call


def test_a_run_takes_endpoint_and_state_from_the_settings(
    run: Callable[..., Result], policy: WritePolicy, take: Take, tmp_path: Path
) -> None:
    told = run(policy(take(1)))
    assert told.exit_code == 0, told.output
    assert (tmp_path / "state" / "journal.sqlite").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[limits]\nservices_per_wave = 1", "wave `rest` has 2 services, and limits.services_per_wave is 1"),
        ("[allow]\nsubscriptions = []", f"subscription {OURS} is not in allow.subscriptions"),
        ('[allow]\npackage_hosts = ["store.example"]', "packages come from relstore.blob.example, which is not in"),
    ],
)
def test_what_the_settings_do_not_allow_is_6_and_begins_nothing(
    *,
    more: str,
    said: str,
    run: Callable[..., Result],
    policy: WritePolicy,
    take: Take,
    log_of: Callable[[str], list[object]],
) -> None:
    services = take(2)
    told = run(policy(services), more)
    assert told.exit_code == 6, told.output
    assert said in told.stderr
    assert [log_of(service) for service in services] == [[], []]


@pytest.mark.parametrize(
    ("check", "more", "said"),
    [
        ("command: smoke", "", "a check runs the command `smoke`, which is not in allow.commands"),
        ("command: smoke", '[allow.commands]\nother = ["/bin/true"]', "the command `smoke`, which is not in"),
        ("metric: a < 1", "", "a check asks the metric server `default`, and there is no [metrics.default]"),
        ("webhook: 'https://gate.example'", "", "and webhooks.keys has no key to sign the question with"),
    ],
)
def test_what_checks_ask_for_and_the_settings_do_not_give_is_6_and_begins_nothing(
    *,
    check: str,
    more: str,
    said: str,
    run: Callable[..., Result],
    policy: WritePolicy,
    take: Take,
    log_of: Callable[[str], list[object]],
) -> None:
    (service,) = take(1)
    told = run(policy([service], checks=check), more)
    assert told.exit_code == 6, told.output
    assert said in told.stderr
    assert log_of(service) == []


def test_a_command_of_the_settings_gates_a_run_and_a_missing_key_file_is_told(
    run: Callable[..., Result], policy: WritePolicy, take: Take
) -> None:
    file = policy(take(1), checks="command: smoke, {webhook: 'http://127.0.0.1:9/', advisory: true}")
    allowed = '[allow]\nhosts = ["127.0.0.1"]\n[allow.commands]\nsmoke = ["/bin/true"]\n'
    told = run(file, f'{allowed}[webhooks.keys]\nk1 = {{file = "missing"}}')
    assert told.exit_code == 1, told.output
    assert "the webhook key k1 file" in told.stderr
    assert "does not exist" in told.stderr
    told = run(file, f'{allowed}[webhooks.keys]\nk1 = {{text = "hush hush hush"}}')
    assert told.exit_code == 0, told.output
    assert "hush hush" not in told.output


def test_settings_that_are_wrong_are_65_and_begin_nothing(
    run: Callable[..., Result], policy: WritePolicy, tmp_path: Path
) -> None:
    told = run(policy(["svc-0001"]), "[limits]\nreads = 3")
    assert told.exit_code == 65
    assert re.search(r"rollout\.toml:\d+:1 limits\.reads: must be a table", told.stderr)
    assert not (tmp_path / "state").exists()


def test_a_real_endpoint_without_usable_credentials_is_1_and_begins_nothing(
    run: Callable[..., Result], policy: WritePolicy, tmp_path: Path
) -> None:
    other = "00000000-0000-4000-8000-000000000002"
    file = policy(["svc-0001"])
    file.write_text(file.read_text().replace(OURS, other))
    told = run(file, f'[subscriptions."{other}"]\ncertificate = {{ pem = "none.pem" }}\n')
    assert told.exit_code == 1
    assert f"{tmp_path}/none.pem does not exist" in told.stderr


def test_paces_are_the_pacers_own_unless_the_settings_name_others() -> None:
    real = RunSettings("https://management.core.windows.net", Path("state"))
    assert paces(real) == (READS, WRITES)
    assert paces(RunSettings("http://127.0.0.1:1", Path("state"))) == (EMULATED, EMULATED)
    limits = Limits(reads=PaceLimit(start=0.25, ceiling=40))
    reads, writes = paces(RunSettings(real.endpoint, real.state, limits=limits))
    assert (reads.start, reads.ceiling, reads.floor, reads.rise) == (0.25, 40, 0.25, READS.rise)
    assert writes == WRITES
