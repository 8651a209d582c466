"""A view becomes a table for a terminal: readable without colour, on 40 columns, and with hostile text in it."""

from collections.abc import Mapping
from itertools import groupby
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.console import Group as Stack
from rich.table import Table
from rich.text import Text

from rollout.core.explain import spell
from rollout.views.text import one_line
from rollout.views.view import Domain, Group, Row, View

CHROME_LINES: Final = 4
"""Lines that are no rows: the header, the column names, the line of hidden services, and the cursor's."""
GAP: Final = 2
DOING_COLUMNS_MIN: Final = 16
SERVICE_COLUMNS_MAX: Final = 32

_MARKS: Final = {
    Domain.DONE: ("●", "#", "green"),
    Domain.IN_WORK: ("◐", "+", "yellow"),
    Domain.TO_DO: ("○", ".", "dim"),
    Domain.FAILED: ("✗", "x", "red"),
    Domain.GOING_BACK: ("◁", "<", "magenta"),
}
"""For each state of a domain: its mark, the same for terminals without Unicode, and its colour."""

_STYLES: Final = {Group.FAILED: "red", Group.MOVING: "", Group.QUEUED: "dim", Group.DONE: "green"}


class Frame:
    """One frame of the live table; it lays itself out for the width it is given."""

    def __init__(self, view: View) -> None:
        self.view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the header, the table and the line of what is not shown."""
        parts: list[RenderableType] = [header(self.view)]
        if self.view.rows:
            parts.append(table(self.view.rows, options.max_width, ascii_only=options.ascii_only))
        if any(self.view.hidden.values()):
            parts.append(Text(f"not shown: {_listed(self.view.hidden)}", style="dim"))
        yield Stack(*parts)


def header(view: View) -> Text:
    """Give the rollout's id, its totals and the time it has taken."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(one_line(view.rollout), style="bold")
    text.append(f"  {_listed(view.totals, all_of_them=True)}  {spell(float(int(view.elapsed_s)))}")
    return text


def table(rows: tuple[Row, ...], width: int, *, ascii_only: bool) -> Table:
    """Lay rows out: what is going on takes the width that is left, and a narrow terminal goes without it."""
    columns: list[tuple[str, list[Text], int]] = [
        ("service", [Text(one_line(row.service)) for row in rows], SERVICE_COLUMNS_MAX),
        ("phase", [Text(row.outcome or row.phase, style=_STYLES[row.group]) for row in rows], width),
        ("domains", [bar(row.domains, ascii_only) for row in rows], width),
        ("since", [Text(spell(row.since_s) if row.since_s else "", justify="right") for row in rows], width),
    ]
    left = width - sum(_widest(name, cells, most) + GAP for name, cells, most in columns)
    if left >= DOING_COLUMNS_MIN:
        columns.append(("doing", [Text(one_line(row.doing)) for row in rows], left))
    else:
        columns.pop()
    grid = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for name, cells, most in columns:
        grid.add_column(name, no_wrap=True, overflow="ellipsis", width=_widest(name, cells, most))
    for line in zip(*(cells for _, cells, _ in columns), strict=True):
        grid.add_row(*line)
    return grid


def _widest(name: str, cells: list[Text], most: int) -> int:
    return min(max(cell_len(name), *(cell.cell_len for cell in cells)), most)


def bar(domains: tuple[Domain, ...], ascii_only: bool) -> Text:
    """Draw the domains in order, one mark each."""
    text = Text(no_wrap=True)
    for domain, run in groupby(domains):
        mark, plain, style = _MARKS[domain]
        text.append((plain if ascii_only else mark) * len(list(run)), style=style)
    return text


def _listed(counts: Mapping[Group, int], *, all_of_them: bool = False) -> str:
    order = (Group.DONE, Group.MOVING, Group.QUEUED, Group.FAILED)
    return ", ".join(f"{counts[group]} {group.value}" for group in order if all_of_them or counts[group])
