"""The smoke run: every subject at a tiny size, for correctness alone. No time is asserted."""

import importlib
import importlib.util
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from bench import subjects
from bench.cli import main
from bench.machine import Machine
from bench.plots import draw
from bench.report import read, table
from bench.setting import Setting
from bench.skipped import Skipped


@pytest.mark.timeout(300)
@pytest.mark.parametrize("subject", subjects.SUBJECTS)
def test_each_subject_measures_every_row_or_says_why_not(
    subject: str, setting: Setting, machine: Machine, tmp_path: Path
) -> None:
    report = subjects.measure(subject, setting, machine, monotonic=time.monotonic, folder=tmp_path)
    assert report.rows
    Console(width=200).print(table(report))  # with the reason of each row that is skipped; pytest -rP shows it
    for row in report.rows:
        assert row.skipped or row.readings, row.name
        assert row.skipped is None or "install" in row.skipped
    assert read(tmp_path / f"{subject}.json") == report
    if importlib.util.find_spec("matplotlib") is None:
        with pytest.raises(Skipped):
            draw([report], tmp_path)
    else:
        assert all(path.read_text(encoding="utf-8").startswith("<?xml") for path in draw([report], tmp_path))


def test_every_subject_is_a_command_that_says_what_it_measures() -> None:
    for subject in subjects.SUBJECTS:
        said = CliRunner().invoke(main, [subject, "--help"]).output
        assert (importlib.import_module(f"bench.{subject}").__doc__ or "?").split(":")[0] in said
