"""Read a file that holds a secret: ours, nobody else's to read, no link, and not large."""

import os
import stat
from pathlib import Path
from typing import Final

from rollout.platforms.classic.access import NoAccess

SECRET_BYTES_MAX: Final = 1 << 20
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def read_private(path: Path, what: str) -> bytes:
    """Read the whole file through one descriptor, so that what was checked is what is read. Raises NoAccess."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise NoAccess(_unreadable(path, what, error)) from None
    if fault := private_fault(path, os.fstat(descriptor)):
        os.close(descriptor)
        raise NoAccess(f"{what} {fault}")
    with os.fdopen(descriptor, "rb") as opened:
        data = opened.read(SECRET_BYTES_MAX + 1)
    if len(data) > SECRET_BYTES_MAX:
        raise NoAccess(f"{what} {path} is larger than {SECRET_BYTES_MAX >> 20} MiB, so it is something else")
    return data


def private_fault(path: Path, status: os.stat_result) -> str:
    """Say why a file cannot be trusted with a secret; empty = it can."""
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is not a regular file"
    if status.st_uid != os.geteuid():
        return f"{path} belongs to user {status.st_uid} and not to us ({os.geteuid()}): who owns it can change it"
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        return f"{path} is open to other users (mode {mode:04o}); if nobody looked, run: chmod 0600 {path}"
    return ""


def _unreadable(path: Path, what: str, error: OSError | ValueError) -> str:
    if path.is_symlink():
        return f"{what} {path} is a symbolic link; name the file itself, whose owner and mode can be trusted"
    if isinstance(error, FileNotFoundError):
        return f"{what} {path} does not exist"
    reason = error.strerror if isinstance(error, OSError) else "its name cannot be used"
    return f"{what} {path} cannot be read: {reason}"
