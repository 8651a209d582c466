"""The build system that a command runs under, if any, and what it is told of a verdict."""

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from rollout.cli.build_words import azure, github, github_output, markdown
from rollout.cli.files import write_new
from rollout.cli.junit import junit
from rollout.cli.verdict import Verdict


def tell_build(verdict: Verdict, junit_file: str | None, environ: Mapping[str, str]) -> None:
    """Write the report that was asked for, and tell the build system what it shows beside a step.

    Under GitHub Actions (`GITHUB_ACTIONS`) and Azure Pipelines (`TF_BUILD`), annotations go to stderr, which both of
    them read; stdout is for data.
    """
    if junit_file is not None:
        write_new(Path(junit_file), junit(verdict), force=True)
    if environ.get("GITHUB_ACTIONS") == "true":
        for line in github(verdict):
            click.echo(line, err=True)
        _append(environ.get("GITHUB_OUTPUT"), github_output(verdict))
        _append(environ.get("GITHUB_STEP_SUMMARY"), markdown(verdict))
    if environ.get("TF_BUILD", "").lower() == "true":
        for line in azure(verdict):
            click.echo(line, err=True)
        if summary := _kept(markdown(verdict), environ.get("AGENT_TEMPDIRECTORY")):
            click.echo(f"##vso[task.uploadsummary]{summary}", err=True)


def _append(path: str | None, text: str) -> None:
    """Add to a file of the build system; a rollout is not called failed because that file cannot be written."""
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        click.echo(f"{path} cannot be written: {error.strerror}", err=True)


def _kept(text: str, folder: str | None) -> str | None:
    """Keep the summary until the agent has read it, which it does after this process has ended."""
    with (
        contextlib.suppress(OSError),
        tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix="rollout-", suffix=".md", dir=folder, delete=False
        ) as file,
    ):
        file.write(text)
        return file.name
    return None
