"""`rollout demo`: a whole rollout against the embedded emulator, with one failure."""

import tempfile
from pathlib import Path

import click


@click.command()
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Decides which service fails, where, and all durations.",
)
@click.option("-o", "--output", type=click.Choice(["table", "jsonl"]), default="table", show_default=True)
@click.pass_context
def demo(ctx: click.Context, *, seed: int, output: str) -> None:
    """See a rollout of twelve emulated services; one fails and goes back.

    The emulator, the policy and the state live in this process and in a temporary
    directory. Exit code 0: it went as told, by the emulator's own log and state.
    """
    from rollout.cli.loop import run_loop
    from rollout.cli.screen import Output
    from rollout.cli.stage import play

    with tempfile.TemporaryDirectory(prefix="rollout-demo-") as folder:
        ctx.exit(run_loop(lambda: play(Path(folder), seed, Output(output))))
