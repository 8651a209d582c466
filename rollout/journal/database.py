"""The database file: connected, of a known schema, claimed by one incarnation; and what SQLite's errors mean to us."""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

from rollout.errors import JournalDamaged, JournalFull, StateUnusable
from rollout.journal.codec import FORMAT, refuse_future
from rollout.journal.journal import VersionConflict

APPLICATION_ID: Final = 0x726F6C6C
"""`roll`, in the file's header: a database of somebody else is never written to."""

BUSY_TIMEOUT_S: Final = 5.0
"""How long another process may hold the write lock before the journal counts as unusable."""

PAGE_BYTES_MIN: Final = 512
"""SQLite's smallest page; no database is shorter."""

PRIMARY_CODE: Final = 0xFF
"""SQLite keeps the kind of an error in the low byte, its detail above."""


def connect(path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """Open the file as the journal needs it, new and private (0600) if there is none.

    The write-ahead log and its index take over the file's mode.
    """
    create_private(path)
    with contextlib.ExitStack() as undo:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, factory=factory)
        undo.callback(connection.close)
        # Bytes that are no UTF-8 must reach the chain, which names the record; SQLite's own error names nothing.
        connection.text_factory = lambda text: text.decode(errors="surrogateescape")
        check_schema(connection, path)
        write_ahead(connection, path)
        undo.pop_all()
    return connection


def copy(source: sqlite3.Connection, file: Path) -> None:
    """Copy everything as it is at one moment into a new private file."""
    create_private(file)
    with contextlib.closing(sqlite3.connect(file)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, and nothing beside it


def write_ahead(connection: sqlite3.Connection, path: Path) -> None:
    """Choose the write-ahead log, a sync at each commit, and checkpoints by our own hand.

    SQLite keeps quiet about an automatic checkpoint that fails.
    """
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        message = f"{path}: the file system allows no write-ahead log (SQLite chose {mode}); use a local disk"
        raise StateUnusable(message)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")


def create_private(path: Path) -> None:
    """Make an empty file that only its owner can open, whatever the umask; leave an existing one alone."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)
    except FileExistsError:
        _refuse_stump(path)
        return
    except OSError as error:
        message = f"{path} cannot be made: {error.strerror}"
        raise StateUnusable(message) from error
    try:
        os.fchmod(descriptor, stat.S_IRUSR | stat.S_IWUSR)
    finally:
        os.close(descriptor)


def _refuse_stump(path: Path) -> None:
    """Raise JournalDamaged for what SQLite would take for a new file: less than one page is left of it."""
    if 0 < path.stat().st_size < PAGE_BYTES_MIN:
        message = f"{path} is damaged or no journal: it is cut off; restore the state from a backup"
        raise JournalDamaged(message)


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a foreign database and a schema from the future. Only reads."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        message = f"{path} is a database, but no journal of rollout; choose another state directory"
        raise JournalDamaged(message)
    newest = schema_scripts()[-1][0]
    if version > newest:
        message = (
            f"{path} has schema {version}, and this version of rollout knows up to {newest}: "
            "it was written by a later version; go on with that one"
        )
        raise StateUnusable(message)


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the schema scripts that the file has not seen, each in one transaction."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in schema_scripts():
        if number > version:
            marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
            connection.executescript(f"BEGIN IMMEDIATE; {script} {marks} COMMIT;")


def claim(connection: sqlite3.Connection) -> int:
    """Count this opening and give its number, the incarnation. An earlier one that still writes is refused by it."""
    connection.execute("BEGIN IMMEDIATE")
    (known,) = connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    try:
        refuse_future(known, "the journal")
    except StateUnusable:
        connection.execute("ROLLBACK")
        raise
    connection.execute("UPDATE meta SET value = ? WHERE key = 'format'", (FORMAT,))
    connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'epoch'")
    (epoch,) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    connection.execute("COMMIT")
    return int(epoch)


def schema_scripts() -> list[tuple[int, str]]:
    """Give the numbered scripts beside the code, in order."""
    folder = resources.files("rollout.journal") / "schema"
    scripts = [(int(file.name[:3]), file.read_text()) for file in folder.iterdir() if file.name.endswith(".sql")]
    return sorted(scripts)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise meaning(error, path) from error


def meaning(error: sqlite3.Error, path: Path) -> StateUnusable | VersionConflict:
    """Say what an error of SQLite means for the journal."""
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY_CODE:
        case sqlite3.SQLITE_FULL:
            return JournalFull(
                f"the disk under {path} is full: nothing new is begun, what is in flight is still watched; "
                "free some space"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return JournalDamaged(f"{path} is damaged or no journal ({error}); restore the state from a backup")
        case sqlite3.SQLITE_CONSTRAINT:
            return VersionConflict(f"another process wrote to {path} ({error}); this one stops")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StateUnusable(f"another process keeps {path} locked; find it, stop it, and start again")
        case _:
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            return StateUnusable(
                f"{path} cannot be used ({name}: {error}). What was acknowledged is on disk; nothing more is written. "
                "Look after the disk, then start again"
            )
