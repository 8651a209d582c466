"""Imports go down the floors: the contracts of pyproject.toml hold, and a planted import breaks them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the package that lies in `root`, whatever is installed."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(  # noqa: S603 -- our own tool, from our own interpreter's folder
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=50, check=False
    )


@pytest.fixture
def scratch(root: Path, tmp_path: Path) -> Path:
    """Give a copy of the package that a test may spoil."""
    shutil.copytree(root / "rollout", tmp_path / "rollout", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_import_goes_down_the_floors(root: Path) -> None:
    checked = lint_imports(root)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("core", "import rollout.engine", "rollout.core.planted -> rollout.engine"),
        ("core", "import asyncio", "rollout.core.planted -> asyncio"),
        ("gates", "import rollout.journal", "rollout.gates.planted -> rollout.journal"),
        ("journal", "import lxml", "rollout.journal.planted -> lxml"),
        (
            "emulator",
            "import rollout.platforms.classic.decode",
            "rollout.emulator.planted -> rollout.platforms.classic",
        ),
    ],
)
def test_a_planted_import_against_the_floors_is_found(scratch: Path, module: str, line: str, broken: str) -> None:
    (scratch / "rollout" / module / "planted.py").write_text(f"{line}\n", encoding="utf-8")
    checked = lint_imports(scratch)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert broken in checked.stdout
