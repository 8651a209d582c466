"""`rollout watch`, `events` and `ui`: what goes on just now, as a table, as lines, or in a browser."""

import contextlib
from typing import TYPE_CHECKING

import click

from rollout.cli.completing import complete_rollout, complete_target
from rollout.cli.output import Form, form_option
from rollout.cli.target import Target, TargetType
from rollout.cli.where import Origin, Where, where_options

if TYPE_CHECKING:
    from rollout.core.result import Result
    from rollout.remote.event import Document, Event


@click.command()
@click.argument("rollout", metavar="[ID]", required=False, shell_complete=complete_rollout)
@where_options
@click.option("--jsonl", "as_lines", is_flag=True, help="Write each event as a line of JSON to stdout.")
@click.pass_context
def watch(ctx: click.Context, *, rollout: str | None, origin: Origin, as_lines: bool) -> None:
    """Watch a rollout until it is over, or (without ID) every rollout.

    A live table on a terminal, lines of words otherwise, all on stderr. Exit
    codes are those of `rollout run`. Ctrl-C stops watching, and nothing else.
    """
    from rollout.cli.attend import attend, attend_all
    from rollout.cli.loop import run_loop
    from rollout.cli.where import place

    tell = event_line if as_lines else None

    async def look() -> "Result | None":
        async with place(origin) as where:
            if rollout is not None:
                return await attend(where, rollout, "finished", None, tell)
            await attend_all(where, tell)
            return None

    result = run_loop(look)
    if result is not None:
        click.echo(f"{rollout}: {result.outcome}: {result.reason}", err=True)
        ctx.exit(result.code)


@click.command()
@click.argument("target", type=TargetType(), metavar="[ID[/SERVICE]]", required=False, shell_complete=complete_target)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
@where_options
@form_option
def events(*, target: Target | None, follow: bool, origin: Origin, output: Form) -> None:
    """Show what was recorded of a rollout or a service, oldest first.

    With -f and without ID: what happens to every rollout from now on.
    """
    from rollout.cli.loop import run_loop
    from rollout.cli.where import place
    from rollout.errors import UsageError

    if target is None and not follow:
        raise UsageError("say whose events: give ID or ID/SERVICE, or -f for what happens from now on")

    async def show() -> "list[Document]":
        async with place(origin) as where:
            return await _events(where, target, output, follow=follow)

    kept = run_loop(show)
    if output is Form.JSON:
        from rollout.cli.output import write_json

        write_json(kept)


async def _events(where: Where, target: Target | None, output: Form, *, follow: bool) -> "list[Document]":
    """Write entries as they come; gives them for who wants one document. Following ends with the process."""
    kept: list[Document] = []
    position = None
    if target is not None:
        async for entry in where.timeline(target.rollout, target.service):
            position = entry["position"]
            if output is Form.JSON and not follow:
                kept.append(entry)
            else:
                _write(entry, output)
    if follow:
        async with contextlib.aclosing(where.watch(target.rollout if target else None, after=position)) as news:
            async for event in news:
                if event.kind == "entry" and (not (target and target.service) or _about(event, target.service)):
                    _write(event.document, output)
    return kept


def _about(event: "Event", service: str | None) -> bool:
    return event.document.get("service") == service


def _write(entry: "Document", output: Form) -> None:
    if output is Form.TABLE:
        click.echo(entry_line(entry))
    else:
        from rollout.cli.output import write_lines

        write_lines([entry])


def entry_line(entry: "Document") -> str:
    """Give an entry as a line: when, who where it was a person, and what."""
    from rollout.views.tell import clock
    from rollout.views.text import one_line

    return f"{clock(entry['at'])}  {one_line(str(entry['sentence']))}"


def event_line(event: "Event") -> None:
    """Write an event as a line of JSON."""
    from rollout.cli.output import write_lines

    write_lines([{"event": event.kind, "position": event.position} | event.document])


@click.command()
@where_options
def ui(*, origin: Origin) -> None:
    """Print a link to the daemon's dashboard that lets one browser in, once, within a minute."""
    from rollout.cli.loop import run_loop
    from rollout.cli.where import daemon

    async def ask() -> str:
        async with daemon(origin) as client:
            return await client.ui_link()

    click.echo(run_loop(ask))
    click.echo("It works once, within a minute, for who you are; do not pass it on.", err=True)
