"""`rollout history`: which releases a service had, and which rollout brought each."""

import click

from rollout.cli.output import Form, form_option
from rollout.cli.where import Origin, where_options

COLUMNS = ("since", "rollout", "slot", "release", "phase", "outcome")


@click.command()
@click.argument("service")
@where_options
@form_option
def history(*, service: str, origin: Origin, output: Form) -> None:
    """Show which rollouts a service was in, newest first."""
    from rollout.cli.loop import run_loop
    from rollout.cli.output import on_terminal, write_json, write_lines, write_table
    from rollout.cli.where import place
    from rollout.remote.event import Document
    from rollout.views.text import one_line

    async def ask() -> Document:
        async with place(origin) as where:
            return await where.history(service)

    found = run_loop(ask)
    match output:
        case Form.JSON:
            write_json(found)
        case Form.JSONL:
            write_lines(found["items"])
        case Form.TABLE if on_terminal():
            write_table(COLUMNS, map(cells, found["items"]))
        case Form.TABLE:
            for item in found["items"]:
                click.echo(one_line("  ".join(cells(item))))


def cells(item: "dict[str, object]") -> tuple[str, ...]:
    """Give one rollout of the service as a row."""
    from rollout.views.tell import clock

    names = ("rollout", "slot", "release", "phase", "outcome")
    return (clock(float(str(item["since"]))), *(str(item[name] or "-") for name in names))
