"""`rollout state`: copies of a state directory, and what is needed to go on from one."""

from pathlib import Path

import click

from rollout.cli.params import config_option, flags_over, state_option

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("state")
def state() -> None:
    """Copy a state directory while its engine runs, and go on from a copy."""


@state.command("backup")
@click.argument("file", type=_FILE)
@config_option
@state_option
def backup(file: Path, *, config: str | None, state: str | None) -> None:
    """Copy journal and documents as they are at one moment into FILE, and check the copy.

    The engine goes on meanwhile. Tokens of the HTTP API are not in it: they are made anew.
    """
    from rollout.journal.backup import back_up
    from rollout.settings import default_state
    from rollout.settings.load import load_settings

    where = load_settings(config, flags=flags_over(state=state)).settings.state or default_state()
    made = back_up(where, file)
    click.echo(f"{file}: {made.position} records, {made.bytes} bytes, chain {made.chain}")


@state.command("restore")
@click.argument("file", type=_FILE)
@click.option("--old-host-is-dead", is_flag=True, help="You have made sure that the old engine does not run any more.")
@config_option
@state_option
def restore(file: Path, *, old_host_is_dead: bool, config: str | None, state: str | None) -> None:
    """Put the copy FILE into an empty state directory.

    Two engines on one fleet would walk the same service twice, and the copy knows
    nothing of the other one. So make sure that the old host is dead, and say so with
    --old-host-is-dead. Whoever goes on from here is quiet until no request of the old
    host can arrive any more, and looks at every deployment before it is called. What
    the old host did after the copy was taken is then found to be somebody else's, and
    waits for a person.
    """
    import asyncio

    from rollout.cli.actor import actor
    from rollout.daemon.restore import restore as put_back
    from rollout.errors import UsageError
    from rollout.settings import default_state
    from rollout.settings.load import load_settings

    if not old_host_is_dead:
        raise UsageError(
            "nothing was restored: make sure that the engine this copy comes from does not run any more and will not "
            "be started again, then say so with --old-host-is-dead"
        )
    settings = load_settings(config, flags=flags_over(state=state)).settings
    where = settings.state or default_state()
    found = asyncio.run(put_back(file, where, who=actor(), request_timeout_s=settings.limits.request_timeout))
    names = ", ".join(found.open_rollouts) or "none"
    click.echo(f"{where}: {found.backup.position} records restored; open rollouts: {names}")
    click.echo(
        f"`rollout daemon` or `rollout run` goes on from here: it calls nothing for {found.quarantine_s:g} s, then "
        "looks at every deployment first",
        err=True,
    )
