"""`rollout doctor`: what this machine has and what it lacks for a rollout, each with what to do."""

import json
import sys

import click

from rollout.cli.params import config_option, endpoint_option, flags_over, state_option
from rollout.views.text import counted, one_line


@click.command()
@config_option
@endpoint_option
@state_option
@click.option("--offline", is_flag=True, help="Ask no endpoint.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="What goes to stdout.")
@click.pass_context
def doctor(
    ctx: click.Context, *, config: str | None, endpoint: str | None, state: str | None, offline: bool, output: str
) -> None:
    """Check Python, libraries, clock, state directory, settings, credentials and endpoints.

    Changes nothing. Exit code 1 says that something has to be done first.
    """
    import msgspec

    from rollout.cli.checks import Verdict
    from rollout.cli.checkup import checkup

    found = checkup(config, endpoint=endpoint, flags=flags_over(state=state), offline=offline)
    wrong = sum(each.verdict is Verdict.WRONG for each in found)
    if output == "json":
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
    else:
        width = max(len(each.name) for each in found)
        for each in found:
            click.echo(f"{each.verdict.value:7}  {each.name:{width}}  {one_line(each.found)}")
            if each.advice:
                click.echo(f"{'':7}  {'':{width}}  -> {one_line(each.advice)}")
        sys.stdout.flush()
        click.echo(f"{counted(wrong, 'thing')} to do first." if wrong else "Nothing has to be done first.", err=True)
    ctx.exit(1 if wrong else 0)
