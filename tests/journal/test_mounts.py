from pathlib import PurePosixPath

import pytest

from rollout.journal.mounts import Mount, mount_of, parse_mountinfo, read_mounts, unescape

# From proc_pid_mountinfo(5), an NFS client, a FUSE mount below it, and a path with a blank.
TABLE = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
36 35 98:0 / / rw,noatime master:1 - ext3 /dev/root rw,errors=continue
40 36 0:40 / /home rw,relatime shared:1 master:2 - nfs4 server:/home rw,vers=4.2
41 40 0:41 / /home/ada/far rw,nosuid - fuse.sshfs ada@far: rw
42 36 0:42 / /mnt/my\\040disk rw - cifs //server/share rw
43 36 98:1 / /srv rw - nfs server:/srv rw
44 36 98:2 / /srv rw - xfs /dev/sdb rw
this line is of another kind
"""


def kind(path: str) -> str | None:
    mount = mount_of(PurePosixPath(path), parse_mountinfo(TABLE))
    return mount.kind if mount else None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/rollout", "ext3"),
        ("/home", "nfs4"),
        ("/home/ada/state", "nfs4"),
        ("/home/ada/far/state", "fuse.sshfs"),
        ("/home/ada/farther", "nfs4"),
        ("/homes/ada", "ext3"),
        ("/mnt/my disk/state", "cifs"),
        ("/srv/state", "xfs"),
    ],
)
def test_a_path_lies_on_the_deepest_mount_above_it_and_of_two_on_the_later(path: str, expected: str) -> None:
    assert kind(path) == expected


def test_lines_of_another_shape_are_left_out() -> None:
    assert parse_mountinfo("") == []
    assert parse_mountinfo("1 2 - ext4\nnothing\n - \n") == []
    assert len(parse_mountinfo(TABLE)) == 7


def test_without_a_table_nothing_is_known() -> None:
    assert mount_of(PurePosixPath("/var"), []) is None


def test_escapes_of_the_kernel_are_undone() -> None:
    assert unescape(r"a\040b\011c\134d") == "a b\tc\\d"


def test_the_running_kernel_knows_where_root_lies() -> None:
    mounts = read_mounts()
    assert not mounts or isinstance(mount_of(PurePosixPath("/"), mounts), Mount)
