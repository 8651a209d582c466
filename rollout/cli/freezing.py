"""`rollout freeze` and `unfreeze`: one word for every rollout of a state directory."""

from typing import Any

import click

from rollout.cli.params import Duration
from rollout.cli.where import ANSWER_S, Origin, where_options

_reason = click.option("--reason", required=True, help="Why, for everybody who reads the journal.")
_wait = click.option(
    "--wait", "wait_s", type=Duration(), default=ANSWER_S, help="How long to wait for the answer.  [default: 10s]"
)
_key = click.option("--key", help="Answered once for each key, however often it is sent.  [default: a new one]")
_output = click.option(
    "-o", "--output", type=click.Choice(("text", "json")), default="text", help="What goes to stdout."
)


@click.command()
@_reason
@click.option("--domains", is_flag=True, help="Services under way go no further, too.")
@click.option("--for", "lasting_s", type=Duration(), help="How long; it ends by itself then.  [default: no end]")
@where_options
@_wait
@_key
@_output
@click.pass_context
def freeze(ctx: click.Context, /, *, reason: str, domains: bool, lasting_s: float | None, **more: Any) -> None:
    """Begin no service of any rollout; those under way go on, and going back is never frozen.

    It is written down and holds until an unfreeze, whatever engine runs.
    """
    ctx.exit(_say(reason, {"on": True, "domains": domains, "for_s": lasting_s}, **more))


@click.command()
@_reason
@where_options
@_wait
@_key
@_output
@click.pass_context
def unfreeze(ctx: click.Context, /, *, reason: str, **more: Any) -> None:
    """Lift the freeze: what waited for it begins."""
    ctx.exit(_say(reason, {"on": False}, **more))


def _say(reason: str, said: dict[str, Any], *, origin: Origin, wait_s: float, key: str | None, output: str) -> int:
    from rollout.cli.asking import Manner, reason_of, told
    from rollout.cli.loop import run_loop
    from rollout.cli.where import place

    async def speak() -> int:
        async with place(origin, answer_s=wait_s) as where:
            return await told(
                lambda: where.freeze(reason=reason_of(reason), key=key, **said),
                Manner(yes=True, output=output, key=key),
            )

    return run_loop(speak)
