"""What goes to stdout: tables for people, JSON documents and JSON lines for programs."""

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

if TYPE_CHECKING:
    from rich.table import Table


class Form(StrEnum):
    """How documents are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


GAP: Final = 2
COLUMN_MAX: Final = 36
LAST_COLUMN_MIN: Final = 12

_TEXT: Final = "text"
"""An older name of `table`."""

form_option: Final = click.option(
    "-o",
    "--output",
    type=click.Choice([*(form.value for form in Form), _TEXT]),
    default=Form.TABLE.value,
    callback=lambda _ctx, _param, value: Form.TABLE if value == _TEXT else Form(value),
    help="What goes to stdout.",
    show_default=True,
)


def write_json(document: Any) -> None:
    """Write one document, indented."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def write_lines(documents: Iterable[Any]) -> None:
    """Write one document on each line."""
    for each in documents:
        click.echo(msgspec.json.encode(each).decode())


def on_terminal() -> bool:
    """Tell whether a table is looked at by a person, and has to fit."""
    return sys.stdout.isatty()


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table that fits the terminal. Colours only where they are wanted."""
    from rich.console import Console

    console = Console(highlight=False, emoji=False, markup=False)
    console.print(table_of(columns, rows, console.width))


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> "Table":
    """Lay text out: the last column takes the width that is left, and a narrow terminal goes without it."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    from rollout.views.text import one_line

    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [
        min(max(cell_len(name), *(cell_len(row[number]) for row in cells), 0), COLUMN_MAX)
        for number, name in enumerate(columns)
    ]
    left = width - sum(each + GAP for each in widths[:-1])
    widths[-1:] = [left] if left >= LAST_COLUMN_MIN else []
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for name, each in zip(columns, widths, strict=False):
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=each)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row[: len(widths)]))
    return table
