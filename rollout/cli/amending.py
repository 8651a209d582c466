"""`rollout amend`: other timing, health or caps for a rollout under way, after a look at what differs."""

import sys

import click

from rollout.cli.params import Duration, config_option, state_option
from rollout.cli.people import WAIT_S
from rollout.cli.target import Target, state_of, target_argument


@click.command()
@target_argument
@click.option("-f", "--file", "policy", required=True, type=click.Path(), metavar="POLICY", help="The changed policy.")
@click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="Override a field of the policy; repeatable.")
@click.option("--reason", required=True, help="Why, for everybody who reads the journal.")
@config_option
@state_option
@click.option("-y", "--yes", is_flag=True, help="Amend without being asked.")
@click.option("--key", help="Answered once for each key, however often it is sent.  [default: a new one]")
@click.option(
    "--wait", "wait_s", type=Duration(), default=WAIT_S, help="How long to wait for the answer.  [default: 10s]"
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
    config: str | None,
    state: str | None,
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
    import uuid

    from rollout.cli.actor import actor
    from rollout.cli.asking import Manner, post
    from rollout.core.approvals import plan_digest
    from rollout.core.command import Ask, Command, Verb
    from rollout.core.compile import compile_bundle
    from rollout.core.word_amend import amendment
    from rollout.errors import CommandRefused, UsageError
    from rollout.policy.load import load_policy
    from rollout.views.reading import read_rollout

    if target.service is not None:
        raise UsageError(f"amend is for a whole rollout: {target.rollout}")
    if not reason.strip():
        raise UsageError("--reason is empty: say why, for everybody who reads the journal")
    folder = state_of(config, state)
    read = read_rollout(folder, target.rollout)
    plans = {name: each.plan for name, each in read.services.items()}
    wanted, told = amendment(read.rollout.plan, plans, compile_bundle(load_policy(policy, sets=sets)))
    if wanted is None:
        raise CommandRefused(
            f"{target.rollout} can be amended in timing, health and caps only. {policy} also changes "
            f"{'; '.join(told)}: give it a new `rollout:` id"
        )
    for line in told or ("nothing differs",):
        click.echo(line, err=True)
    if told and not yes:
        if not sys.stdin.isatty():
            raise UsageError("this would change what is shown above: give --yes")
        if not click.confirm(f"amend {target.rollout}?", err=True):
            raise UsageError("nothing was asked")
    command = Command(
        key or uuid.uuid4().hex, Verb.AMEND, actor(), reason, amendment=wanted, plan=plan_digest(read.rollout.plan)
    )
    ctx.exit(post(folder, Ask(target.rollout, None, command), Manner(yes=True, wait_s=wait_s, output=output, key=key)))
