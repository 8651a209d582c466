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


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, wide: int) -> None:
    """Write a table that fits the terminal; column number `wide` gives way. Colours only where they are wanted."""
    from rich.console import Console

    Console(highlight=False, emoji=False, markup=False).print(table_of(columns, rows, wide=wide))


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]], *, wide: int) -> "Table":
    """Lay text out as such a table."""
    from rich.table import Table
    from rich.text import Text

    from rollout.views.text import one_line

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, name in enumerate(columns):
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=1 if number == wide else None)
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    return table
