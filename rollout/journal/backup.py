"""Copies of a journal: taken while its engine runs, checked from the first record to the last, and put back."""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from rollout.errors import JournalDamaged, StateUnusable, UsageError
from rollout.journal import database
from rollout.journal.pages import Pages
from rollout.journal.record import READ_LIMIT_MAX, ChainWalk
from rollout.journal.visitor import Visitor

COPIED_SUFFIX: Final = ".part"
"""A copy has this name until it is whole and checked."""


class Backup(msgspec.Struct, frozen=True):
    """A copy that was checked."""

    position: int
    """Of its last record."""
    chain: str
    """The last record's link: it stands for everything before it."""
    bytes: int


def back_up(state: Path, file: Path) -> Backup:
    """Copy the journal of a state directory as it is at one moment, documents included, into a new private file.

    Raises UsageError where the file is there already, StateUnusable, JournalDamaged.
    """
    if file.exists():
        raise UsageError(f"{file} is there already, and an older backup is not written over: name another file")
    with _in_place(file) as part:
        with Visitor.opened(state) as visitor:
            visitor.copy_to(part)
        return check(part)


def put_back(backup: Path, journal: Path) -> Backup:
    """Check a backup and put a copy of it where a journal belongs; the backup itself stays as it is.

    Raises UsageError where there is a journal already, StateUnusable, JournalDamaged.
    """
    if journal.exists():
        raise UsageError(f"{journal.parent} has a journal already: restore into an empty state directory")
    check(backup)
    with _in_place(journal) as part:
        with database.translated(backup), contextlib.closing(_reading(backup)) as source:
            database.copy(source, part)
        return check(part)


def check(file: Path) -> Backup:
    """Walk a copy from its first record to its last. Raises JournalDamaged naming the first one that does not fit."""
    if not file.is_file():
        raise UsageError(f"there is no backup {file}")
    with database.translated(file), contextlib.closing(_reading(file)) as connection:
        database.check_schema(connection, file)
        pages, walk = Pages(connection, file), ChainWalk()
        pages.check()
        while rows := pages.page(walk.position, READ_LIMIT_MAX):
            for row in rows:
                walk.step(pages.stored(row))
        tip = connection.execute("SELECT position, chain FROM heartbeat").fetchone()
    if tip != (walk.position, walk.head):
        raise JournalDamaged(f"{file} ends with record {walk.position}, and should end with {tip[0]}")
    return Backup(walk.position, walk.head, file.stat().st_size)


def _reading(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.text_factory = lambda text: text.decode(errors="surrogateescape")
    return connection


@contextlib.contextmanager
def _in_place(file: Path) -> Iterator[Path]:
    """Give a name beside `file` to write under; what is whole at the end is synced and takes the file's name."""
    part = file.with_name(file.name + COPIED_SUFFIX)
    try:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        yield part
        part.chmod(stat.S_IRUSR | stat.S_IWUSR)
        _sync(part)
        part.rename(file)
        _sync(file.parent)
    except OSError as error:
        raise StateUnusable(f"{file} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
