"""Text from outside made fit for a terminal: nothing in it can move the cursor, change colours or hide words."""

import unicodedata
from typing import Final

_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of controls, invisible formats such as right-to-left marks, surrogates and line separators."""


def printable(text: str) -> str:
    """Give `text` with every control but the line feed written as an escape."""
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def one_line(text: str) -> str:
    """Give `text` on one line."""
    return printable(" ".join(text.split()))


def counted(number: int, noun: str) -> str:
    """Give `1 service`, `2 services`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in _HARMFUL:
        return character
    return character.encode("unicode_escape", errors="backslashreplace").decode()
