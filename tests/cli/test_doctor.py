"""`rollout doctor`: each check in its three verdicts, and the whole against a real emulator."""

import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
import trustme
from click.testing import Result

from rollout.cli import checks
from rollout.cli.checks import Verdict
from rollout.cli.checkup import _expiry, _skew
from rollout.journal.mounts import Mount
from rollout.platforms.classic.preflight import Knock

OURS = "00000000-0000-4000-8000-000000000001"
DAY_S = 86_400
Invoke = Callable[..., Result]


@pytest.fixture
def doctor(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run `rollout doctor` with a state directory, and no settings but the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("ROLLOUT_CONFIG", raising=False)
    return lambda *words: invoke("doctor", "--state", tmp_path / "state", *words)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], None]:
    def settings(text: str) -> None:
        (tmp_path / "rollout.toml").touch(mode=0o600)
        (tmp_path / "rollout.toml").write_text(text.replace("{id}", OURS))

    return settings


def found(told: Result) -> dict[str, tuple[str, str]]:
    return {each["name"]: (each["verdict"], each["found"]) for each in json.loads(told.stdout)}


def test_a_machine_that_lacks_nothing_is_0(doctor: Invoke, endpoint: str, write: Callable[[str], None]) -> None:
    write(f'[endpoints.lab]\nurl = "{endpoint}"\n[subscriptions."{{id}}"]\nendpoint = "lab"\n')
    told = doctor("-o", "json")
    assert told.exit_code == 0, told.output
    assert {verdict for verdict, _ in found(told).values()} == {"ok"}
    assert found(told)["settings"] == ("ok", "rollout.toml names 1 subscription")
    assert "lets us in; a GET takes" in found(told)[f"endpoint of {OURS}"][1]


def test_without_settings_it_says_what_to_do_and_is_0(doctor: Invoke, tmp_path: Path) -> None:
    told = doctor("--offline")
    assert told.exit_code == 0, told.output
    assert "warning  settings         there is no rollout.toml\n" in told.stdout
    assert "-> make one with `rollout init`" in told.stdout
    assert told.stderr == "Nothing has to be done first.\n"
    assert not (tmp_path / "state").exists()


def test_settings_that_are_wrong_are_told_at_their_place_and_are_1(
    doctor: Invoke, write: Callable[[str], None]
) -> None:
    write("[limits]\nrequest_timeout = 3\nreply_bytes = 1\n")
    told = doctor()
    assert told.exit_code == 1
    assert "wrong    settings   rollout.toml:2:1 limits.request_timeout: must be a duration" in told.stdout
    assert "rollout.toml:3:1 limits.reply_bytes: must be at least 4096, not 1" in told.stdout
    assert told.stderr == "2 things to do first.\n"


def test_a_key_that_others_can_open_is_wrong_and_is_not_shown_to_anybody(
    doctor: Invoke, write: Callable[[str], None], tmp_path: Path
) -> None:
    pair = trustme.CA().issue_cert("manager.example").private_key_and_cert_chain_pem
    (tmp_path / "m.pem").write_bytes(pair.bytes())
    write('[subscriptions."{id}"]\ncertificate = { pem = "m.pem" }\n')
    told = doctor("-o", "json")
    assert told.exit_code == 1
    verdict, said = found(told)[f"credentials of {OURS}"]
    assert verdict == "wrong"
    assert "is open to other users" in said
    assert f"endpoint of {OURS}" not in found(told)
    (tmp_path / "m.pem").chmod(0o600)
    told = doctor("-o", "json", "--offline")
    verdict, said = found(told)[f"credentials of {OURS}"]
    assert verdict == "ok"
    assert "m.pem is private and valid until " in said


def test_an_endpoint_that_cannot_be_reached_is_wrong(
    doctor: Invoke, write: Callable[[str], None], unused_tcp_port: int
) -> None:
    write(f'[endpoints.lab]\nurl = "http://127.0.0.1:{unused_tcp_port}"\n[subscriptions."{{id}}"]\nendpoint = "lab"\n')
    told = doctor("-o", "json")
    assert told.exit_code == 1
    verdict, said = found(told)[f"endpoint of {OURS}"]
    assert verdict == "wrong"
    assert "This is the network" in said


@pytest.mark.parametrize(
    ("days", "verdict", "said"),
    [(-1, "wrong", "expired on 2025-06-30"), (29, "warning", "expires on"), (31, "ok", "valid until")],
)
def test_a_certificate_is_judged_by_its_end(days: int, verdict: str, said: str) -> None:
    now = 1_751_328_000.0
    told = _expiry("certificate", Path("m.pem"), now + days * DAY_S, now)
    assert told.verdict == verdict
    assert said in told.found


@pytest.mark.parametrize(
    ("date", "verdict", "said"),
    [
        (None, "warning", "does not say"),
        (1_000.0, "ok", "0 s"),
        (939.0, "wrong", "61 s ahead of"),
        (1_061.0, "wrong", "61 s behind"),
    ],
)
def test_two_clocks_may_differ_by_a_minute(date: float | None, verdict: str, said: str) -> None:
    told = _skew(Knock(0.1, date), 1_000.0)
    assert told.verdict == verdict
    assert said in told.found


def test_a_clock_that_was_never_set_is_wrong() -> None:
    assert checks.clock(0.0).verdict is Verdict.WRONG
    assert checks.clock(1_751_328_000.0).verdict is Verdict.OK
    assert checks.clock(9e9).verdict is Verdict.WRONG


def test_libraries_are_looked_for_by_what_the_distribution_needs() -> None:
    assert checks.libraries().verdict is Verdict.OK
    assert checks.libraries("no-such-distribution").verdict is Verdict.WARNING


def test_python_and_zone_data_are_fine_here() -> None:
    assert checks.python().verdict is Verdict.OK
    assert checks.zone_data().verdict is Verdict.OK


def test_a_state_directory_is_looked_at_and_left_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert "does not exist yet" in checks.state_directory(state).found
    assert not state.exists()
    state.mkdir(mode=0o700)
    assert checks.state_directory(state).verdict is Verdict.OK
    assert list(state.iterdir()) == []
    few = checks.state_directory(state, free_bytes=lambda _: 5 << 20)
    assert (few.verdict, "5 MiB left" in few.found) == (Verdict.WARNING, True)
    network = checks.state_directory(state, [Mount(PurePosixPath("/"), "nfs4")])
    assert (network.verdict, "network file system" in network.found) == (Verdict.WRONG, True)
    state.chmod(0o755)
    shared = checks.state_directory(state)
    assert (shared.verdict, "is open to other users" in shared.found) == (Verdict.WRONG, True)
    (tmp_path / "file").touch()
    assert checks.state_directory(tmp_path / "file").verdict is Verdict.WRONG
