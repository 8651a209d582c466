"""Write a file that a person asked for: whole or not at all, and never over another one unless told to."""

import contextlib
import os
from pathlib import Path

from rollout.errors import UsageError


def write_new(path: Path, text: str, *, force: bool, mode: int = 0o644) -> None:
    """Write `text`; raises UsageError where the file is there already and not `force`, or cannot be written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            if force:
                draft.replace(path)
            else:
                # Unlike a rename, a link never takes the place of what is there.
                path.hardlink_to(draft)
        finally:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()
    except FileExistsError:
        raise UsageError(f"{path} is there already; give --force to write over it") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
