"""`rollout why`: one sentence on what goes on, since when, what frees it, and what happens when if nothing does."""

from typing import Any, Final

import click

from rollout.cli.output import Form, form_option
from rollout.cli.target import Target, target_argument
from rollout.cli.where import Origin, where_options

SENTENCES_MAX: Final = 50
"""Services that a rollout's `why` tells of; `get` has them all."""


@click.command()
@target_argument
@where_options
@form_option
def why(*, target: Target, origin: Origin, output: Form) -> None:
    """Say what a rollout or one of its services is doing, and why.

    Reads the journal, with or without an engine at work on it, or asks a daemon.
    """
    from rollout.cli.get import document
    from rollout.cli.loop import run_loop
    from rollout.cli.output import write_json, write_lines
    from rollout.cli.where import place
    from rollout.views.choosing import EVERYTHING

    async def ask() -> dict[str, Any]:
        async with place(origin) as where:
            return await document(where, target, EVERYTHING)

    found = run_loop(ask)
    rows = [row for row in found["services"] if target.service is not None or row["outcome"] is None]
    match output:
        case Form.JSON:
            head = {"rollout": target.rollout, "sentence": found["sentence"], "running": found["running"]}
            write_json(head | {"services": rows})
        case Form.JSONL:
            write_lines(rows)
        case Form.TABLE:
            lines = [found.get("trouble") or ""] if target.service else [found["sentence"]]
            lines += [row["sentence"] for row in rows[:SENTENCES_MAX]]
            if len(rows) > SENTENCES_MAX:
                lines.append(f"… and {len(rows) - SENTENCES_MAX} more; `rollout get {target.rollout}` has them all")
            click.echo("\n".join(line for line in [*lines, found.get("engine", "")] if line))
