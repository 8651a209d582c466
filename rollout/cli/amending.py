"""`rollout amend`: other timing, health or caps for a rollout under way, after a look at what differs."""

import sys

import click

from rollout.cli.params import Duration, policy_option, sets_option
from rollout.cli.target import Target, target_argument
from rollout.cli.where import ANSWER_S, Origin, Where, where_options


@click.command()
@target_argument
@policy_option
@sets_option
@click.option("--reason", required=True, help="Why, for everybody who reads the journal.")
@where_options
@click.option("-y", "--yes", is_flag=True, help="Amend without being asked.")
@click.option("--key", help="Answered once for each key, however often it is sent.  [default: a new one]")
@click.option(
    "--wait", "wait_s", type=Duration(), default=ANSWER_S, help="How long to wait for the answer.  [default: 10s]"
)
@click.option("-o", "--output", type=click.Choice(("text", "json")), default="text", help="What goes to stdout.")
@click.pass_context
def amend(
    ctx: click.Context,
    *,
    target: Target,
    policy: str,
    sets: tuple[str, ...],
    reason: str,
    origin: Origin,
    yes: bool,
    key: str | None,
    wait_s: float,
    output: str,
) -> None:
    """Give a rollout the timing, health and caps of a changed policy.

    What differs is shown first. Anything else that differs needs a new rollout.
    Where health or caps change, approvals for what has not begun are asked for
    again. Afterwards `rollout run` goes on with the changed policy.
    """
    from rollout.cli.asking import Manner, reason_of, told
    from rollout.cli.loop import run_loop
    from rollout.cli.where import place
    from rollout.errors import UsageError

    if target.service is not None:
        raise UsageError(f"amend is for a whole rollout: {target.rollout}")
    reason_of(reason)

    async def speak() -> int:
        async with place(origin, answer_s=wait_s) as where:
            plan = await _shown(where, target, policy, sets, yes=yes)
            return await told(
                lambda: where.amend(target.rollout, policy, sets=sets, plan=plan, reason=reason, key=key),
                Manner(yes=True, output=output, key=key),
            )

    ctx.exit(run_loop(speak))


async def _shown(where: Where, target: Target, policy: str, sets: tuple[str, ...], *, yes: bool) -> str:
    """Show what differs and ask whether it is meant; gives the plan that was looked at."""
    from rollout.errors import UsageError

    terms = await where.terms(target.rollout, policy, sets=sets)
    for line in terms["told"] or ("nothing differs",):
        click.echo(line, err=True)
    if terms["told"] and not yes:
        if not sys.stdin.isatty():
            raise UsageError("this would change what is shown above: give --yes")
        if not click.confirm(f"amend {target.rollout}?", err=True):
            raise UsageError("nothing was asked")
    return str(terms["plan"])
