"""The command that goes on with what was interrupted: the same, with every option that was not left to its default."""

import shlex

import click

from rollout.policy.duration import format_duration


def again(ctx: click.Context, *more: str) -> str:
    """Give the command line; `more` are words that the first call could not know."""
    words = ctx.command_path.split()
    for param in ctx.command.params:
        name = param.name or ""
        source = ctx.get_parameter_source(name)
        if source is click.core.ParameterSource.DEFAULT or name not in ctx.params:
            continue
        value = ctx.params[name]
        if isinstance(param, click.Argument):
            words.append(str(value))
            continue
        option = "-f" if "-f" in param.opts else max(param.opts, key=len)
        if isinstance(value, bool):
            words += [option] if value else []
        elif isinstance(value, tuple):
            for each in value:
                words += [option, each]
        else:
            words += [option, format_duration(value) if isinstance(value, float) else str(value)]
    return shlex.join([*words, *more])
