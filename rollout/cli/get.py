"""`rollout get` and `rollout list`: everything worth knowing of a rollout, and all rollouts of a state directory."""

import click

from rollout.cli.params import config_option, state_option
from rollout.cli.target import Target, json_option, state_of, target_argument


@click.command()
@target_argument
@config_option
@state_option
@json_option
def get(*, target: Target, config: str | None, state: str | None, output: str) -> None:
    """Show a rollout, or one service: phase, domains, way back, gate, operation, error."""
    import msgspec

    from rollout.core.approvals import plan_digest
    from rollout.errors import UsageError
    from rollout.views.reading import read_rollout
    from rollout.views.tell import block, counts, details, engine_line, headline
    from rollout.views.waves import approvals_of, wave_lines, waves_of

    read = read_rollout(state_of(config, state), target.rollout)
    if target.service is not None and target.service not in read.services:
        raise UsageError(f"rollout {target.rollout} has no service {target.service}")
    scene = read.scene()
    chosen = [target.service] if target.service else list(read.services)
    if output == "json":
        document = {
            "rollout": target.rollout,
            "sentence": headline(read),
            "running": read.running,
            "closed": read.rollout.closed is not None,
            "halted": read.rollout.halted,
            "aborted": read.rollout.aborted,
            "counts": counts(read),
            "plan": plan_digest(read.rollout.plan),
            "waves": waves_of(read, scene),
            "approvals": approvals_of(read),
            "services": [details(read, name, scene) for name in chosen],
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    lines = [
        headline(read),
        *([] if target.service else wave_lines(read, scene)),
        *(line for name in chosen for line in block(read, name, scene)),
        engine_line(read),
    ]
    click.echo("\n".join(line for line in lines if line))


@click.command("list")
@click.option("--attention", is_flag=True, help="Only rollouts that wait for a person.")
@config_option
@state_option
@json_option
def list_rollouts(*, attention: bool, config: str | None, state: str | None, output: str) -> None:
    """List the rollouts of a state directory, oldest first."""
    import msgspec

    from rollout.views.reading import read_all
    from rollout.views.tell import attends, counts, headline

    reads = [read for read in read_all(state_of(config, state)) if not attention or attends(read)]
    if output == "json":
        documents = [
            {"rollout": read.rollout.plan.rollout, "sentence": headline(read), "attention": attends(read)}
            | {"closed": read.rollout.closed is not None, "counts": counts(read)}
            for read in reads
        ]
        click.echo(msgspec.json.format(msgspec.json.encode(documents), indent=2).decode())
        return
    for read in reads:
        click.echo(headline(read))
