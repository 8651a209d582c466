"""The tables of the core's README, drawn from what they describe. `python -m tests.core.tables` writes them anew."""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from rollout.core import commands, event
from rollout.core.change_plan import SwapPlan
from rollout.core.command import NoOp, Refused
from rollout.core.commands import COLUMNS, TABLE, Column
from rollout.core.deadline import NEVER, deadline
from rollout.core.evolve import IllegalFact, evolve
from rollout.core.phase import call_of
from tests.core.conftest import Story
from tests.core.test_evolve_table import LEGAL, samples

PAGE = Path(commands.__file__).parent / "README.md"
GIVEN_UP = ("HeldForPerson", "ForeignChange", "NeedsOperator")
"""Reached from wherever something is done, and left by a retry for what was given up: drawn once, not everywhere."""


def _everywhere() -> Iterator[Story]:
    """Give a story in every place, and where each of its calls is lost; with a bake after the swap and without."""
    for place in (*LEGAL, "start:preflight", "suspend:applying settling", "start:applied", "suspend:applied"):
        for domains in (2, 3):
            yield Story.of(place, domains)
        told = Story.of(place)
        if isinstance(told.plan.change, SwapPlan):
            yield Story.of(place, change=replace(told.plan.change, bake_s=0.0))
        call = call_of(told.state.phase)
        if call is not None and call.handle is None:
            yield told.tell(told.lost)


@cache
def transitions() -> dict[tuple[str, str], set[str]]:
    """Give which phase follows which by which facts: every fact tried in every place of the table of `evolve`."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for told in _everywhere():
        for fact in (*samples(told).values(), event.TurnedBack("back", suspend=True)):
            try:
                after = evolve(told.state, told.entry(fact))
            except IllegalFact:
                continue
            found[told.phase, type(after.phase).__name__].add(type(fact).__name__)
    return {(source, target): facts for (source, target), facts in found.items() if source != target}


def diagram() -> str:
    """Draw the phases that follow each other by themselves."""
    drawn = sorted(
        f"    {source} --> {target}: {', '.join(sorted(facts))}"
        for (source, target), facts in transitions().items()
        if not {source, target} & {*GIVEN_UP, "Ended"}
    )
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> Queued", *drawn, "```"])


def limits() -> str:
    """List what each phase is bounded by, by the name that people know from the policy."""
    names: dict[str, set[str]] = defaultdict(set)
    for told in _everywhere():
        limit = deadline(told.state, told.now.t)
        names[told.phase] |= {"" if limit == NEVER else f"`{limit.name}`"}
    rows = [f"| {phase.__name__} | {' · '.join(sorted(names[phase.__name__] - {''})) or 'none'} |" for phase in COLUMNS]
    return "\n".join(["| phase | limit |", "|---|---|", *rows])


def words() -> str:
    """List what each command does in each column of phases."""
    return "\n\n".join(_column(column) for column in Column)


def _column(column: Column) -> str:
    phases = ", ".join(phase.__name__ for phase, of in COLUMNS.items() if of is column)
    rows = [f"| `{verb}` | {_cell(cell)} |" for verb, cell in TABLE[column].items()]
    return "\n".join([f"**{column.replace('_', ' ')}**: {phases}", "", "| command | answer |", "|---|---|", *rows])


def _cell(cell: commands.Cell) -> str:
    match cell:
        case NoOp(said=said):
            return f"no-op: {said}"
        case Refused(why=why, instead=instead):
            return f"refused: {why}. Instead: {instead}"
        case _:
            return f"depends: {str(cell.__doc__).split(chr(10), 1)[0].rstrip('.')}"


SECTIONS = {"phases": diagram, "limits": limits, "commands": words}


def drawn(page: str) -> str:
    """Give the page with its tables as they are: each stands between two marks that name it."""
    for name, draw in SECTIONS.items():
        head, opening, rest = page.partition(f"<!-- {name} -->\n")
        _, closing, tail = rest.partition(f"<!-- /{name} -->")
        page = f"{head}{opening}{draw()}\n{closing}{tail}"
    return page


def marked(page: str) -> Iterator[str]:
    """Give the names of the tables that a page has a place for."""
    yield from re.findall(r"<!-- (\w+) -->", page)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
