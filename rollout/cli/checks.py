"""Checks of the machine itself: Python, libraries, zone data, clock and state directory."""

import importlib.metadata
import os
import shutil
import sys
import zoneinfo
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from rollout.errors import StateUnusable
from rollout.journal.mounts import Mount, read_mounts
from rollout.journal.state import refuse_network, refuse_shared

DISTRIBUTION: Final = "rollout-engine"
OLDEST_PYTHON: Final = (3, 11)
FREE_BYTES_MIN: Final = 1 << 30
ZONE: Final = "Europe/London"
EARLIEST_WALL: Final = 1_735_689_600.0
"""2025-01-01: a clock before it has never been set."""
LATEST_WALL: Final = 4_102_444_800.0
"""2100-01-01."""


class Verdict(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


class Check(msgspec.Struct, frozen=True):
    """One thing looked at."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""
    """What to do; empty where nothing is."""


def python() -> Check:
    """Check the interpreter."""
    shown = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", Verdict.WRONG, shown, f"use Python {'.'.join(map(str, OLDEST_PYTHON))} or later")
    return Check("python", Verdict.OK, shown)


def libraries(distribution: str = DISTRIBUTION) -> Check:
    """Check that everything the distribution needs is installed; versions are the installer's business."""
    try:
        needed = importlib.metadata.requires(distribution) or []
        own = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return Check("libraries", Verdict.WARNING, f"{distribution} is not installed as a package", "install it by pip")
    names = [_name(line) for line in needed if "extra ==" not in line and not _for_other_system(line)]
    missing = [name for name in names if not _installed(name)]
    if missing:
        return Check("libraries", Verdict.WRONG, f"missing: {', '.join(missing)}", f"pip install {distribution}")
    return Check("libraries", Verdict.OK, f"{distribution} {own}, with {len(names)} libraries")


def zone_data() -> Check:
    """Check that windows can be understood."""
    try:
        zoneinfo.ZoneInfo(ZONE)
    except zoneinfo.ZoneInfoNotFoundError:
        return Check("zone data", Verdict.WRONG, f"{ZONE} is not known", "pip install tzdata")
    return Check("zone data", Verdict.OK, f"{ZONE} is known")


def clock(wall: float) -> Check:
    """Check that the clock has been set at all."""
    if not EARLIEST_WALL <= wall <= LATEST_WALL:
        return Check(
            "clock", Verdict.WRONG, f"POSIX second {wall:.0f}", "set this machine's clock, and let NTP keep it"
        )
    return Check("clock", Verdict.OK, "has been set")


def state_directory(
    path: Path,
    mounts: Sequence[Mount] | None = None,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Check:
    """Check the state directory without making, changing or locking it."""
    real = Path(os.path.realpath(path))
    name = "state directory"
    try:
        refuse_network(real, read_mounts() if mounts is None else mounts)
        if real.exists():
            refuse_shared(real)
    except StateUnusable as error:
        return Check(name, Verdict.WRONG, str(error), "see above, or choose another one with --state")
    except OSError as error:
        return Check(name, Verdict.WRONG, f"{real}: {error.strerror}", "choose another one with --state")
    folder = next(each for each in (real, *real.parents) if each.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check(name, Verdict.WRONG, f"{folder} cannot be written", "choose another one with --state")
    free = free_bytes(folder)
    if free < FREE_BYTES_MIN:
        return Check(
            name, Verdict.WARNING, f"{real} has {free >> 20} MiB left", "make room: a full disk ends a rollout"
        )
    if real.exists():
        return Check(name, Verdict.OK, f"{real} is private and local, with {free >> 30} GiB left")
    return Check(name, Verdict.OK, f"{real} does not exist yet, and can be made")


def _name(requirement: str) -> str:
    return next(word for word in _split(requirement) if word)


def _split(requirement: str) -> list[str]:
    for mark in "<>=!~;[( ":
        requirement = requirement.replace(mark, "\n")
    return requirement.splitlines()


def _for_other_system(requirement: str) -> bool:
    return "sys_platform" in requirement and sys.platform == "win32"


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
