"""`rollout notifications`: who was told what, and what nobody took."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from rollout.cli.params import config_option, state_option
from rollout.cli.target import json_option, state_of

if TYPE_CHECKING:
    from rollout.views.notices import NoticeView

SHOWN_MAX: Final = 50


@click.command()
@click.argument("rollout", metavar="[ID]", required=False)
@click.option("--dead", is_flag=True, help="Only those that were given up.")
@click.option(
    "--again", is_flag=True, help="Have what was given up sent again, by the engine that runs or the next one."
)
@config_option
@state_option
@json_option
def notifications(
    *, rollout: str | None, dead: bool, again: bool, config: str | None, state: str | None, output: str
) -> None:
    """List what people were told, of one rollout or of all: what was given up first, then what still waits.

    A notice that is not taken is tried twelve times in about half an hour; then it
    is given up, and stays here to be seen.
    """
    import msgspec

    from rollout.core.names import RolloutId
    from rollout.views.notices import read_notices, send_again

    folder, own = state_of(config, state), RolloutId(rollout) if rollout else None
    if again:
        click.echo(f"{send_again(folder, own)} wait to be sent again", err=True)
    found = read_notices(folder, own)
    found = [each for each in found if not dead or each.delivery == "given up"]
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    for each in found[:SHOWN_MAX]:
        click.echo(_line(each))
    if len(found) > SHOWN_MAX:
        click.echo(f"… and {len(found) - SHOWN_MAX} more; -o json has them all")
    if not found:
        click.echo("nobody was told anything: see `rollout explain notify`, and [notify] of the settings")


def _line(each: "NoticeView") -> str:
    at = datetime.fromtimestamp(each.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    what = f"{each.delivery} to {each.target[:20]}"
    if each.delivery != "sent":
        what += f" after {each.attempts} tries ({each.said})" if each.attempts else ", not tried yet"
    return f"{at}  {each.event}: {each.sentence}  [{what}]"
