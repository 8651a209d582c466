"""The README of the core says what the code does: its tables are drawn from it."""

from rollout.core.commands import COLUMNS
from tests.core.tables import PAGE, SECTIONS, drawn, marked, transitions


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert drawn(page) == page, "python -m tests.core.tables draws them anew"


def test_the_page_has_a_place_for_every_table() -> None:
    assert list(marked(PAGE.read_text(encoding="utf-8"))) == list(SECTIONS)


def test_a_table_that_is_out_of_date_is_noticed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert drawn(page.replace("Queued --> Preflight", "Queued --> Walking")) == page


def test_every_phase_is_reached_and_every_phase_but_the_end_is_left() -> None:
    steps = transitions()
    phases = {phase.__name__ for phase in COLUMNS}
    assert {target for _, target in steps} == phases - {"Queued"}
    assert {source for source, _ in steps} == phases - {"Ended"}
