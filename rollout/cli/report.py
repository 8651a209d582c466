"""`rollout report`: everything about one rollout on one page, or as one document."""

from pathlib import Path

import click

from rollout.cli.completing import complete_target
from rollout.cli.where import Origin, where_options

FORMS = ("html", "json")


@click.command()
@click.argument("rollout", metavar="ID", shell_complete=complete_target)
@click.option("-o", "--output", type=click.Choice(FORMS), help="What is written.  [default: by FILE's name, else html]")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to, if not stdout.")
@click.option(
    "--plan",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A plan as `rollout plan -o json` wrote it, to hold against what happened.  [default: the submission's]",
)
@where_options
def report(*, rollout: str, output: str | None, out: Path | None, plan: Path | None, origin: Origin) -> None:
    """Write what was planned and what happened: every verdict, word, approval and call.

    The page needs neither script nor network. It is read off the journal, with or
    without an engine at work on it.
    """
    import msgspec

    from rollout.cli.loop import run_loop
    from rollout.cli.where import place
    from rollout.remote.event import Document
    from rollout.views.report import Report, beside
    from rollout.views.report_forecast import forecast_in
    from rollout.views.report_page import page

    async def ask() -> Document:
        async with place(origin) as where:
            return await where.report(rollout)

    document = msgspec.convert(run_loop(ask), Report)
    if plan is not None:
        document = beside(document, forecast_in(plan.read_bytes(), rollout))
    form = output or ("json" if out is not None and out.suffix == ".json" else "html")
    if form == "html":
        text = page(document)
    else:
        text = f"{msgspec.json.format(msgspec.json.encode(document), indent=2).decode()}\n"
    if out is None:
        click.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    click.echo(f"{out}: {len(document.services)} lines, {document.chain.entries} entries", err=True)
