"""What one subject came to: rows of raw repetitions, written as JSON and shown as a table."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
from rich.markup import escape
from rich.table import Table

from bench.figures import Figure, figure
from bench.machine import Machine

RESULTS: Final = Path(__file__).with_name("results")
LARGE: Final = 100.0
NOTHING: Final = "-"
WIDE: Final = 0.2
"""A spread from which on the table shows lowest and highest."""

Better = Literal["more", "less", "neither"]


class Column(msgspec.Struct, frozen=True):
    """One measured quantity. `unit` follows its title, `scale` turns what was measured into that unit."""

    key: str
    title: str
    unit: str = ""
    scale: float = 1.0
    better: Better = "neither"


class Row(msgspec.Struct):
    """One thing measured; every repetition as it was."""

    name: str
    remark: str = ""
    """What it takes for granted, such as an endpoint that pipelines, or leaves out."""
    readings: list[dict[str, float]] = []
    notes: list[str] = []
    skipped: str | None = None
    """Why there are no readings."""

    def values(self, key: str) -> list[float]:
        """Give a quantity of every repetition that has it."""
        return [reading[key] for reading in self.readings if not math.isnan(reading.get(key, math.nan))]

    def figure(self, key: str) -> Figure | None:
        """Sum a quantity up; None where no repetition has it."""
        values = self.values(key)
        return figure(values) if values else None


class Report(msgspec.Struct):
    """One subject's results."""

    subject: str
    title: str
    began: str
    """Wall time, ISO 8601."""
    quick: bool
    machine: Machine
    columns: list[Column]
    rows: list[Row] = []
    notes: list[str] = []
    """How to read it: what was done, and what it does not show."""
    load_after: float = 0.0
    seconds: float = 0.0

    def row(self, name: str) -> Row:
        """Give a row by its name; raises KeyError."""
        return next((row for row in self.rows if row.name == name), None) or _missing(name)

    def write(self, folder: Path = RESULTS) -> Path:
        """Write `<subject>.json` and give its path."""
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{self.subject}.json"
        target.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")
        return target


def read(path: Path) -> Report:
    """Read a written report back."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def table(report: Report) -> Table:
    """Show a report: medians, lowest and highest where they are far apart, and the remarks on each row below."""
    shown = Table(title=report.title, caption=_caption(report), caption_justify="left", title_justify="left")
    shown.add_column("", no_wrap=True)
    for column in report.columns:
        shown.add_column(f"{column.title}{f' ({column.unit})' if column.unit else ''}", justify="right")
    for row in report.rows:
        shown.add_row(row.name, *(_cell(row.figure(column.key), column) for column in report.columns))
    return shown


def _cell(value: Figure | None, column: Column) -> str:
    if value is None:
        return NOTHING
    said = number(value.median * column.scale)
    if value.spread <= WIDE:
        return said
    return f"{said} [dim]{number(value.low * column.scale)}…{number(value.high * column.scale)}[/]"


def number(value: float) -> str:
    """Write a number as people read it: three digits, thousands apart."""
    if math.isnan(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= LARGE or value == int(value) else f"{value:.3g}"


def _caption(report: Report) -> str:
    machine = report.machine
    words = [escape(f"{row.name}: {remark}") for row in report.rows for remark in _remarks(row)]
    words += [
        *map(escape, report.notes),
        escape(str(machine)),
        f"load {machine.load_before} before, {report.load_after} after",
    ]
    if machine.busy:
        words.insert(0, "[bold]THE MACHINE WAS BUSY: these figures are not to be quoted[/]")
    if machine.client_core == machine.server_core:
        words.insert(0, "[bold]client and server shared one core[/]")
    return "\n".join(words)


def _remarks(row: Row) -> list[str]:
    if row.skipped is not None:
        return [f"skipped: {row.skipped}"]
    return [*filter(None, [row.remark]), *row.notes]


def _missing(name: str) -> Row:
    raise KeyError(name)


def interleaved(names: Sequence[str], repetitions: int) -> list[str]:
    """Order repetitions as A B C, A B C: what drifts in the machine meets all of them alike."""
    return [name for _ in range(repetitions) for name in names]
