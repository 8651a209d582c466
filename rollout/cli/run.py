"""`rollout run`: one policy in the foreground, resumable at any moment by the same command."""

import sys
from typing import Final

import click

from rollout.cli.again import again
from rollout.cli.params import (
    Duration,
    config_option,
    endpoint_option,
    flags_over,
    junit_option,
    policy_option,
    sets_option,
    state_option,
)
from rollout.policy.duration import format_duration
from rollout.settings import REQUEST_TIMEOUT_S

OUTPUTS: Final = ("table", "json", "jsonl")


@click.command()
@policy_option
@config_option
@endpoint_option
@state_option
@sets_option
@click.option(
    "--request-timeout",
    type=Duration(),
    help=f"How long one request may take.  [default: {format_duration(REQUEST_TIMEOUT_S)}]",
)
@click.option("--strict-exit", is_flag=True, help="Exit 3 for failures that the policy tolerates, too.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(OUTPUTS),
    help="What goes to stdout.  [default: table on a terminal, else jsonl]",
)
@junit_option
@click.pass_context
def run(
    ctx: click.Context,
    *,
    policy: str,
    config: str | None,
    endpoint: str | None,
    state: str | None,
    sets: tuple[str, ...],
    request_timeout: float | None,
    strict_exit: bool,
    output: str | None,
    junit_file: str | None,
) -> None:
    """Run a policy until it is over, or until only a person's word moves it on.

    Every step is on disk before it is taken, in the state directory. Ctrl-C stops
    after the call in hand, and the same command goes on from there; a second
    Ctrl-C does not wait. A rollout that is over says its outcome again.

    With -o jsonl each recorded entry is one line of JSON on stdout; with -o json
    the whole run is one document at its end. Words and progress go to stderr.
    Under GitHub Actions and Azure Pipelines it also gives annotations, outputs of
    the step and a summary.
    """
    import os

    from rollout.cli.actor import actor
    from rollout.cli.build import tell_build
    from rollout.cli.foreground import conduct
    from rollout.cli.loop import run_loop
    from rollout.cli.screen import Output
    from rollout.policy.load import load_policy
    from rollout.settings.choose import run_settings
    from rollout.settings.load import load_settings

    bundle = load_policy(policy, sets=sets)
    loaded = load_settings(config, flags=flags_over(state=state, request_timeout=request_timeout))
    settings = run_settings(loaded, bundle.fleet.subscription, endpoint=endpoint, strict_exit=strict_exit, user=actor())
    shown = Output(output or ("table" if sys.stdout.isatty() else "jsonl"))
    ended = run_loop(
        lambda: conduct(
            settings,
            lambda assembly: assembly.admit(bundle),
            shown,
            lambda verdict: tell_build(verdict, junit_file, os.environ),
        )
    )
    if ended.result is None:
        click.echo(f"stopped; nothing is lost. Go on with:\n  {again(ctx)}", err=True)
    ctx.exit(ended.code)
