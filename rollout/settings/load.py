"""Loading settings: one file, `ROLLOUT_*` over it, flags over both, and every mistake at once."""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from rollout.errors import PolicyError, Problem
from rollout.settings.environment import CONFIG_VARIABLE, from_environment
from rollout.settings.model import Settings
from rollout.settings.places import Path, Spot, dotted, find_places, place_of
from rollout.settings.problems import path_of, sentence
from rollout.settings.rules import faults

FILE_NAME: Final = "rollout.toml"
FILE_BYTES_MAX: Final = 64 * 1024
PROBLEMS_MAX: Final = 100
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_SYNTAX: Final = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

Overlay = Mapping[Path, tuple[str, Any]]
"""What lies over the file: path -> (who says so, value)."""


class Loaded(NamedTuple):
    """The settings, and the file they came from; None = there is none, and every value is its default."""

    settings: Settings
    file: FilePath | None


def load_settings(
    config: str | None = None,
    *,
    flags: Mapping[str, tuple[str, Any]] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Read the settings; raises PolicyError with everything that is wrong.

    `flags` are dotted path -> (flag, value), for the flags that were given. A file that is named must be there.
    """
    environ = os.environ if environ is None else environ
    file = find_file(config, environ)
    document = _Document(file)
    overlay, problems = from_environment(environ)
    overlay |= {tuple(path.split(".")): said for path, said in (flags or {}).items()}
    settings, found = document.read(overlay)
    if settings is not None:
        found += [document.problem(path, message) for path, message in faults(settings, document.name, document.mode)]
    problems += found
    if problems or settings is None:
        raise PolicyError(problems[:PROBLEMS_MAX])
    return Loaded(settings, file)


def find_file(config: str | None, environ: Mapping[str, str]) -> FilePath | None:
    """Give the file: the one named, `$ROLLOUT_CONFIG`, `./rollout.toml`, or the one in the user's folder."""
    if named := config or environ.get(CONFIG_VARIABLE):
        return FilePath(named).expanduser()
    return next((file for file in (FilePath(FILE_NAME), user_file(environ)) if file.exists()), None)


def user_file(environ: Mapping[str, str]) -> FilePath:
    """Give where a user's own settings are: `$XDG_CONFIG_HOME/rollout/rollout.toml`, else below `~/.config`."""
    base = environ.get("XDG_CONFIG_HOME")
    return (FilePath(base) if base else FilePath.home() / ".config") / "rollout" / FILE_NAME


class _Document:
    """One settings file, read once."""

    def __init__(self, file: FilePath | None) -> None:
        self.file = file
        self.name = str(file) if file else FILE_NAME
        self.mode = 0
        self.text = ""
        self.tree: dict[str, Any] = {}
        if file is not None:
            self.text, self.mode = _read(file)
            self.tree = _parsed(self.text, self.name)
        self.places = find_places(self.text)
        self.overlay: Overlay = {}

    def read(self, overlay: Overlay) -> tuple[Settings | None, list[Problem]]:
        """Lay environment and flags over the file, and validate all of it."""
        self.overlay = overlay
        for path, (_, value) in overlay.items():
            _put(self.tree, path, value)
        folder = self.file.parent if self.file else FilePath()
        try:
            return Settings.model_validate(self.tree, context={"folder": folder}), []
        except ValidationError as error:
            details = error.errors(include_url=False)
            found = [self.problem(path_of(each), sentence(Settings, each)) for each in details]
            return None, sorted(found, key=lambda problem: (problem.line, problem.column))

    def problem(self, path: Path, message: str) -> Problem:
        """Say what is wrong at a path, wherever its value came from."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.overlay:
                return Problem(self.overlay[path[:length]][0], 0, 0, dotted(path), message)
        spot = place_of(path, self.places)
        return Problem(self.name, spot.line, spot.column, dotted(path), message)


def _read(file: FilePath) -> tuple[str, int]:
    """Read the file through one descriptor; refuse one that others could have written."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _fault(file, f"cannot be read: {error.strerror}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise _fault(file, "is not a regular file")
    with os.fdopen(descriptor, "rb") as opened:
        if status.st_uid not in {os.geteuid(), 0}:
            raise _fault(
                file, f"belongs to user {status.st_uid}; settings name commands, so they must be yours or root's"
            )
        if status.st_mode & _OTHERS_WRITE:
            mode = stat.S_IMODE(status.st_mode)
            raise _fault(file, f"can be written by others (mode {mode:04o}); if nobody did, run: chmod 0600 {file}")
        data = opened.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise _fault(file, f"is larger than {FILE_BYTES_MAX // 1024} KiB")
    try:
        return data.decode("utf-8"), status.st_mode
    except UnicodeDecodeError as error:
        raise _fault(file, f"is not UTF-8: {error.reason} at byte {error.start}") from None


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX.fullmatch(str(error))
        words = found[1] if found else str(error)
        end = Spot(max(1, len(text.splitlines())), 1)
        spot = Spot(int(found[2]), int(found[3])) if found and found[2] else end
        # The parser's own words quote at most one character of the text, so no secret is in them.
        raise PolicyError([Problem(name, spot.line, spot.column, "", f"is no TOML: {words}")]) from None
    except RecursionError:
        raise PolicyError([Problem(name, 0, 0, "", "is nested too deeply")]) from None


def _put(tree: dict[str, Any], path: Path, value: Any) -> None:
    for part in path[:-1]:
        inner = tree.setdefault(str(part), {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree[str(path[-1])] = value


def _fault(file: FilePath, message: str) -> PolicyError:
    return PolicyError([Problem(str(file), 0, 0, "", message)])
