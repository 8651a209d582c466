"""What `rollout generate` prints: a unit as hard as promised, and pipelines that submit and wait."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from rollout.cli.generate import FILES
from rollout.cli.main import cli

SCORE_MAX = 2.0
ANALYZE = shutil.which("systemd-analyze")
PIPELINES = ("github", "azure-pipelines")


def printed(what: str) -> str:
    told = CliRunner().invoke(cli, ["generate", what])
    assert told.exit_code == 0, told.output
    return told.output


@pytest.mark.parametrize("what", FILES)
def test_nothing_is_left_to_be_filled_in(what: str) -> None:
    assert not re.search(r"(?<!\$\{)\{(distribution|version|rollout)\}", printed(what))


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed, so nobody can score the unit")
def test_the_unit_is_exposed_no_more_than_promised(tmp_path: Path) -> None:
    unit = tmp_path / "rollout.service"
    unit.write_text(printed("systemd"), encoding="utf-8")
    command = [str(ANALYZE), "security", "--offline=true", "--no-pager", str(unit)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - a fixed command
    found = re.search(r"Overall exposure level for rollout\.service: ([0-9.]+)", told.stdout)
    assert found, told.stdout + told.stderr
    assert float(found[1]) <= SCORE_MAX


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed, so nobody can read the unit")
def test_the_unit_has_no_word_that_systemd_does_not_know(tmp_path: Path) -> None:
    unit = tmp_path / "rollout.service"
    unit.write_text(printed("systemd"), encoding="utf-8")
    command = [str(ANALYZE), "verify", "--man=no", str(unit)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - a fixed command
    assert not [line for line in told.stderr.splitlines() if "rollout.service" in line], told.stderr


@pytest.mark.parametrize("what", PIPELINES)
def test_pipelines_submit_and_wait_and_never_run_a_rollout_themselves(what: str) -> None:
    text = printed(what)
    yaml.safe_load(text)
    commands = re.findall(r"bin/rollout\" (\w+)", text)
    assert commands == ["validate", "apply"]
    assert 'apply -f "$POLICY" --wait' in text


@pytest.mark.parametrize("what", PIPELINES)
def test_a_policy_named_by_a_person_reaches_no_shell_but_as_a_variable(what: str) -> None:
    for line in printed(what).splitlines():
        if "bin/" in line:
            assert "${{" not in line


def test_the_token_is_shown_to_the_step_that_needs_it_alone() -> None:
    steps = yaml.safe_load(printed("github"))["jobs"]["rollout"]["steps"]
    assert [("ROLLOUT_TOKEN" in step.get("env", {})) for step in steps] == [False, False, False, True]
    deploy = yaml.safe_load(printed("azure-pipelines"))["jobs"][0]["strategy"]["runOnce"]["deploy"]["steps"]
    assert [("ROLLOUT_TOKEN" in step.get("env", {})) for step in deploy] == [False, False, False, True]


def test_the_workflow_may_only_read_and_takes_actions_by_their_digest() -> None:
    workflow = yaml.safe_load(printed("github"))
    assert workflow["permissions"] == {"contents": "read"}
    used = [step["uses"] for step in workflow["jobs"]["rollout"]["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each) for each in used)


def test_the_container_runs_as_nobody_in_particular_and_ends_by_the_signal_that_drains() -> None:
    text = printed("dockerfile")
    assert "\nUSER 10001:10001\n" in text
    assert "\nSTOPSIGNAL SIGTERM\n" in text
    assert '"daemon", "--config"' in text
