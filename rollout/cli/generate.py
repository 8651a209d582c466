"""`rollout generate`: files for the places a daemon or its callers run in, as hard as they can be made."""

import importlib.resources
import sys
from pathlib import Path
from typing import Final

import click

FILES: Final = {
    "systemd": "rollout.service",
    "github": "github.yaml",
    "azure-pipelines": "azure-pipelines.yaml",
    "dockerfile": "Dockerfile",
    "grafana": "grafana.json",
}
DISTRIBUTION: Final = "rollout-engine"


@click.command("generate")
@click.argument("what", type=click.Choice(list(FILES)))
def generate(*, what: str) -> None:
    """Print an example to keep and to change: a systemd unit, a pipeline, a Dockerfile, a Grafana dashboard.

    Pipelines submit and wait, they never run a rollout themselves: an agent that
    dies must not take a rollout with it.
    """
    click.echo(text_of(what), nl=False)


def text_of(what: str) -> str:
    """Give an example, filled in with this installation's version and place."""
    from importlib.metadata import version

    template = (importlib.resources.files("rollout.cli") / "generated_files" / FILES[what]).read_text(encoding="utf-8")
    words = {
        "{distribution}": DISTRIBUTION,
        "{version}": version(DISTRIBUTION),
        "{rollout}": str(Path(sys.executable).with_name("rollout")),
    }
    for mark, word in words.items():
        template = template.replace(mark, word)
    return template
