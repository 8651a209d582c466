"""Every command of the README works as written; what it shows is real."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rollout.core.compile import compile_bundle
from rollout.policy.load import load_policy
from rollout.settings.load import load_settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BY_CI = {"demo", "test"}
"""Blocks that `.ci/run` pastes from the README into a fresh clone."""


def block(mark: str) -> str:
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found is not None, f"README.md has no block marked {mark!r}"
    return found[1]


def test_every_block_of_commands_is_run_by_a_test_or_by_ci() -> None:
    blocks = re.findall(r"(?:<!-- (.+?) -->\n)?```sh\n", README)

    assert sorted(blocks) == sorted([*(f"command: {name}" for name in BY_CI), "run", "daemon"])
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert set(re.findall(r"^run_readme (\w+)$", ci, re.MULTILINE)) == BY_CI


def test_the_policy_of_the_readme_can_be_run(tmp_path: Path) -> None:
    folder = shutil.copytree(ROOT / "policies", tmp_path / "policies")
    (folder / "web.yaml").write_text(block("policy"), encoding="utf-8")

    compiled = compile_bundle(load_policy(folder / "web.yaml"))

    assert len(compiled.services) == 12
    assert len(block("policy").splitlines()) <= 14


def test_the_settings_of_the_readme_are_right(tmp_path: Path) -> None:
    file = tmp_path / "rollout.toml"
    file.write_text(block("settings"), encoding="utf-8")
    settings = load_settings(str(file), environ={}).settings

    assert settings.webhooks.signing == "k1"
    assert set(settings.allow.commands) == {"smoke"}
    assert set(settings.metrics) == {"default"}
    assert settings.notify.webhooks["team"].format == "slack"
    assert settings.notify.heartbeat is not None


@pytest.mark.timeout(240)
def test_the_commands_of_the_readme_run_in_order_as_written(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the README reads the emulator's log with curl, which this machine does not have")
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    answers: dict[str, str] = {}
    emulator: subprocess.Popen[str] | None = None
    try:
        for command in block("run").splitlines():
            if command.startswith("rollout emulator"):
                emulator = subprocess.Popen(  # noqa: S602 - as a reader pastes it
                    f"exec {command}", shell=True, cwd=tmp_path, env={**os.environ, "PATH": path},
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                )  # fmt: skip
                assert emulator.stdout is not None
                assert emulator.stdout.readline().startswith("listening on ")
                continue
            done = subprocess.run(  # noqa: S602 - as a reader pastes it
                command, shell=True, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True,
                check=False, timeout=200,
            )  # fmt: skip
            assert done.returncode == 0, f"{command}: {done.stderr}"
            answers[command.split()[1]] = done.stdout
    finally:
        if emulator is not None:
            emulator.terminate()
            emulator.wait(10)
            if emulator.stdout is not None:
                emulator.stdout.close()
    assert "stable" in answers["explain"]
    assert len(json.loads(answers["-s"])) == 12 * 6
    assert "svc-0012: succeeded" in answers["get"]
    assert "Weak spots" in answers["rehearse"]
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert "each fits the one before" in answers["audit"]
    assert "12 of 12 services in 1 wave, done in" in answers["plan"]


@pytest.mark.timeout(120)
def test_a_daemon_is_spoken_to_as_the_readme_says(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the README speaks to the daemon with curl, which this machine does not have")
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving, *commands = block("daemon").replace("8642", str(port)).splitlines()
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with subprocess.Popen(  # noqa: S602 - as a reader pastes it
        f"exec {serving}", shell=True, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as daemon:  # fmt: skip
        assert daemon.stdout is not None
        assert daemon.stdout.readline().startswith("listening on ")
        done = subprocess.run(  # noqa: S602 - as a reader pastes it
            "\n".join(["set -e", *commands]), shell=True, cwd=tmp_path, env=environ, capture_output=True, text=True,
            check=False, timeout=90,
        )  # fmt: skip
        daemon.terminate()
    assert done.returncode == 0, done.stderr
    assert '"verb":"rollback"' in done.stdout
    assert "web-2.4.1: succeeded: all 12 services" in done.stdout


def test_the_example_of_the_readme_runs_as_written(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    rollout = str(Path(sys.executable).with_name("rollout"))
    words = ["emulator", "--port", "0", "--services", "4", "--domains", "2", "--time-scale", "6000"]
    fleet = tmp_path / "policies" / "fleets" / "emulator-12.yaml"
    fleet.write_text(re.sub(r"  svc-00(0[5-9]|1\d): {}\n", "", fleet.read_text(encoding="utf-8")), encoding="utf-8")
    with subprocess.Popen([rollout, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as emulator:  # noqa: S603 - our own command
        assert emulator.stdout is not None
        url = emulator.stdout.readline().removeprefix("listening on ").strip()
        example = block("example").replace("http://127.0.0.1:10080", url)
        (tmp_path / "release.py").write_text(example, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "release.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=50
        )
        emulator.terminate()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("succeeded - all 4 services run")
    assert sum(bool(line.strip()) for line in block("example").splitlines()) <= 20


def test_the_picture_of_the_readme_is_there() -> None:
    for name in re.findall(r"!\[[^]]*]\(([^)]+)\)", README):
        assert (ROOT / name).is_file(), name
