"""`rollout token`: who may ask the daemon of a state directory, and for what. It works whether a daemon runs or not."""

from typing import TYPE_CHECKING, Any, Final

import click

from rollout.cli.params import Duration, config_option, state_option
from rollout.cli.target import json_option, state_of

if TYPE_CHECKING:
    from rollout.daemon.auth.token import TokenRecord

ROLES: Final = ("viewer", "operator", "approver", "admin")
NOTE_CHARS_MAX: Final = 200


@click.group()
def token() -> None:
    """Make, list and revoke the tokens of a daemon's people.

    A token belongs to a person, in whose name its holder speaks; it is kept as a
    hash. Viewers look; operators submit and say every word to a rollout; approvers
    approve and reject for the groups they are in; admins do everything. A daemon
    that runs sees a change within a second, and ends the event streams of a token
    that was revoked.
    """


@token.command()
@click.argument("name")
@click.option(
    "--role", "roles", type=click.Choice(ROLES), multiple=True, required=True, help="May be given repeatedly."
)
@click.option("--for", "lasting_s", type=Duration(), metavar="DURATION", help="How long it holds.  [default: for ever]")
@click.option("--note", default="", help="What it is for.")
@config_option
@state_option
@json_option
def create(
    *,
    name: str,
    roles: tuple[str, ...],
    lasting_s: float | None,
    note: str,
    config: str | None,
    state: str | None,
    output: str,
) -> None:
    """Make a token for the person NAME and print it: the only time it can be seen."""
    from rollout.daemon.auth.role import Role
    from rollout.daemon.auth.tokens import open_tokens
    from rollout.errors import UsageError

    if len(note) > NOTE_CHARS_MAX or not note.isprintable():
        raise UsageError(f"--note is one line of at most {NOTE_CHARS_MAX} characters")
    tokens = open_tokens(state_of(config, state))
    made = tokens.create(name, [Role(role) for role in roles], lasting_s=lasting_s, note=note).reveal()
    if output == "json":
        _json({"token": made, "name": name, "roles": list(roles)})
        return
    click.echo(made)
    click.echo("Keep it as you keep a password; it is not shown again.", err=True)


@token.command("list")
@config_option
@state_option
@json_option
def list_tokens(*, config: str | None, state: str | None, output: str) -> None:
    """List the tokens, oldest first; never what they are."""
    from rollout.daemon.auth.tokens import open_tokens

    known = open_tokens(state_of(config, state)).all()
    if output == "json":
        _json([_told(record) for record in known])
        return
    for record in known:
        told = _told(record)
        ends = f", until {told['expires']}" if told["expires"] else ""
        note = f": {record.note}" if record.note else ""
        click.echo(f"{record.id}  {record.name}  {', '.join(record.roles)}  since {told['created']}{ends}{note}")


@token.command()
@click.argument("which", metavar="ID|NAME")
@config_option
@state_option
@json_option
def revoke(*, which: str, config: str | None, state: str | None, output: str) -> None:
    """Revoke one token by its id, or all of a person's by their name."""
    from rollout.daemon.auth.tokens import open_tokens

    gone = open_tokens(state_of(config, state)).revoke(which)
    if output == "json":
        _json([_told(record) for record in gone])
        return
    for record in gone:
        click.echo(f"revoked {record.id} of {record.name}")


def _told(record: "TokenRecord") -> dict[str, Any]:
    from rollout.core.explain import clock_text

    return {
        "id": record.id,
        "name": record.name,
        "roles": list(record.roles),
        "created": clock_text(record.created_wall),
        "expires": None if record.expires_wall is None else clock_text(record.expires_wall),
        "note": record.note,
    }


def _json(document: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
