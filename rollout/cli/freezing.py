"""`rollout freeze` and `unfreeze`: one word for every rollout of a state directory."""

import click

from rollout.cli.params import Duration, config_option, state_option
from rollout.cli.people import WAIT_S
from rollout.cli.target import state_of
from rollout.core.command import Verb

_reason = click.option("--reason", required=True, help="Why, for everybody who reads the journal.")
_wait = click.option(
    "--wait", "wait_s", type=Duration(), default=WAIT_S, help="How long to wait for the answer.  [default: 10s]"
)
_key = click.option("--key", help="Answered once for each key, however often it is sent.  [default: a new one]")
_output = click.option(
    "-o", "--output", type=click.Choice(("text", "json")), default="text", help="What goes to stdout."
)


@click.command()
@_reason
@click.option("--domains", is_flag=True, help="Services under way go no further, too.")
@click.option("--for", "lasting_s", type=Duration(), help="How long; it ends by itself then.  [default: no end]")
@config_option
@state_option
@_wait
@_key
@_output
@click.pass_context
def freeze(
    ctx: click.Context,
    *,
    reason: str,
    domains: bool,
    lasting_s: float | None,
    config: str | None,
    state: str | None,
    wait_s: float,
    key: str | None,
    output: str,
) -> None:
    """Begin no service of any rollout; those under way go on, and going back is never frozen.

    It is written down and holds until an unfreeze, whatever engine runs.
    """
    import time

    from rollout.cli.asking import Manner, ask_engine

    until_wall = None if lasting_s is None else time.time() + lasting_s
    said = {"reason": reason, "domains": domains, "until_wall": until_wall}
    ctx.exit(
        ask_engine(state_of(config, state), Verb.FREEZE, said, Manner(yes=True, wait_s=wait_s, output=output, key=key))
    )


@click.command()
@_reason
@config_option
@state_option
@_wait
@_key
@_output
@click.pass_context
def unfreeze(
    ctx: click.Context,
    *,
    reason: str,
    config: str | None,
    state: str | None,
    wait_s: float,
    key: str | None,
    output: str,
) -> None:
    """Lift the freeze: what waited for it begins."""
    from rollout.cli.asking import Manner, ask_engine

    ctx.exit(
        ask_engine(
            state_of(config, state),
            Verb.UNFREEZE,
            {"reason": reason},
            Manner(yes=True, wait_s=wait_s, output=output, key=key),
        )
    )
