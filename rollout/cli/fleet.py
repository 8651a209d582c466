"""`rollout fleet import|check`: a fleet file made from a subscription, or compared with it."""

import json
from pathlib import Path
from typing import Final

import click

from rollout.cli.files import write_new
from rollout.cli.params import config_option, endpoint_option
from rollout.views.text import counted

DIFFERENT: Final = 2
"""The exit code for a fleet file that does not fit."""


@click.group()
def fleet() -> None:
    """Make a fleet file from a subscription, or compare one with it."""


@fleet.command("import")
@click.option("--subscription", required=True, metavar="ID", help="The subscription to look at.")
@click.option("--slot", type=click.Choice(["production", "staging"]), default="production", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="[default: stdout]")
@click.option("--force", is_flag=True, help="Write over FILE.")
@config_option
@endpoint_option
def import_(
    *, subscription: str, slot: str, output: str | None, force: bool, config: str | None, endpoint: str | None
) -> None:
    """Write a fleet file of all services that run something in the slot.

    Services stand in the order the API lists them, each with a tag of its region:
    put them into rollout order, and tag a canary.
    """
    from rollout.cli.fleet_file import written
    from rollout.cli.loop import run_loop
    from rollout.cli.survey import survey
    from rollout.core.names import Slot
    from rollout.settings.choose import run_settings
    from rollout.settings.load import load_settings

    settings = run_settings(load_settings(config), subscription, endpoint=endpoint)
    text = written(subscription, Slot(slot), run_loop(lambda: survey(settings, subscription)))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_new(Path(output), text, force=force)
        click.echo(f"wrote {output}", err=True)


@fleet.command()
@click.argument("file", metavar="FLEET", type=click.Path())
@click.option("--partial", is_flag=True, help="The fleet is a part on purpose: other services are no difference.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="What goes to stdout.")
@config_option
@endpoint_option
@click.pass_context
def check(
    ctx: click.Context, *, file: str, partial: bool, output: str, config: str | None, endpoint: str | None
) -> None:
    """Compare a fleet file with its subscription. Exit code 2 says that they differ."""
    import msgspec

    from rollout.cli.fleet_file import differences, load_fleet
    from rollout.cli.loop import run_loop
    from rollout.cli.survey import survey
    from rollout.core.names import ServiceName
    from rollout.settings.choose import run_settings
    from rollout.settings.load import load_settings

    wanted = load_fleet(file)
    settings = run_settings(load_settings(config), wanted.subscription, endpoint=endpoint)
    names = [ServiceName(name) for name in wanted.services]
    found = list(differences(wanted, run_loop(lambda: survey(settings, wanted.subscription, names)), partial=partial))
    if output == "json":
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
    elif found:
        click.echo("\n".join(f"{each.service}: {each.words}" for each in found))
    else:
        click.echo(f"{file}: {counted(len(wanted.services), 'service')}, and all fit")
    ctx.exit(DIFFERENT if found else 0)
