"""The repository's style, as far as a syntax tree can see it: sizes, first lines, words and names of tests.

A finding is `path:line what`. An exemption is one line here, with its reason; one that nothing needs any more fails.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping

import pytest

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 70
TEST_NAME_WORDS_MIN = 4

LONG_FILES: dict[str, str] = {}
"""Path -> why one thought needs more than 300 lines."""

LONG_FUNCTIONS: dict[str, str] = {}
"""`path::function` -> why one thought needs more than 70 lines."""

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b|pragma:\s*no\s*cover")
PROJECT_TALK = re.compile(r"\b(issues?|slices?|for now|briefs?)\b", re.IGNORECASE)
"""Words about how the code came to be. It speaks of itself alone, in the present tense."""


# --- sizes ---


def long_files(sources: Mapping[str, str]) -> set[str]:
    return {path for path, text in sources.items() if len(text.splitlines()) > FILE_LINES_MAX}


def long_functions(path: str, tree: ast.Module) -> set[str]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {f"{path}::{node.name}" for node in functions if _lines(node) > FUNCTION_LINES_MAX}


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_file_is_longer_than_one_thought(sources: dict[str, str]) -> None:
    measured = {path: text for path, text in sources.items() if not path.startswith("tests/")}
    assert long_files(measured) == set(LONG_FILES)


def test_a_file_of_301_lines_is_found_and_one_of_300_is_not() -> None:
    assert long_files({"long.py": "x = 1\n" * 301, "short.py": "x = 1\n" * 300}) == {"long.py"}


def test_no_function_is_longer_than_one_screen(trees: dict[str, ast.Module]) -> None:
    measured = {path: tree for path, tree in trees.items() if not path.startswith("tests/")}
    assert {found for path, tree in measured.items() for found in long_functions(path, tree)} == set(LONG_FUNCTIONS)


@pytest.mark.parametrize("head", ["def f():", "async def f():", "class C:\n  def f(self):"])
def test_a_function_of_71_lines_is_found_and_one_of_70_is_not(head: str) -> None:
    assert long_functions("a.py", ast.parse(head + "\n   x = 1" * 70)) == {"a.py::f"}
    assert long_functions("a.py", ast.parse(head + "\n   x = 1" * 69)) == set()


# --- first lines ---


def wordless_modules(path: str, tree: ast.Module) -> Iterator[str]:
    docstring = ast.get_docstring(tree)
    if not docstring or not docstring.splitlines()[0].endswith("."):
        yield f"{path}:1 the first line of the module's docstring is no sentence"


def test_every_product_module_says_its_job_in_its_first_line(product: dict[str, ast.Module]) -> None:
    assert [found for path, tree in product.items() for found in wordless_modules(path, tree)] == []


@pytest.mark.parametrize("snippet", ["x = 1", '"""No full stop"""', '"""A sentence that goes\non."""', ""])
def test_a_module_without_a_first_sentence_is_found(snippet: str) -> None:
    assert list(wordless_modules("a.py", ast.parse(snippet))) != []
    assert list(wordless_modules("a.py", ast.parse('"""One job.\n\nMore words"""'))) == []


# --- words ---


def unfinished(path: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if mark := UNFINISHED.search(line):
            yield f"{path}:{number} {mark.group()}"


def project_talk(path: str, text: str) -> Iterator[str]:
    for line, words in [*_comments(text), *_docstrings(ast.parse(text))]:
        if found := PROJECT_TALK.search(words):
            yield f"{path}:{line} speaks of {found.group()!r}"


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every string that stands alone: docstrings, and the ones below constants and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def test_product_code_is_finished(sources: dict[str, str]) -> None:
    texts = {path: text for path, text in sources.items() if path.startswith("rollout/")}
    assert [found for path, text in texts.items() for found in unfinished(path, text)] == []


@pytest.mark.parametrize(
    "line", ["x = 1  # TODO: more", "# FIXME", "# XXX", "raise NotImplementedError", "x = 1  # pragma:  no cover"]
)
def test_unfinished_code_is_found(line: str) -> None:
    assert list(unfinished("a.py", f"y = 2\n{line}\n")) != []
    assert list(unfinished("a.py", "NotSupportedYet, TODOS, XXXL\n")) == []


def test_comments_and_docstrings_speak_of_the_product_alone(sources: dict[str, str]) -> None:
    texts = {path: text for path, text in sources.items() if path.startswith("rollout/")}
    assert [found for path, text in texts.items() for found in project_talk(path, text)] == []


@pytest.mark.parametrize(
    "snippet",
    [
        "x = 1  # see issue 12",
        '"""Good enough for now."""',
        'def f():\n    """Belongs to the second slice."""',
        'x = 1\n"""As the brief demands."""',
    ],
)
def test_talk_about_the_project_is_found(snippet: str) -> None:
    assert list(project_talk("a.py", snippet)) != []
    assert list(project_talk("a.py", 'message = "no issues found"  # a token is issued briefly')) == []


# --- names of tests ---


def short_test_names(path: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            words = [word for word in node.name.removeprefix("test_").split("_") if word]
            if len(words) < TEST_NAME_WORDS_MIN:
                yield f"{path}:{node.lineno} {node.name} is no sentence"


def test_the_name_of_every_test_is_a_sentence(trees: dict[str, ast.Module]) -> None:
    tests = {path: tree for path, tree in trees.items() if path.startswith("tests/")}
    assert [found for path, tree in tests.items() for found in short_test_names(path, tree)] == []


@pytest.mark.parametrize("name", ["test_walk", "test_walk_is_refused", "test___a__b__c"])
def test_a_test_whose_name_is_no_sentence_is_found(name: str) -> None:
    assert list(short_test_names("a.py", ast.parse(f"async def {name}(): ..."))) != []
    assert list(short_test_names("a.py", ast.parse("def test_a_walk_is_refused(): ..."))) == []
