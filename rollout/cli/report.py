"""`rollout report`: everything about one rollout on one page, or as one document."""

from pathlib import Path

import click

from rollout.cli.completing import complete_target
from rollout.cli.params import config_option, state_option
from rollout.cli.target import state_of

FORMS = ("html", "json")


@click.command()
@click.argument("rollout", metavar="ID", shell_complete=complete_target)
@click.option("-o", "--output", type=click.Choice(FORMS), help="What is written.  [default: by FILE's name, else html]")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to.  [default: stdout]"
)
@config_option
@state_option
def report(*, rollout: str, output: str | None, out: Path | None, config: str | None, state: str | None) -> None:
    """Write what was planned and what happened: every verdict, word, approval and call.

    The page needs neither script nor network. It is read off the journal, with or
    without an engine at work on it.
    """
    import msgspec

    from rollout.core.names import RolloutId
    from rollout.views.reading import read_rollout
    from rollout.views.records import read_records
    from rollout.views.report import report as made
    from rollout.views.report_page import page

    own, folder = RolloutId(rollout), state_of(config, state)
    records, read = read_records(folder, own), read_rollout(folder, own)
    document = made(read, records)
    form = output or ("json" if out is not None and out.suffix == ".json" else "html")
    text = page(document) if form == "html" else msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    out.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    click.echo(f"{out}: {len(document.services)} lines, {document.chain.entries} entries", err=True)
