"""`rollout why`: one sentence on what goes on, since when, what frees it, and what happens when if nothing does."""

from typing import Final

import click

from rollout.cli.params import config_option, state_option
from rollout.cli.target import Target, json_option, state_of, target_argument

SENTENCES_MAX: Final = 50
"""Services that a rollout's `why` tells of; `get` has them all."""


@click.command()
@target_argument
@config_option
@state_option
@json_option
def why(*, target: Target, config: str | None, state: str | None, output: str) -> None:
    """Say what a rollout or one of its services is doing, and why.

    Reads the journal, with or without an engine at work on it.
    """
    import msgspec

    from rollout.errors import UsageError
    from rollout.views.reading import read_rollout
    from rollout.views.tell import details, engine_line, headline, legal_words, sentence

    read = read_rollout(state_of(config, state), target.rollout)
    if target.service is not None and target.service not in read.services:
        raise UsageError(f"rollout {target.rollout} has no service {target.service}; `rollout get` names them")
    scene = read.scene()
    chosen = [target.service] if target.service else [n for n, each in read.services.items() if each.ended is None]
    if output == "json":
        known = [
            details(read, name, scene)
            | {"words": {v.value: said for v, said in legal_words(read, read.services[name]).items()}}
            for name in chosen
        ]
        document = {"rollout": target.rollout, "sentence": headline(read), "running": read.running, "services": known}
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    lines = [] if target.service else [headline(read)]
    lines += [sentence(read, read.services[name], scene) for name in chosen[:SENTENCES_MAX]]
    if len(chosen) > SENTENCES_MAX:
        lines.append(f"… and {len(chosen) - SENTENCES_MAX} more; `rollout get {target.rollout}` has them all")
    click.echo("\n".join(line for line in [*lines, engine_line(read)] if line))
