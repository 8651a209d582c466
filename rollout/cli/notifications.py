"""`rollout notifications`: who was told what, and what nobody took."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from rollout.cli.target import json_option
from rollout.cli.where import Origin, where_options

if TYPE_CHECKING:
    from rollout.views.notices import NoticeView

SHOWN_MAX: Final = 50


@click.command()
@click.argument("rollout", metavar="[ID]", required=False)
@click.option("--dead", is_flag=True, help="Only those that were given up.")
@click.option(
    "--again", is_flag=True, help="Have what was given up sent again, by the engine that runs or the next one."
)
@click.option("--reason", help="Why it is sent again, for everybody who reads a daemon's journal.")
@where_options
@json_option
def notifications(
    *, rollout: str | None, dead: bool, again: bool, reason: str | None, origin: Origin, output: str
) -> None:
    """List what people were told, of one rollout or of all: what was given up first, then what still waits.

    A notice that is not taken is tried twelve times in about half an hour; then it
    is given up, and stays here to be seen. With --url a daemon is asked; --again
    then needs a --reason, which is recorded there.
    """
    import msgspec

    found = _there(origin, rollout, reason, again=again) if origin.url else _here(origin, rollout, again=again)
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


def _here(origin: Origin, rollout: str | None, *, again: bool) -> "list[NoticeView]":
    """Look into a state directory."""
    from rollout.cli.target import state_of
    from rollout.core.names import RolloutId
    from rollout.views.notices import read_notices, send_again

    folder, own = state_of(origin.config, origin.state), RolloutId(rollout) if rollout else None
    if again:
        click.echo(f"{send_again(folder, own)} wait to be sent again", err=True)
    return read_notices(folder, own)


def _there(origin: Origin, rollout: str | None, reason: str | None, *, again: bool) -> "list[NoticeView]":
    """Ask a daemon."""
    import msgspec

    from rollout.cli.loop import run_loop
    from rollout.cli.where import daemon
    from rollout.errors import UsageError
    from rollout.remote.event import Document
    from rollout.views.notices import NoticeView

    if again and not (reason or "").strip():
        raise UsageError("--again with a daemon needs a --reason: everybody who reads its journal will see it")

    async def ask() -> list[Document]:
        async with daemon(origin) as client:
            if again:
                click.echo(f"{await client.send_again(rollout, reason=reason or '')} wait to be sent again", err=True)
            return await client.notices(rollout)

    return msgspec.convert(run_loop(ask), list[NoticeView])


def _line(each: "NoticeView") -> str:
    at = datetime.fromtimestamp(each.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    what = f"{each.delivery} to {each.target[:20]}"
    if each.delivery != "sent":
        what += f" after {each.attempts} tries ({each.said})" if each.attempts else ", not tried yet"
    return f"{at}  {each.event}: {each.sentence}  [{what}]"
