"""Which file system a path lies on, and which of them are networks: there, locks and the shared log index may lie."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

MOUNTINFO: Final = Path("/proc/self/mountinfo")

NETWORK_KINDS: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "9p", "davfs"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "orangefs", "vboxsf", "vmhgfs", "prl_fs"),
        *("fuse.sshfs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs", "fuse.goofys", "fuse.gcsfuse", "fuse.rclone"),
        *("fuse.juicefs", "fuse.davfs", "fuse.smbnetfs", "fuse.vmhgfs-fuse", "fuse.blobfuse2", "fuse.mount-s3"),
    }
)
"""Kinds known to be shared between machines. A kind not named here is believed to be a local disk."""


class Mount(msgspec.Struct, frozen=True):
    """One mounted file system."""

    point: PurePosixPath
    kind: str


def parse_mountinfo(text: str) -> Sequence[Mount]:
    """Read the kernel's table (proc_pid_mountinfo(5)), in its order; lines of another shape are left out."""
    mounts = []
    for line in text.splitlines():
        own, separator, rest = line.partition(" - ")
        fields, kinds = own.split(" "), rest.split(" ")
        if separator and len(fields) >= 6:  # noqa: PLR2004 -- id, parent, device, root, mount point, options
            mounts.append(Mount(PurePosixPath(unescape(fields[4])), kinds[0]))
    return mounts


def unescape(field: str) -> str:
    r"""Give blanks, tabs, line feeds and backslashes back, which the kernel writes as `\040` and so on."""
    head, *rest = field.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)


def mount_of(path: PurePosixPath, mounts: Sequence[Mount]) -> Mount | None:
    """Find the mount an absolute path lies on: the deepest, and of several at one point the last."""
    over = [mount for mount in mounts if path.is_relative_to(mount.point)]
    return max(reversed(over), key=lambda mount: len(mount.point.parts), default=None)


def read_mounts() -> Sequence[Mount]:
    """Read the running kernel's table; empty where there is none to read."""
    try:
        return parse_mountinfo(MOUNTINFO.read_text(errors="surrogateescape"))
    except OSError:
        return ()
