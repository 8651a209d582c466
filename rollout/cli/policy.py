"""The verbs that only look at documents: `validate`, `schema`, `explain`."""

import json

import click
import msgspec

from rollout.errors import PolicyError, Problem, UsageError
from rollout.policy import schema as documents
from rollout.policy.load import check_document


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path())
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", help="json: a list of problems.")
def validate(paths: tuple[str, ...], output: str) -> None:
    """Check policies, fleets and every file they name; all problems at once."""
    problems: list[Problem] = []
    for path in paths:
        try:
            checked = check_document(path)
        except PolicyError as error:
            problems += error.problems
        else:
            for each in checked.advice:
                click.echo(f"{each} (a warning)", err=True)
            if output == "table":
                click.echo(f"{path}: ok ({checked.kind})")
    if output == "json":
        click.echo(json.dumps(msgspec.to_builtins(problems), indent=2))
    if problems:
        raise PolicyError(problems)


@click.command()
def schema() -> None:
    """Print the JSON Schema of policies and fleets, for editors."""
    click.echo(json.dumps(documents.schema(), indent=2))


@click.command()
@click.argument("field")
def explain(field: str) -> None:
    """Say what a FIELD of a policy means, such as health.stable_duration."""
    try:
        click.echo(documents.explain(field))
    except ValueError as error:
        raise UsageError(str(error)) from None
