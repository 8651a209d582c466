"""A document as a tree of texts, lists and mappings in which every key and value knows its place."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Self, TypeAlias

import msgspec

from rollout.errors import Problem

Loc: TypeAlias = tuple[str | int, ...]
"""A path as steps: `("waves", 0, "select")`."""

SHOWN_MAX = 60
_STEP = re.compile(r"\[([0-9]{1,9})\]|([^.\[\]]+)")


class Place(msgspec.Struct, frozen=True):
    """Where something stands; line and column count from 1, 0 = the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def problem(self, message: str, loc: Loc = ()) -> Problem:
        """Say what is wrong here."""
        return Problem(self.file, self.line, self.column, format_path(loc), message)


class Text(str):
    """A scalar as it was written; no type is guessed. `quoted` is remembered: a quoted `true` is no boolean."""

    __slots__ = ("place", "quoted")
    place: Place
    quoted: bool

    def __new__(cls, value: str, place: Place, *, quoted: bool = False) -> Self:
        """Keep the text and where it came from."""
        made = super().__new__(cls, value)
        made.place = place
        made.quoted = quoted
        return made


class Items(list["Value"]):
    """A list with its place."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place


class Fields(dict[str, "Value"]):
    """A mapping with its place and, in `keys_at`, the place of every key."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.keys_at: dict[str, Place] = {}

    def put(self, key: str, place: Place, value: "Value") -> None:
        """Set a key and remember where it stands."""
        self[key] = value
        self.keys_at[key] = place


Value: TypeAlias = Text | Items | Fields


def find(root: Value, loc: Loc, *, key: bool = False) -> tuple[Place, Loc]:
    """Give the place of `loc` and the part of it that is written in the document.

    A step the document does not have is passed over: a short form or a default put it there. The place of a text is
    the text itself, of anything longer its key; `key=True` asks for the key.
    """
    value, place, written = root, root.place, list[str | int]()
    for step in loc:
        if isinstance(value, Fields) and isinstance(step, str) and step in value:
            place, value = value.keys_at[step], value[step]
        elif isinstance(value, Items) and isinstance(step, int) and step < len(value):
            value = value[step]
            place = value.place
        else:
            continue
        written.append(step)
    return (value.place if isinstance(value, Text) and not key else place), tuple(written)


def format_path(loc: Loc) -> str:
    """Give `waves[0].select`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc).removeprefix(".")


def parse_path(path: str) -> Loc:
    """Read `waves[0].select`; raises ValueError."""
    if _STEP.sub("", path).strip(".") or ".." in path or not _STEP.search(path):
        raise ValueError(
            f"`{path[:80]}` is not a path; write it like `health.stable_duration` or `waves[0].max_parallel`"
        )
    return tuple(int(index) if index else name for index, name in _STEP.findall(path))


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Give `; did you mean X?` for the closest known word, or nothing."""
    close = get_close_matches(word[:100], known, n=1, cutoff=0.55)
    return f"; did you mean `{close[0]}`?" if close else ""


def shown(text: object) -> str:
    """Quote a value for a message: cut, and without the query of a URL, which may carry a signature."""
    plain = re.sub(r"\?[^\s'\"`]*", "?***", str(text)) if "://" in str(text) else str(text)
    printable = "".join(char if char.isprintable() else "�" for char in plain[:SHOWN_MAX])
    return f"`{printable}…`" if len(plain) > SHOWN_MAX else f"`{printable}`"
