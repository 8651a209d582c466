"""Fetch a passphrase from where the settings say it is: a file, a variable, a systemd credential, or the settings."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rollout.errors import InvariantBroken
from rollout.platforms.classic.access import NoAccess
from rollout.platforms.classic.private_files import read_private
from rollout.settings.model import SecretSource
from rollout.settings.secret import Secret

CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
"""Where systemd puts the credentials of a unit."""
PASSPHRASE_BYTES_MAX: Final = 1_024


def fetch_passphrase(
    source: SecretSource, environ: Mapping[str, str] | None = None, *, what: str = "the passphrase"
) -> Secret:
    """Give the passphrase, or `what` else it is; raises NoAccess."""
    environ = os.environ if environ is None else environ
    if source.text is not None:
        return source.text
    if source.env is not None:
        if not (value := environ.get(source.env)):
            raise NoAccess(f"{what} is to be in the variable {source.env}, which is not set")
        return Secret(value)
    if source.credential is not None:
        return _read_credential(source.credential, environ, what)
    if source.file is not None:
        return _line(read_private(source.file, f"{what} file"), str(source.file), what)
    raise InvariantBroken("a source of a secret without a place")


def _read_credential(name: str, environ: Mapping[str, str], what: str) -> Secret:
    """Read a systemd credential. The service manager owns it, and who may read it, so only strangers are refused."""
    if not (folder := environ.get(CREDENTIALS_VARIABLE)):
        raise NoAccess(
            f"{what} is the systemd credential {name}, and ${CREDENTIALS_VARIABLE} is not set: give the unit "
            f"LoadCredential={name}:FILE"
        )
    path = Path(folder) / name
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NoAccess(f"the systemd credential {path} cannot be read: {error.strerror}") from None
    status = os.fstat(descriptor)
    trusted = stat.S_ISREG(status.st_mode) and status.st_uid in {0, os.geteuid()}
    if not trusted or status.st_mode & stat.S_IRWXO:
        os.close(descriptor)
        raise NoAccess(f"{path} is no systemd credential: other users can open it, or it is not a file of ours")
    with os.fdopen(descriptor, "rb") as opened:
        return _line(opened.read(PASSPHRASE_BYTES_MAX + 1), str(path), what)


def _line(data: bytes, place: str, what: str) -> Secret:
    """Take the line feed away that editors add."""
    if len(data) > PASSPHRASE_BYTES_MAX:
        raise NoAccess(f"{place} holds more than {PASSPHRASE_BYTES_MAX} bytes, so it is not {what}")
    try:
        text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise NoAccess(f"{place} is not UTF-8 text, so it is not {what}") from None
    if not text:
        raise NoAccess(f"{place} is empty; it is to hold {what}")
    return Secret(text)
