"""A public name that nobody reads is dead, and dead code is deleted.

A reader is any mention in product, tests or bench, or a word of a policy or of pyproject.toml (entry points). The
definition itself does not count, nor does a docstring; a string does, because lazy exports are named by strings.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PLAIN_DECORATORS = re.compile(
    r"(functools|contextlib|dataclasses|typing|cache|lru_cache|contextmanager|asynccontextmanager|dataclass|final"
    r"|overload|runtime_checkable|total_ordering)\b"
)
"""Decorators that only change a function. Any other registers it somewhere, and its reader is whoever calls it back."""

WORD = re.compile(r"[A-Za-z_]\w*")


def dead_names(product: Mapping[str, ast.Module], readers: Mapping[str, ast.Module], words: str = "") -> list[str]:
    """Public names at the top of a product module that neither `readers` nor `words` mention; `path:line name`."""
    mentions = Counter(WORD.findall(words))
    for tree in readers.values():
        mentions.update(_mentions(tree))
    return [
        f"{path}:{line} {name}"
        for path, tree in product.items()
        for name, line in _public(tree)
        if not mentions[name] and not name.startswith("_")
    ]


def _public(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if all(PLAIN_DECORATORS.match(ast.unparse(decorator)) for decorator in node.decorator_list):
                yield node.name, node.lineno
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((target.id, node.lineno) for target in targets if isinstance(target, ast.Name))


def _mentions(tree: ast.Module) -> Iterator[str]:
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from WORD.findall(node.value)


def test_every_public_name_has_a_reader(root: Path, sources: dict[str, str]) -> None:
    trees = {path: ast.parse(text) for path, text in sources.items()}
    files = [root / "pyproject.toml", *(path for path in (root / "policies").rglob("*") if path.is_file())]
    words = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
    product = {path: tree for path, tree in trees.items() if path.startswith("rollout/")}
    dead = dead_names(product, trees, words)
    assert dead == [], "nothing reads\n" + "\n".join(dead)


@pytest.mark.parametrize(
    "snippet",
    [
        "def walk(): ...",
        "class walk: ...",
        "walk = 1",
        "walk: int = 1",
        "import functools\n@functools.cache\ndef walk(): ...",
        '"""Says walk."""\ndef walk():\n    """And walk again."""',
    ],
)
def test_a_public_name_without_a_reader_is_found(snippet: str) -> None:
    trees = {"rollout/a.py": ast.parse(snippet)}
    assert [found.split()[-1] for found in dead_names(trees, trees)] == ["walk"]


@pytest.mark.parametrize(
    "reader",
    ["walk()", "import a\na.walk()", "from a import walk as w", "lazy = {'a': 'walk'}", "def f(x: 'walk'): ..."],
)
def test_any_mention_elsewhere_is_a_reader(reader: str) -> None:
    product = {"rollout/a.py": ast.parse("def walk(): ...")}
    assert dead_names(product, {**product, "tests/b.py": ast.parse(reader)}) == []
    assert dead_names(product, product, words="rollout = 'rollout.a:walk'") == []


@pytest.mark.parametrize("snippet", ["def _walk(): ...", "__all__ = ()", "@cli.command()\ndef walk(): ..."])
def test_private_and_registered_names_need_no_reader(snippet: str) -> None:
    trees = {"rollout/a.py": ast.parse(snippet)}
    assert dead_names(trees, trees) == []
