"""The group of verbs: help without imports, usage errors, and one edge where every ending gets its code."""

import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner, Result

from rollout.cli.group import VerbGroup
from rollout.cli.main import VERBS, cli
from rollout.errors import InvariantBroken, StateInUse


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_loads_and_its_help_works(verb: str, invoke: Callable[..., Result]) -> None:
    told = invoke(verb, "--help")
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith(f"Usage: rollout {verb} ")


def test_the_help_lists_every_verb_and_imports_none() -> None:
    script = (
        "import sys; from click.testing import CliRunner; from rollout.cli.main import cli, VERBS\n"
        "told = CliRunner().invoke(cli, ['--help'])\n"
        "assert told.exit_code == 0 and all(f'  {verb} ' in told.stdout for verb in VERBS), told.output\n"
        "heavy = {'aiohttp', 'lxml', 'pydantic', 'rich', 'structlog', 'uvloop', 'rollout.assembly', 'asyncio'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - our own script
    assert ran.returncode == 0, f"imported for --help: {ran.stderr}"


def test_the_version_is_the_distributions(invoke: Callable[..., Result]) -> None:
    told = invoke("--version")
    assert (told.exit_code, told.stdout.split()[0]) == (0, "rollout,")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Usage: rollout"),
        (["walk"], "No such command 'walk'"),
        (["run"], "Missing option '-f'"),
        (["run", "-f", "p.yaml", "--nonsense"], "No such option"),
        (["run", "-f", "p.yaml", "--request-timeout", "30"], "`30` has no unit"),
        (["run", "-f", "p.yaml", "--request-timeout", "0s"], "longer than 0s"),
        (["run", "-f", "p.yaml", "-o", "xml"], "'xml' is not one of"),
        (["emulator", "--domains", "5", "--instances", "4"], "never has more upgrade domains than instances"),
        (["demo", "--seed", "x"], "'x' is not a valid integer"),
        (["demo", "--seed", "-1"], "-1 is not in the range"),
    ],
)
def test_a_wrong_command_line_is_64_and_says_why(words: list[str], said: str, invoke: Callable[..., Result]) -> None:
    told = invoke(*words)
    assert told.exit_code == 64
    assert said in told.stderr
    assert "Traceback" not in told.stderr
    assert told.stdout == ""


@pytest.fixture
def verb_that() -> Callable[..., Result]:
    """Run a verb that raises, or gives a value, behind the edge."""

    def run(raises: BaseException | None = None, gives: object = None) -> Result:
        @click.command()
        def verb() -> object:
            if raises is not None:
                raise raises
            return gives

        group = VerbGroup(name="rollout", verbs={"verb": ("nowhere:verb", "Does what the test says.")})
        group.get_command = lambda *_: verb  # type: ignore[method-assign] # the seam where a verb would be imported
        return CliRunner().invoke(group, ["verb"])

    return run


def test_an_error_for_people_is_its_message_and_its_code(verb_that: Callable[..., Result]) -> None:
    told = verb_that(StateInUse("the directory is held by process 12\nwait for it"))
    assert (told.exit_code, told.stdout) == (75, "")
    assert told.stderr == "error: the directory is held by process 12\nwait for it\n"


def test_our_own_mistake_is_70_without_a_traceback(verb_that: Callable[..., Result]) -> None:
    told = verb_that(InvariantBroken("two owners"))
    assert told.exit_code == 70
    assert "Traceback" not in told.stderr


def test_an_exit_chosen_by_a_verb_is_kept(verb_that: Callable[..., Result]) -> None:
    assert verb_that(click.exceptions.Exit(4)).exit_code == 4
    assert verb_that(SystemExit(5)).exit_code == 5
    assert verb_that(gives="text").exit_code == 0


def test_an_interruption_outside_a_run_is_130(verb_that: Callable[..., Result]) -> None:
    assert verb_that(KeyboardInterrupt()).exit_code == 130


def test_the_verbs_stand_in_the_order_of_the_list() -> None:
    assert cli.list_commands(click.Context(cli)) == list(VERBS)
