"""Reports: raw repetitions as JSON and back, a table that says what was skipped, and results of the known shape."""

import io
import math
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench.machine import BUSY_SHARE, Machine
from bench.report import RESULTS, Column, Report, Row, interleaved, number, read, table
from bench.subjects import SUBJECTS

COLUMNS = [Column("rate", "rate", "1/s", better="more"), Column("cost", "cost", "µs", 1e6)]


@pytest.fixture
def report(machine: Machine) -> Report:
    rows = [
        Row("quick", "an endpoint [of a kind]", [{"rate": 10.0, "cost": 1e-6}, {"rate": 30.0}, {"rate": 20.0}]),
        Row("absent", skipped="no such library"),
    ]
    return Report(
        subject="subject",
        title="A title",
        began="2026-01-01T00:00:00+00:00",
        quick=False,
        machine=machine,
        columns=COLUMNS,
        rows=rows,
        notes=["a note"],
    )


def shown(report: Report) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(table(report))
    text = console.file.getvalue()  # type: ignore[attr-defined] # the StringIO of a line above
    return str(text)


def test_repetitions_are_taken_in_turns() -> None:
    assert interleaved(["a", "b", "c"], 2) == ["a", "b", "c", "a", "b", "c"]


def test_a_report_is_written_and_read_back_whole(report: Report, tmp_path: Path) -> None:
    path = report.write(tmp_path / "deep")
    assert path.name == "subject.json"
    assert read(path) == report


def test_a_table_shows_medians_with_their_ends_and_reasons(report: Report) -> None:
    said = shown(report)
    assert "20 10…30" in said
    assert "skipped: no such library" in said
    assert "an endpoint [of a kind]" in said
    assert "a note" in said


def test_a_busy_machine_is_flagged_and_a_quiet_one_is_not(report: Report) -> None:
    for share, flagged in ((0.9, False), (1.1, True)):
        load = share * BUSY_SHARE * report.machine.cores
        report.machine = msgspec.structs.replace(report.machine, load_before=load)
        assert report.machine.busy is flagged
        assert ("THE MACHINE WAS BUSY" in shown(report)) is flagged


def test_a_core_that_client_and_server_share_is_said(report: Report) -> None:
    report.machine = msgspec.structs.replace(report.machine, client_core=1, server_core=1)
    assert "shared one core" in shown(report)


def test_a_figure_leaves_out_what_was_not_measured(report: Report) -> None:
    figure = report.row("quick").figure("cost")
    assert figure is not None
    assert figure.median == 1e-6
    assert report.row("absent").figure("rate") is None
    with pytest.raises(KeyError):
        report.row("unheard of")


@pytest.mark.parametrize(
    ("value", "said"), [(1234.5, "1,234"), (12.345, "12.3"), (3.0, "3"), (0.01234, "0.0123"), (math.nan, "-")]
)
def test_numbers_are_written_with_three_digits(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_kept_result_has_the_known_shape(subject: str) -> None:
    path = RESULTS / f"{subject}.json"
    if not path.exists():
        pytest.skip(f"no result of {subject} is kept")
    kept = read(path)
    assert kept.subject == subject
    keys = {column.key for column in kept.columns}
    for row in kept.rows:
        assert row.skipped or row.notes or row.readings
        assert all(keys & reading.keys() for reading in row.readings)
