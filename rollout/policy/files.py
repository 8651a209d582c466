"""Files named by documents: beneath one root, no link followed, regular, and no larger than their limit."""

import os
import stat
from pathlib import Path

CONFIGURATION_BYTES_MAX = 1024 * 1024


class FileFault(ValueError):
    """The file cannot be used; the message finishes the sentence "FILE …"."""


def read_named(path: Path, limit: int) -> bytes:
    """Read a file a person named on the command line; raises FileFault."""
    try:
        return _read(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), limit)
    except (OSError, ValueError) as error:
        raise _fault(error) from None


def beneath(root: Path, folder: Path, reference: str) -> Path:
    """Give the path below `root` that a reference in a file of `folder` means; raises FileFault.

    Only names are looked at: because no link below the root is ever followed, the names are the truth.
    """
    if reference.startswith(("/", "~")) or "\\" in reference or ":" in reference:
        raise FileFault("must be a relative path, with `/` between its parts")
    base = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links
    meant = Path(os.path.normpath(Path(os.path.abspath(folder)) / reference))  # noqa: PTH100 - as above
    if meant == base or not meant.is_relative_to(base):
        raise FileFault(f"leads out of the folder {shown_root(root)}, in which all files of a policy lie")
    return meant.relative_to(base)


def read_beneath(root: Path, relative: Path, limit: int) -> bytes:
    """Read a file below `root`, opening part by part so that no link is followed; raises FileFault."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in relative.parts[:-1]:
                below = os.open(part, flags | os.O_DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = below
            if stat.S_ISLNK(os.stat(relative.name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise FileFault("is a symbolic link; links are not followed")
            descriptor = os.open(relative.name, flags, dir_fd=folder)
        finally:
            os.close(folder)
        return _read(descriptor, limit)
    except FileFault:
        raise
    except (OSError, ValueError) as error:
        raise _fault(error) from None


def shown_root(root: Path) -> str:
    """Name the root for a message."""
    return f"`{root}`" if str(root) != "." else "of the policy"


def _read(descriptor: int, limit: int) -> bytes:
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileFault("is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise FileFault(f"is larger than {limit // 1024} KiB, the limit for this kind of file")
    return data


def _fault(error: OSError | ValueError) -> FileFault:
    if isinstance(error, FileFault):
        return error
    if isinstance(error, FileNotFoundError):
        return FileFault("does not exist")
    if isinstance(error, NotADirectoryError):
        return FileFault("passes through something that is no folder, or through a symbolic link")
    reason = error.strerror if isinstance(error, OSError) else "its name cannot be used"
    return FileFault(f"cannot be read: {reason}")
