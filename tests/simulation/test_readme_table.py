"""The README's table of rehearsals: it has every policy that runs, and says what does not depend on any seed."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.rehearsals import HEAD, POLICIES, SEEDS, row, stage_of
from rollout.simulation.play import play
from rollout.simulation.tally import Tally
from rollout.simulation.weak import own_weaknesses

ROOT = Path(__file__).parents[2]
NOT_RUN = {"full"}
"""The whole language on one page: nobody runs it."""


@pytest.fixture(scope="module")
def table() -> Mapping[str, list[str]]:
    """Give the cells of each row, by policy."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- rehearsals -->\n")[2].partition("\n\n")[0]
    head, _, *lines = text.splitlines()
    assert head == HEAD
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {cells[0].strip("`"): cells[1:] for cells in rows}


def test_the_table_has_every_policy_that_runs(table: Mapping[str, list[str]]) -> None:
    assert set(table) == set(POLICIES) == {path.stem for path in (ROOT / "policies").glob("*.yaml")} - NOT_RUN


@pytest.mark.parametrize("name", POLICIES)
def test_a_row_counts_every_seed_and_names_the_policys_own_weak_spots(
    table: Mapping[str, list[str]], name: str
) -> None:
    ended, _, _, weak = table[name]
    assert sum(int(each.split()[0]) for each in ended.split(", ")) == SEEDS
    assert all(each in weak for each in own_weaknesses(stage_of(name, ROOT / "policies")))


def test_a_row_is_made_of_what_the_seeds_showed() -> None:
    stage, tally = stage_of("status", ROOT / "policies"), Tally()
    tally.add(play(stage, 0))
    assert tally.violations == []
    assert row("status", tally, stage).startswith("| `status` | 1 ")
