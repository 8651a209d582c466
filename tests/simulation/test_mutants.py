"""Bugs planted in a scratch copy of the product, each a patch in `mutants/`: every one is found, by a recorded seed.

CI plays that one seed with the bug, and all of them without any. ROLLOUT_LONG=1 searches again from seed 0 and prints
the table that stands in `mutants/README.md`. A patch that no longer applies fails: write it anew for the code as it is.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

import rollout
from rollout.simulation.play import play
from rollout.simulation.stage import LaneName, Stage

HERE: Final = Path(__file__).parent
PRODUCT: Final = Path(rollout.__file__).parent
SEEDS_MAX: Final = 2_000
LONG: Final = os.environ.get("ROLLOUT_LONG") == "1"
ROW: Final = "| {name} | {said} | {rules} | {stage} | {seeds} |"


@dataclass(frozen=True)
class Mutant:
    """One planted bug: what it is, the promises it breaks, where it was found, and by which seed."""

    path: Path
    said: str
    rules: str
    policy: str
    lane: str
    domains: int
    seed: int

    @property
    def row(self) -> str:
        """Its line in the table."""
        stage = f"{self.policy}, {self.domains} domains, {self.lane} lane"
        return ROW.format(name=self.path.stem, said=self.said, rules=self.rules, stage=stage, seeds=self.seed + 1)


def read_mutant(path: Path) -> Mutant:
    """Read what stands before the patch itself."""
    text = path.read_text(encoding="utf-8")
    said, rules, stage, seed = (
        found[1]
        for found in re.finditer(r"^(?:rules: |stage: |seed: |)(.+)$", text.partition("\n--- a/")[0], re.MULTILINE)
    )
    policy, lane, domains = stage.split()
    return Mutant(path, said, rules, policy, lane, int(domains), int(seed))


MUTANTS: Final = [read_mutant(path) for path in sorted((HERE / "mutants").glob("*.patch"))]


class Nursery:
    """A process that has the libraries in memory, and answers in a child for each copy of the product."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "nursery.py"), str(HERE / "cases")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own interpreter

    def ask(self, copy: Path, mutant: Mutant, seeds: range) -> dict[str, Any]:
        asked = {"copy": str(copy), "policy": mutant.policy, "lane": mutant.lane, "domains": mutant.domains}
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(asked | {"seeds": [seeds.start, seeds.stop]}) + "\n")
        stdin.flush()
        told: dict[str, Any] = json.loads(stdout.readline())
        return told

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[Mutant], Path]:
    """Give a scratch copy of the product with a mutant's bug in it."""

    def plant(mutant: Mutant) -> Path:
        shutil.copytree(PRODUCT, tmp_path / "rollout", ignore=shutil.ignore_patterns("__pycache__"))
        command = ["git", "apply", "-p1", str(mutant.path)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own patch
        assert done.returncode == 0, f"{mutant.path.name} no longer applies; write it anew: {done.stderr}"
        return tmp_path

    return plant


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.path.stem)
def test_a_planted_bug_is_found_by_its_recorded_seed(
    nursery: Nursery, planted: Callable[[Mutant], Path], mutant: Mutant
) -> None:
    found = nursery.ask(planted(mutant), mutant, range(mutant.seed, mutant.seed + 1))
    assert found["seed"] == mutant.seed, found["said"]
    assert found["rule"] in mutant.rules.split(), found


@pytest.mark.timeout(300)
def test_no_recorded_seed_breaks_a_promise_by_itself(stage_of: Callable[..., Stage]) -> None:
    places = sorted({(each.policy, each.lane, each.domains, each.seed) for each in MUTANTS})
    for policy, lane, domains, seed in places:
        played = play(stage_of(policy, domains=domains, lane=LaneName(lane)), seed)
        assert played.violation is None, f"{policy}: {played.violation}"


@pytest.mark.long
@pytest.mark.skipif(not LONG, reason="a search that runs only with ROLLOUT_LONG=1")
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.path.stem)
def test_a_search_finds_a_planted_bug(nursery: Nursery, planted: Callable[[Mutant], Path], mutant: Mutant) -> None:
    found = nursery.ask(planted(mutant), mutant, range(SEEDS_MAX))
    assert found["seed"] is not None, found["said"]
    print(f"{mutant.path.stem}: after {found['seed'] + 1} seeds, by {found['rule']}")  # noqa: T201 - wanted with -s


def test_no_mutant_is_lost_and_half_of_them_are_found_soon() -> None:
    seeds = sorted(mutant.seed + 1 for mutant in MUTANTS)
    assert len(seeds) >= 35
    assert seeds[len(seeds) // 2] <= 50
    assert seeds[-1] <= SEEDS_MAX


def test_the_table_shows_every_mutant_as_it_is() -> None:
    rows = [
        line for line in (HERE / "mutants/README.md").read_text(encoding="utf-8").splitlines() if ".patch" not in line
    ]
    assert [row for row in rows if row.startswith("| ")][1:] == [mutant.row for mutant in MUTANTS]
