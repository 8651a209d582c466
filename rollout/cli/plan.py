"""`rollout plan`: what a policy would do, when it would be done, and what speaks against it; nothing is changed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

from rollout.cli.params import config_option, endpoint_option, flags_over, policy_option, sets_option, state_option

CHANGES: Final = 2
"""The exit code, with --detailed-exitcode, of a plan that has changes."""


@click.command()
@policy_option
@config_option
@endpoint_option
@state_option
@sets_option
@click.option("--offline", is_flag=True, help="Look at no deployment.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if anything is to be done, 0 if nothing is.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "svg"]), default="table", show_default=True)
@click.pass_context
def plan(
    ctx: click.Context,
    *,
    policy: str,
    config: str | None,
    endpoint: str | None,
    state: str | None,
    sets: tuple[str, ...],
    offline: bool,
    detailed_exitcode: bool,
    output: str,
) -> None:
    """Say what a policy would do: order, waves, caps, ways back, times, calls.

    Looks at every deployment, at the subscription's pace, and changes nothing.
    Times come from what the state directory has recorded of these services, else
    from recorded live traffic. -o svg draws services over time. Exit code 65 says
    that the policy cannot be carried out as it is, 69 that nobody could look.
    """
    from rollout.cli.actor import actor
    from rollout.cli.loop import run_loop
    from rollout.cli.planned import as_json, as_table
    from rollout.errors import PolicyError
    from rollout.planning.ask import plan_of
    from rollout.planning.picture import picture
    from rollout.policy.load import load_policy
    from rollout.settings.choose import run_settings
    from rollout.settings.load import load_settings

    bundle = load_policy(policy, sets=sets)
    loaded = load_settings(config, flags=flags_over(state=state))
    settings = run_settings(loaded, bundle.fleet.subscription, endpoint=endpoint, user=actor())
    with _progress(0 if offline else len(bundle.services)) as looked:
        document = run_loop(lambda: plan_of(bundle, settings, offline=offline, looked=looked))
    shown = {"json": as_json, "svg": picture, "table": as_table}[output](document)
    click.echo(shown, nl=not shown.endswith("\n"))
    if document.blocked:
        ctx.exit(PolicyError.exit_code)
    ctx.exit(CHANGES if detailed_exitcode and document.changes else 0)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr while deployments are looked at."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("looking at"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("services"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal or not total) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
