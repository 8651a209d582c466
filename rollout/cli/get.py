"""`rollout get` and `rollout list`: everything worth knowing of a rollout, and all rollouts there are."""

from typing import TYPE_CHECKING, Any

import click

from rollout.cli.output import Form, form_option
from rollout.cli.target import Target, selection_options, target_argument
from rollout.cli.where import Origin, Where, where_options

if TYPE_CHECKING:
    from rollout.views.choosing import Selection


@click.command()
@target_argument
@selection_options
@where_options
@form_option
def get(*, target: Target, origin: Origin, output: Form, **chosen: str | None) -> None:
    """Show a rollout, or one service: phase, domains, way back, gate, operation, error.

    From a state directory, with or without an engine at work on it, or from a
    daemon (--url): the same document either way. With -o jsonl each service is
    one line.
    """
    from rollout.cli.loop import run_loop
    from rollout.cli.output import on_terminal, write_json, write_lines
    from rollout.cli.where import place
    from rollout.views.choosing import Selection

    async def ask() -> dict[str, Any]:
        async with place(origin) as where:
            return await document(where, target, Selection(**chosen))

    found = run_loop(ask)
    match output:
        case Form.JSON:
            write_json({name: value for name, value in found.items() if name != "engine"})
        case Form.JSONL:
            write_lines(found["services"])
        case Form.TABLE if target.service is None and on_terminal():
            _table(found)
        case Form.TABLE:
            _lines(target, found)


async def document(where: Where, target: Target, selection: "Selection") -> dict[str, Any]:
    """Give a rollout with the services that are meant; one that is named is told whole."""
    from rollout.errors import UsageError
    from rollout.views.choosing import EVERYTHING, Selection

    if target.service is None:
        return await where.read(target.rollout, selection)
    if selection != EVERYTHING:
        raise UsageError("--wave, --select and --phase choose among the services of a rollout: give its ID alone")
    service = await where.read_service(target.rollout, target.service)
    found = await where.read(target.rollout, Selection(select=target.service))
    return found | {"services": [service]}


def _lines(target: Target, found: dict[str, Any]) -> None:
    from rollout.cli.told import head_lines, service_lines

    lines = head_lines(found)[: 1 if target.service else None]
    lines += [line for row in found["services"] for line in service_lines(row)]
    click.echo("\n".join(line for line in [*lines, found.get("engine", "")] if line))


def _table(found: dict[str, Any]) -> None:
    from rich.console import Console

    from rollout.cli.render import table
    from rollout.cli.told import head_lines, row_of

    console = Console(highlight=False, emoji=False, markup=False)
    for line in head_lines(found):
        click.echo(line)
    rows = tuple(row_of(row) for row in found["services"])
    if rows:
        console.print(table(rows, console.width, ascii_only=console.options.ascii_only))
    if engine := found.get("engine"):
        click.echo(engine)


@click.command("list")
@click.option("--attention", is_flag=True, help="Only rollouts that wait for a person.")
@where_options
@form_option
def list_rollouts(*, attention: bool, origin: Origin, output: Form) -> None:
    """List the rollouts of a state directory or a daemon, oldest first."""
    from rollout.cli.loop import run_loop
    from rollout.cli.output import on_terminal, write_json, write_lines, write_table
    from rollout.cli.where import place

    async def ask() -> list[dict[str, Any]]:
        async with place(origin) as where:
            return await where.rollouts(attention=attention)

    heads = run_loop(ask)
    match output:
        case Form.JSON:
            write_json(heads)
        case Form.JSONL:
            write_lines(heads)
        case Form.TABLE if on_terminal():
            write_table(LIST_COLUMNS, map(list_row, heads))
        case Form.TABLE:
            for head in heads:
                click.echo(head["sentence"])


LIST_COLUMNS = ("rollout", "state", "done", "in flight", "queued", "failed", "what goes on")


def list_row(head: dict[str, Any]) -> tuple[str, ...]:
    """Give a rollout as a row of a table."""
    state = "over" if head["closed"] else "NEEDS YOU" if head["attention"] else "halted" if head["halted"] else "open"
    counts = head["counts"]
    said = str(head["sentence"]).removeprefix(f"{head['id']}: ")
    return (head["id"], state, *(str(counts.get(each, 0)) for each in ("done", "in flight", "queued", "failed")), said)
