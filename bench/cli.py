"""The bench's command line: one subcommand for each subject, `all`, and `smoke` for correctness only."""

import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console

from bench.child import ROOT
from bench.cores import cores
from bench.machine import load, this_machine
from bench.progress import steps
from bench.report import RESULTS, Report, read, table
from bench.setting import FULL, QUICK, SMOKE, Setting, Size
from bench.subjects import SUBJECTS, measure

PIPED_COLUMNS: Final = 200
GATES_S_MAX: Final = 300.0
GATES_WORDS: Final[Mapping[str, list[str]]] = {
    FULL.name: ["--seconds", "30"],
    QUICK.name: ["--services", "200", "--interval", "5", "--seconds", "10"],
    SMOKE.name: ["--services", "3", "--interval", "0.2", "--seconds", "0.5"],
}
"""What `all` and `smoke` tell the gates' bench."""
_OUTPUT = click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True,
    help="Where JSON and plots go.",
)  # fmt: skip
_QUICK = click.option("--quick", is_flag=True, help="Fewer repetitions, shorter windows, smaller counts.")
_PURE = click.option("--pure", is_flag=True, help="Use the load server's twin in Python, even where there is cc.")


@click.group()
def main() -> None:
    """Measure rollout against its peers and its limits, in one run on one machine.

    Only ratios within one run count. The whole of it takes about twelve minutes,
    with --quick about four; a busy machine is flagged in every result.
    """


def _subject(name: str) -> click.Command:
    module = importlib.import_module(f"bench.{name}")

    @click.command(name, help=(module.__doc__ or "").splitlines()[0])
    @_QUICK
    @_PURE
    @_OUTPUT
    def command(*, quick: bool, pure: bool, results: Path) -> None:
        _run((name,), QUICK if quick else FULL, native=not pure, results=results)

    return command


for _name in SUBJECTS:
    main.add_command(_subject(_name))


@main.command("all")
@_QUICK
@_PURE
@_OUTPUT
def every(*, quick: bool, pure: bool, results: Path) -> None:
    """Measure every subject, then draw the plots."""
    size = QUICK if quick else FULL
    _run(SUBJECTS, size, native=not pure, results=results)
    _gates(size, results)


@main.command()
@_PURE
def smoke(*, pure: bool) -> None:
    """Run a tiny size of everything for correctness; no time is asserted, and nothing is kept."""
    with tempfile.TemporaryDirectory(prefix="bench-smoke-") as folder:
        _run(SUBJECTS, SMOKE, native=not pure, results=Path(folder))
        _gates(SMOKE, Path(folder))


@main.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
@click.pass_context
def gates(ctx: click.Context) -> None:
    """Measure the gates; the words behind are its own."""
    from bench.gates import main as measure_gates

    ctx.exit(measure_gates(ctx.args))


@main.command()
@_OUTPUT
def plots(*, results: Path) -> None:
    """Draw the plots anew from the JSON of earlier runs."""
    _draw(_kept(results), results)


@main.command()
@_OUTPUT
def goals(*, results: Path) -> None:
    """Hold the JSON of earlier runs against the goals, row by row."""
    _judge(_kept(results))


def _run(subjects: tuple[str, ...], size: Size, *, native: bool, results: Path) -> None:
    console, machine = Console(), this_machine(cores())
    if not console.is_terminal:
        console.width = PIPED_COLUMNS
    if machine.busy:
        click.echo(f"the machine is busy (load {machine.load_before}): these figures are not to be quoted", err=True)
    with steps() as counted:
        setting = Setting(cores(), size, counted, native=native)
        for subject in subjects:
            report = measure(subject, setting, machine, monotonic=time.monotonic, folder=results)
            console.print(table(report))
            console.print()
    kept = _kept(results)
    _draw([report for report in kept if report.subject in subjects], results)
    if len(subjects) > 1:
        _judge(kept)
    click.echo(f"wrote {results}; load {machine.load_before} before, {load()} after")


def _gates(size: Size, results: Path) -> None:
    """Let the gates' bench measure in a process of its own, and print what it prints."""
    words = GATES_WORDS[size.name] + ["--out", str(results / "gates.json")]
    click.echo(f"gates: {' '.join(words)}")
    subprocess.run([sys.executable, "-m", "bench.gates", *words], check=True, cwd=ROOT, timeout=GATES_S_MAX)  # noqa: S603 - our own


def _kept(results: Path) -> list[Report]:
    """Read the results of earlier runs; one of another shape is said and left out."""
    kept = []
    for path in (results / f"{subject}.json" for subject in SUBJECTS):
        try:
            kept += [read(path)] if path.exists() else []
        except msgspec.MsgspecError as error:
            click.echo(f"{path} was not written by this bench ({error}): measure {path.stem} anew", err=True)
    return kept


def _judge(reports: list[Report]) -> None:
    from bench.goals import judged

    console = Console()
    if not console.is_terminal:
        console.width = PIPED_COLUMNS
    console.print(judged({report.subject: report for report in reports}))


def _draw(reports: list[Report], results: Path) -> None:
    from bench.plots import draw
    from bench.skipped import Skipped

    try:
        for path in draw(reports, results):
            click.echo(f"drew {path}")
    except Skipped as reason:
        print(f"no plots: {reason}", file=sys.stderr)
