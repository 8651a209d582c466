import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from rollout.cli.policy import explain, schema, validate
from rollout.errors import PolicyError, UsageError


@click.group()
def program() -> None:
    """Stand in for the real command."""


for command in (validate, schema, explain):
    program.add_command(command)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(program, [str(argument) for argument in arguments])


def test_validate_says_ok_for_each_file(folder: Any) -> None:
    done = run("validate", folder.policy, folder.path / "fleet.yaml")
    assert done.exit_code == 0
    assert done.stdout == f"{folder.policy}: ok (policy)\n{folder.path}/fleet.yaml: ok (fleet)\n"


def test_validate_tells_the_problems_of_all_files(folder: Any) -> None:
    good = folder.write("good.yaml", "timeout: 1h")
    bad = folder.write("bad.yaml", "timeout: 1\npriority: x")
    done = run("validate", bad, good, folder.path / "none.yaml")
    assert done.stdout == f"{good}: ok (shared defaults)\n"
    assert isinstance(done.exception, PolicyError)
    assert done.exception.exit_code == 65
    assert len(done.exception.problems) == 3


def test_validate_gives_problems_as_json(folder: Any) -> None:
    done = run("validate", "-o", "json", folder.write("bad.yaml", "timeout: 1"), folder.policy)
    (problem,) = json.loads(done.stdout)
    assert (problem["line"], problem["column"], problem["path"]) == (1, 10, "timeout")
    assert isinstance(done.exception, PolicyError)
    assert json.loads(run("validate", "-o", "json", folder.policy).stdout) == []


def test_validate_needs_a_path() -> None:
    assert run("validate").exit_code == 2


def test_schema_is_json_on_stdout() -> None:
    assert "$schema" in json.loads(run("schema").stdout)


def test_explain_tells_a_field_or_refuses() -> None:
    assert "StableDuration" in run("explain", "health.stable_duration").stdout
    refused = run("explain", "health.retries")
    with pytest.raises(UsageError, match=r"did you mean `health.retry_timeout`"):
        raise refused.exception or AssertionError
