"""`rollout revert`: a new rollout that takes an ended one back, from what was captured before it began."""

import sys

import click

from rollout.cli.completing import complete_rollout
from rollout.cli.params import endpoint_option
from rollout.cli.run import OUTPUTS
from rollout.cli.where import Origin, where_options


@click.command()
@click.argument("rollout", metavar="ID", shell_complete=complete_rollout)
@click.option("--reason", required=True, help="Why, for everybody who reads the journal.")
@click.option("--partial", is_flag=True, help="Leave out what cannot be taken back.")
@click.option("-y", "--yes", is_flag=True, help="Do it without being asked.")
@where_options
@endpoint_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(OUTPUTS),
    help="What goes to stdout.  [default: table on a terminal, else jsonl]",
)
@click.pass_context
def revert(
    ctx: click.Context,
    *,
    rollout: str,
    reason: str,
    partial: bool,
    yes: bool,
    origin: Origin,
    endpoint: str | None,
    output: str | None,
) -> None:
    """Take a rollout back that is over: a rollout ID-revert, in the reverse order.

    Each service that went well goes back to what it was: to the package given or
    copied by `rollback`, or known from an earlier rollout of this state directory;
    to the configuration captured before; swapped back; started or suspended. It is
    journaled, gated and resumed like every rollout: the same command goes on with
    it. While the rollout is open, `rollout abort` takes it back instead.

    In a state directory it runs in the foreground; a daemon (--url) runs it, and
    `rollout wait ID-revert` waits for it. Exit codes are those of `rollout run`; 6
    where something cannot be taken back.
    """
    from rollout.cli.asking import reason_of

    reason_of(reason)
    if origin.url:
        _at_daemon(origin, rollout, reason, partial=partial, yes=yes)
        return
    ctx.exit(_here(ctx, origin, rollout, reason, partial=partial, yes=yes, endpoint=endpoint, output=output))


def _at_daemon(origin: Origin, rollout: str, reason: str, *, partial: bool, yes: bool) -> None:
    from rollout.cli.loop import run_loop
    from rollout.cli.where import daemon

    async def ask() -> str:
        async with daemon(origin) as client:
            weighed = await client.weigh("revert", rollout, reason=reason)
            if not weighed.get("why_not"):
                _confirm(rollout, weighed["count"], yes=yes)
            submitted = await client.revert(rollout, reason=reason, partial=partial, confirm_count=weighed["count"])
            said = "begun" if submitted.created else "known already"
            click.echo(f"{submitted.id}: {said}; wait for it with:\n  rollout wait {submitted.id}", err=True)
            return submitted.id

    click.echo(run_loop(ask))


def _here(
    ctx: click.Context,
    origin: Origin,
    rollout: str,
    reason: str,
    *,
    partial: bool,
    yes: bool,
    endpoint: str | None,
    output: str | None,
) -> int:
    from rollout.cli.actor import actor
    from rollout.cli.again import again
    from rollout.cli.foreground import conduct
    from rollout.cli.loop import run_loop
    from rollout.cli.params import flags_over
    from rollout.cli.screen import Output
    from rollout.core.names import RolloutId
    from rollout.daemon.reverting import admit
    from rollout.settings import default_state
    from rollout.settings.choose import run_settings
    from rollout.settings.load import load_settings
    from rollout.views.reading import read_rollout

    loaded = load_settings(origin.config, flags=flags_over(state=origin.state))
    own = RolloutId(rollout)
    read = read_rollout(loaded.settings.state or default_state(), own)
    first = next(iter(read.services.values()))
    settings = run_settings(loaded, first.plan.target.subscription, endpoint=endpoint)
    _confirm(rollout, len(read.services), yes=yes)

    shown = Output(output or ("table" if sys.stdout.isatty() else "jsonl"))
    ended = run_loop(
        lambda: conduct(settings, lambda each: admit(each, own, reason, who=actor(), partial=partial), shown)
    )
    if ended.result is None:
        click.echo(f"stopped; nothing is lost. Go on with:\n  {again(ctx)}", err=True)
    return ended.code


def _confirm(rollout: str, services: int, *, yes: bool) -> None:
    from rollout.errors import UsageError
    from rollout.views.text import counted

    if yes:
        return
    question = f"take {rollout} back on up to {counted(services, 'service')}"
    if not sys.stdin.isatty():
        raise UsageError(f"this would {question}. Give --yes where that is meant")
    if not click.confirm(f"{question}?", err=True):
        raise UsageError("nothing was asked")
