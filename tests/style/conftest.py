"""The repository's Python files, read and parsed once for every rule of style."""

import ast
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def sources(root: Path) -> dict[str, str]:
    """Every Python file of the repository by its path from the root: product, bench and tests."""
    files = [path for folder in ("rollout", "bench", "tests") for path in sorted((root / folder).rglob("*.py"))]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}


@pytest.fixture(scope="session")
def trees(sources: dict[str, str]) -> dict[str, ast.Module]:
    return {path: ast.parse(text, filename=path) for path, text in sources.items()}


@pytest.fixture(scope="session")
def product(trees: dict[str, ast.Module]) -> dict[str, ast.Module]:
    return {path: tree for path, tree in trees.items() if path.startswith("rollout/")}


@pytest.fixture(scope="session")
def heart(product: dict[str, ast.Module]) -> dict[str, ast.Module]:
    """Core and engine: what a simulation must be able to repeat step by step."""
    return {path: tree for path, tree in product.items() if path.startswith(("rollout/core/", "rollout/engine/"))}
