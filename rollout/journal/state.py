"""The state directory: private, local, and held by one engine at a time."""

import contextlib
import datetime as dt
import fcntl
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Final, Self

from rollout.errors import StateInUse, StateUnusable
from rollout.journal.mounts import NETWORK_KINDS, Mount, mount_of, read_mounts

JOURNAL_NAME: Final = "journal.sqlite"
LOCK_NAME: Final = "lock"

HOLDER_BYTES_MAX: Final = 2_000
"""How much of the lock's text is read and shown."""

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class StateDirectory:
    """One engine's hold on its state. Made by `open`; let go by `close`, by leaving the block, or by dying.

    A symbolic link is followed, and every rule is asked of the directory it leads to: a link of somebody else can only
    lead to a directory that is private and ours anyway.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: Path, *, command: str, started_wall: float, mounts: Sequence[Mount] | None = None) -> Self:
        """Make the directory if need be (0700), look at it, and take its lock.

        `command` and `started_wall` (POSIX seconds) tell others who holds it. Raises StateUnusable for a directory that
        other users can open, that is not ours, or that lies on a network; StateInUse, naming the holder, when another
        engine has it.
        """
        real = Path(os.path.realpath(path))
        refuse_network(real, read_mounts() if mounts is None else mounts)
        with _explained(real):
            make_private(real)
            refuse_shared(real)
            lock = take_lock(real, _holder(command, started_wall))
        return cls(real, lock)

    @property
    def journal(self) -> Path:
        """Where the journal lies."""
        return self.path / JOURNAL_NAME

    def close(self) -> None:
        """Let go of the lock. The file stays: removing it could split the lock between two engines."""
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def refuse_network(real: Path, mounts: Sequence[Mount]) -> None:
    """Raise StateUnusable on a network file system, whose locks do not bind every machine."""
    mount = mount_of(PurePosixPath(real), mounts)
    if mount is not None and mount.kind in NETWORK_KINDS:
        message = (
            f"{real} lies on a network file system ({mount.kind} at {mount.point}), where two engines could run at "
            "once and a sync proves little; choose a directory on a local disk"
        )
        raise StateUnusable(message)


def make_private(real: Path) -> None:
    """Make the directory, readable by its owner alone whatever the umask; leave an existing one as it is."""
    real.parent.mkdir(parents=True, exist_ok=True)
    try:
        real.mkdir(mode=stat.S_IRWXU)
    except FileExistsError:
        return
    real.chmod(stat.S_IRWXU)


def refuse_shared(real: Path) -> None:
    """Raise StateUnusable where other users own or can open the directory or a file of ours in it."""
    if not stat.S_ISDIR(real.stat().st_mode):
        message = f"{real} is not a directory; choose another one for the state"
        raise StateUnusable(message)
    for path in (real, *sorted(real.glob(f"{JOURNAL_NAME}*")), real / LOCK_NAME):
        with contextlib.suppress(FileNotFoundError):
            _refuse_shared(path, path.lstat())


def _refuse_shared(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        message = f"{path} belongs to user {status.st_uid} and not to us ({os.geteuid()}); choose another directory"
        raise StateUnusable(message)
    if stat.S_ISLNK(status.st_mode):
        message = f"{path} is a symbolic link; a journal lies in its state directory itself"
        raise StateUnusable(message)
    if status.st_mode & OTHERS:
        private = "0700" if stat.S_ISDIR(status.st_mode) else "0600"
        message = (
            f"{path} is open to other users (mode {stat.S_IMODE(status.st_mode):04o}), and holds what they must not "
            f"see; if nobody looked, run: chmod {private} {path}"
        )
        raise StateUnusable(message)


def take_lock(real: Path, holder: str) -> int:
    """Lock the directory for the life of this process and write down who we are. Gives the file's descriptor."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.ExitStack() as undo:
        descriptor = os.open(real / LOCK_NAME, flags, stat.S_IRUSR | stat.S_IWUSR)
        undo.callback(os.close, descriptor)
        os.fchmod(descriptor, stat.S_IRUSR | stat.S_IWUSR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            shown = os.pread(descriptor, HOLDER_BYTES_MAX, 0).decode(errors="replace").strip() or "another engine"
            message = f"{real} is in use by {shown}; talk to that one, stop it, or choose another directory"
            raise StateInUse(message) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode(errors="backslashreplace")[:HOLDER_BYTES_MAX], 0)
        undo.pop_all()
    return descriptor


def _holder(command: str, started_wall: float) -> str:
    started = dt.datetime.fromtimestamp(started_wall, dt.UTC).isoformat(timespec="seconds")
    return f"process {os.getpid()} on {socket.gethostname()} since {started}: {command}\n"


@contextlib.contextmanager
def _explained(real: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"the state directory {real} cannot be used: {error.strerror or error}"
        raise StateUnusable(message) from error
