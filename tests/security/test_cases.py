"""Every one of the 164 bad inputs of security.md has its test, found by the id in its name."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
CASES = {"A": 9, "H": 6, "O": 7, "N": 17, "D": 33, "X": 30, "R": 10, "F": 8, "C": 6, "Y": 12, "P": 7, "S": 1, "W": 6}
CASES |= {"J": 9, "B": 3}
"""How many there are of each group."""
WHERE = {
    "A": "daemon/http/test_who_may_ask.py",
    "H": "daemon/http/test_who_may_ask.py",
    "O": "daemon/http/test_who_may_ask.py",
    "N": "daemon/http/test_json.py",
    "D": "daemon/http/test_framing.py",
    "B": "daemon/http/browser",
}
"""Groups that stand together in one place; the others stand with what they are about."""
_NAME = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
_ID = re.compile(r"(?<=_)([ahondxrfcypswjb])([0-9]{1,2})(?=_|$)")


def found() -> dict[str, set[str]]:
    """Give for each id the files with a test that carries it."""
    tests = defaultdict(set)
    for file in TESTS.rglob("test_*.py"):
        for name in _NAME.findall(file.read_text(encoding="utf-8")):
            for letter, number in _ID.findall(name):
                tests[f"{letter.upper()}{number}"].add(file.relative_to(TESTS).as_posix())
    return tests


def test_there_are_164_of_them() -> None:
    assert sum(CASES.values()) == 164


@pytest.mark.parametrize("group", CASES)
def test_every_case_has_its_test(group: str) -> None:
    tests = found()
    wanted = [f"{group}{number}" for number in range(1, CASES[group] + 1)]
    assert [case for case in wanted if not tests[case]] == []
    if group in WHERE:
        assert {file.startswith(WHERE[group]) for case in wanted for file in tests[case]} == {True}
