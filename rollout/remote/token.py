"""Who we are to a daemon: a token from a file, from the environment, or the one that a daemon left for its own user."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rollout.errors import Forbidden, UsageError
from rollout.remote.address import Address
from rollout.settings import Secret

TOKEN_VARIABLE: Final = "ROLLOUT_TOKEN"  # noqa: S105 - the variable's name
OWN_TOKEN: Final = "admin-token"  # noqa: S105 - the file's name
"""The file in a state directory in which a daemon leaves a token for the user it runs as."""
TOKEN_BYTES_MAX: Final = 1_024

_TOKEN: Final = re.compile(r"[\x21-\x7e]{8,512}")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def find_token(address: Address, file: Path | None, environ: Mapping[str, str], state: Path) -> Secret:
    """Find the token to show at `address`; the first of `file`, the environment and the state directory that is there.

    The one in the state directory opens the daemon of this machine, so no other is shown it. Raises Forbidden where
    there is none, UsageError for one that cannot be used.
    """
    if file is not None:
        return _checked(_read(file), str(file))
    if text := environ.get(TOKEN_VARIABLE):
        return _checked(text, TOKEN_VARIABLE)
    own = state / OWN_TOKEN
    if address.local and own.exists():
        return _checked(_read(own), str(own))
    where = f", and {own} is not there" if address.local else ""
    raise Forbidden(
        f"{address.url} asks who you are, and there is no token: set {TOKEN_VARIABLE} or give --token-file{where}. "
        f"Whoever runs the daemon makes one with `rollout token create`"
    )


def _read(path: Path) -> str:
    """Read a small file that nobody else can read, through one descriptor."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name cannot be used"
        raise UsageError(f"the token file {path} cannot be read: {reason}") from None
    try:
        if fault := _fault(path, os.fstat(descriptor)):
            raise UsageError(f"the token file {path} {fault}")
        return os.read(descriptor, TOKEN_BYTES_MAX).decode("ascii", errors="replace")
    finally:
        os.close(descriptor)


def _fault(path: Path, status: os.stat_result) -> str:
    """Say why a file cannot be trusted with a token; empty = it can."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        return (
            f"is open to other users (mode {mode:04o}); if nobody looked, run: chmod 0600 {path}; else have the token "
            "revoked"
        )
    return ""


def _checked(text: str, where: str) -> Secret:
    """Take what looks like a token; what does not is never quoted."""
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise UsageError(f"{where} holds no token: one is 8 to 512 printable ASCII characters, without blanks")
    return Secret(token)
