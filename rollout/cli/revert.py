"""`rollout revert`: a new rollout that takes an ended one back, from what was captured before it began."""

import sys

import click

from rollout.cli.params import config_option, endpoint_option, state_option
from rollout.cli.run import OUTPUTS


@click.command()
@click.argument("rollout", metavar="ID")
@click.option("--reason", required=True, help="Why, for everybody who reads the journal.")
@click.option("--partial", is_flag=True, help="Leave out what cannot be taken back.")
@click.option("-y", "--yes", is_flag=True, help="Do it without being asked.")
@config_option
@endpoint_option
@state_option
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
    config: str | None,
    endpoint: str | None,
    state: str | None,
    output: str | None,
) -> None:
    """Take a rollout back that is over: a rollout ID-revert, in the reverse order.

    Each service that went well goes back to what it was: to the package given or
    copied by `rollback`, or known from an earlier rollout of this state directory;
    to the configuration captured before; swapped back; started or suspended. It is
    journaled, gated and resumed like every rollout: the same command goes on with
    it. While the rollout is open, `rollout abort` takes it back instead.

    Exit codes are those of `rollout run`; 6 where something cannot be taken back.
    """
    from rollout.cli.actor import actor
    from rollout.cli.again import again
    from rollout.cli.foreground import conduct
    from rollout.cli.loop import run_loop
    from rollout.cli.params import flags_over
    from rollout.cli.screen import Output
    from rollout.core.names import RolloutId
    from rollout.daemon.reverting import admit
    from rollout.errors import UsageError
    from rollout.settings import default_state
    from rollout.settings.choose import run_settings
    from rollout.settings.load import load_settings
    from rollout.views.reading import read_rollout

    if not reason.strip():
        raise UsageError("--reason is empty: say why, for everybody who reads the journal")
    loaded = load_settings(config, flags=flags_over(state=state))
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
    ctx.exit(ended.code)


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
