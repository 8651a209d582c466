"""`rollout completion`: the script with which a shell completes verbs, options, rollouts and services."""

from typing import Final

import click

VARIABLE: Final = "_ROLLOUT_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print the completion script of a shell.

    For bash, put `eval "$(rollout completion bash)"` into ~/.bashrc; for zsh the
    same with zsh into ~/.zshrc; for fish, write it to
    ~/.config/fish/completions/rollout.fish.
    """
    from click.shell_completion import get_completion_class

    maker = get_completion_class(shell)
    if maker is not None:
        click.echo(maker(ctx.find_root().command, {}, "rollout", VARIABLE).source())
