"""`rollout daemon` as a process: how it begins, how it ends, and with which code."""

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from rollout.cli.main import cli

ROLLOUT = str(Path(sys.executable).with_name("rollout"))


@contextmanager
def daemon(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [ROLLOUT, "daemon", "--emulate", "--listen", "127.0.0.1:0", *words]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith("listening on http://127.0.0.1:"), said
            yield process, said.removeprefix("listening on ").strip()
        finally:
            process.kill()


def test_a_daemon_serves_until_it_is_told_to_end_and_leaves_a_token_of_its_users_own(tmp_path: Path) -> None:
    state, config = tmp_path / "state", tmp_path / "elsewhere" / "rollout.toml"
    config.parent.mkdir()
    config.write_text('[daemon]\npolicies = "policies"\n', encoding="utf-8")
    (config.parent / "policies").mkdir()
    with daemon(tmp_path, "--config", str(config), "--state", "state") as (process, url):
        token = state / "admin-token"
        assert token.stat().st_mode & 0o777 == 0o600
        shown = {"Authorization": f"Bearer {token.read_text().strip()}"}
        request = urllib.request.Request(f"{url}/v1/me", headers=shown)  # noqa: S310 - our own loopback daemon
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            assert b"admin" in answer.read()
        second = subprocess.run(  # noqa: S603 - our own command
            [ROLLOUT, "daemon", "--emulate", "--listen", "127.0.0.1:0", "--state", str(state)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert second.returncode == 75
        assert re.search(r"in use by process \d+ on .* rollout daemon", second.stderr)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--emulate", "--endpoint", "http://127.0.0.1:1"], 64, "name two fleets"),
        (["--listen", "0.0.0.0:0"], 65, "--listen daemon.listen: 0.0.0.0:0 is not loopback"),
        (["--listen", "nowhere"], 65, "--listen daemon.listen: must be ADDRESS:PORT"),
        (["--endpoint", "https://management.example"], 64, "is not loopback"),
    ],
)
def test_what_cannot_be_served_is_refused_before_anything_is_made(
    words: list[str], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(cli, ["daemon", "--state", str(tmp_path / "state"), *words])
    assert told.exit_code == code, told.output
    assert said in told.output
    assert not (tmp_path / "state").exists()
