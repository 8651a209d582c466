import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from rollout.cli.policy import explain, schema, validate
from rollout.errors import PolicyError, UsageError
from rollout.policy.rules import advice


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


def test_validate_warns_where_nothing_but_the_platform_looks_at_the_walked_domain(folder: Any) -> None:
    done = run("validate", folder.policy)
    assert done.exit_code == 0
    assert "policy.yaml:1:1: no required check but `instances` looks at the walked domain" in done.stderr
    assert done.stderr.endswith("(a warning)\n")


@pytest.mark.parametrize(
    ("checks", "warned"),
    [
        ("[{http: 'http://{instances}/', scope: domain}]", False),
        ("[{http: 'http://{instances}/'}]", False),
        ("[{metric: {query: a, compare: walked|unwalked}}]", False),
        ("[{command: smoke, scope: domain}, {instances: ready}]", False),
        ("[{command: smoke}, {instances: ready}]", True),
        ("[{http: 'http://{instances}/', advisory: true}]", True),
        ("[{http: 'http://{instances}/', moments: [bake]}]", True),
    ],
)
def test_a_check_that_looks_at_the_walked_domain_is_enough(folder: Any, checks: str, *, warned: bool) -> None:
    bundle = folder.load(f"health: {{checks: {checks}}}")
    assert bool(list(advice(bundle.policy))) is warned


def test_a_wave_with_checks_of_its_own_is_warned_of_by_itself(folder: Any) -> None:
    good = "health: {checks: [{command: smoke, scope: domain}]}\n"
    own = "waves: [{name: a, select: rest, health: {checks: [{instances: ready}]}}]"
    (found,) = advice(folder.load(good + own).policy)
    assert found[0] == ("waves", 0, "health", "checks")


def test_a_wave_without_checks_of_its_own_is_not_warned_of(folder: Any) -> None:
    good = "health: {checks: [{command: smoke, scope: domain}]}\n"
    assert not list(advice(folder.load(good + "waves: [{name: a, select: rest, health: {interval: 1s}}]").policy))


def test_a_tag_that_a_check_asks_for_has_to_be_there(folder: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        folder.load("health: {checks: [{http: 'https://{tag.nowhere}.example'}]}")
    (problem,) = caught.value.problems
    assert "has no tag `nowhere`, which `{tag.nowhere}` asks for" in problem.message
    assert problem.path == "health.checks[0]"


def test_validate_needs_a_path() -> None:
    assert run("validate").exit_code == 2


def test_schema_is_json_on_stdout() -> None:
    assert "$schema" in json.loads(run("schema").stdout)


def test_explain_tells_a_field_or_refuses() -> None:
    assert "StableDuration" in run("explain", "health.stable_duration").stdout
    refused = run("explain", "health.retries")
    with pytest.raises(UsageError, match=r"did you mean `health.retry_timeout`"):
        raise refused.exception or AssertionError
