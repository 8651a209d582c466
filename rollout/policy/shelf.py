"""Where the files of a policy lie: on a disk, or in what somebody sent. Both keep to the same names and limits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from rollout.policy.files import FileFault, read_beneath, read_named


class Shelf(Protocol):
    """Gives files; raises FileFault."""

    def named(self, path: Path, limit: int) -> bytes:
        """Read the file a person named."""
        ...

    def beneath(self, root: Path, relative: Path, limit: int) -> bytes:
        """Read a file below `root`."""
        ...


class Disk:
    """Files on this machine's disk."""

    def named(self, path: Path, limit: int) -> bytes:
        """Read the file a person named."""
        return read_named(path, limit)

    def beneath(self, root: Path, relative: Path, limit: int) -> bytes:
        """Read a file below `root`, following no link."""
        return read_beneath(root, relative, limit)


class Sent:
    """Files that came with a request, by their relative names; nothing on a disk is looked at."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def named(self, path: Path, limit: int) -> bytes:
        """Give the file of that name."""
        return self._file(path, limit)

    def beneath(self, root: Path, relative: Path, limit: int) -> bytes:  # noqa: ARG002 - there is but one root
        """Give the file of that name."""
        return self._file(relative, limit)

    def _file(self, path: Path, limit: int) -> bytes:
        data = self._files.get(path.as_posix())
        if data is None:
            raise FileFault("was not sent with the policy")
        if len(data) > limit:
            raise FileFault(f"is larger than {limit // 1024} KiB, the limit for this kind of file")
        return data


DISK = Disk()
