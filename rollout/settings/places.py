"""Where a key stands in a TOML text: a simple scan by lines, since `tomllib` gives values without places."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
_PART: Final = r"(?:[A-Za-z0-9_-]+|\"[^\"\\]*\"|'[^']*')"
_DOTTED: Final = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER: Final = re.compile(rf"[ \t]*\[[ \t]*({_DOTTED})[ \t]*\]")
_KEY: Final = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_FENCE: Final = re.compile(r"\"\"\"|'''")


class Spot(NamedTuple):
    """Line and column, from 1; line 0 = the whole file."""

    line: int
    column: int


def find_places(text: str) -> Mapping[Path, Spot]:
    """Give the place of every table and key that starts a line; what stands inside a value has the place of its key."""
    places: dict[Path, Spot] = {}
    table: Path = ()
    for number, line in _outside_fences(text):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            found, column = table, header.start(1)
        elif key := _KEY.match(line):
            found, column = (*table, *_parts(key[1])), key.start(1)
        else:
            continue
        for length in range(1, len(found) + 1):
            places.setdefault(_folded(found[:length]), Spot(number, column + 1))
    return places


def place_of(path: Path, places: Mapping[Path, Spot]) -> Spot:
    """Give the place of a path, or of the nearest thing around it."""
    around = (_folded(path[:length]) for length in range(len(path), 0, -1))
    return next((places[each] for each in around if each in places), Spot(0, 0))


def dotted(path: Path) -> str:
    """Write a path as TOML would: `subscriptions."0000-…".token.command[2]`."""
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part}]"
            continue
        bare = re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part) is not None
        words += ("." if words else "") + (part if bare else f'"{part}"')
    return words


def _folded(path: Path) -> Path:
    """Subscriptions and hosts are the same in capitals, so their places are too."""
    return tuple(part.lower() if isinstance(part, str) else part for part in path)


def _outside_fences(text: str) -> Iterator[tuple[int, str]]:
    """Leave out the insides of multi-line strings, where anything may look like a key."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not fence:
            yield number, line
        for mark in _FENCE.findall(line.partition("#")[0] if not fence else line):
            if not fence:
                fence = mark
            elif mark == fence:
                fence = ""


def _parts(dotted_key: str) -> Path:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted_key))
