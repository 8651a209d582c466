"""`rollout plan`: what a policy would do, when it would be done, and what speaks against it; nothing is changed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from rollout.cli.params import endpoint_option, flags_over, policy_option, sets_option
from rollout.cli.where import Origin, where_options

if TYPE_CHECKING:
    from rollout.planning.document import PlanDocument

CHANGES: Final = 2
"""The exit code, with --detailed-exitcode, of a plan that has changes."""


@click.command()
@policy_option
@endpoint_option
@sets_option
@click.option("--offline", is_flag=True, help="Look at no deployment.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if anything is to be done, 0 if nothing is.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "svg"]), default="table", show_default=True)
@where_options
@click.pass_context
def plan(
    ctx: click.Context,
    *,
    policy: str,
    endpoint: str | None,
    sets: tuple[str, ...],
    offline: bool,
    detailed_exitcode: bool,
    output: str,
    origin: Origin,
) -> None:
    """Say what a policy would do: order, waves, caps, ways back, times, calls.

    Looks at every deployment, at the subscription's pace, and changes nothing.
    Times come from what the state directory has recorded of these services, else
    from recorded live traffic; with --url a daemon looks, and its records count.
    -o svg draws services over time. Exit code 65 says that the policy cannot be
    carried out as it is, 69 that nobody could look.
    """
    from rollout.cli.planned import as_json, as_table
    from rollout.errors import PolicyError
    from rollout.planning.picture import picture

    if origin.url and not _here(ctx):
        document = _asked(policy, sets, origin, offline=offline)
    else:
        document = _made(policy, sets, endpoint, origin, offline=offline)
    shown = {"json": as_json, "svg": picture, "table": as_table}[output](document)
    click.echo(shown, nl=not shown.endswith("\n"))
    if document.blocked:
        ctx.exit(PolicyError.exit_code)
    ctx.exit(CHANGES if detailed_exitcode and document.changes else 0)


def _here(ctx: click.Context) -> bool:
    """Tell whether an endpoint was named to be looked at from here. Raises UsageError where a daemon was, too."""
    from rollout.errors import UsageError

    said = [ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ("endpoint", "url")]
    if all(said):
        raise UsageError(
            "--endpoint is for a plan that is made here, and a daemon (--url) has its own: give one of them"
        )
    return said[0]


def _made(policy: str, sets: tuple[str, ...], endpoint: str | None, origin: Origin, *, offline: bool) -> "PlanDocument":
    """Plan here."""
    from rollout.cli.actor import actor
    from rollout.cli.loop import run_loop
    from rollout.planning.ask import plan_of
    from rollout.policy.load import load_policy
    from rollout.settings.choose import run_settings
    from rollout.settings.load import load_settings

    bundle = load_policy(policy, sets=sets)
    loaded = load_settings(origin.config, flags=flags_over(state=origin.state))
    settings = run_settings(loaded, bundle.fleet.subscription, endpoint=endpoint, user=actor())
    with _progress(0 if offline else len(bundle.services)) as looked:
        return run_loop(lambda: plan_of(bundle, settings, offline=offline, looked=looked))


def _asked(policy: str, sets: tuple[str, ...], origin: Origin, *, offline: bool) -> "PlanDocument":
    """Have a daemon plan."""
    import msgspec

    from rollout.cli.loop import run_loop
    from rollout.cli.where import daemon
    from rollout.planning.document import PlanDocument
    from rollout.remote.event import Document

    async def ask() -> Document:
        async with daemon(origin) as client:
            return await client.plan(policy, sets=sets, offline=offline)

    return msgspec.convert(run_loop(ask), PlanDocument)


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
