"""Small files that only their owner may read: read through one descriptor, and replaced as a whole or not at all."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rollout.errors import StateUnusable

BYTES_MAX: Final = 1 << 20
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
OWNER: Final = stat.S_IRUSR | stat.S_IWUSR

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_private(path: Path) -> bytes | None:
    """Read the file; None = there is none. Raises StateUnusable for one that others could read, or could have made."""
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateUnusable(f"{path} cannot be read: {error.strerror or error}") from None
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & OTHERS:
            raise StateUnusable(
                f"{path} is no regular file of ours that nobody else can read: chmod 0600, or remove it"
            )
        data = opened.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise StateUnusable(f"{path} is larger than {BYTES_MAX >> 20} MiB, so it is something else")
    return data


def write_private(path: Path, data: bytes) -> None:
    """Put a new file (0600) in the place of an old one; durable on return. Raises StateUnusable."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, OWNER)
        with os.fdopen(descriptor, "wb") as opened:
            os.fchmod(opened.fileno(), OWNER)
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise StateUnusable(f"{path} cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time change what `path` guards. Raises StateUnusable."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, OWNER)
    except OSError as error:
        raise StateUnusable(f"{path} cannot be opened: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
