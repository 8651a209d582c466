import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from rollout.core.event import Entry
from rollout.errors import StateInUse, StateUnusable
from rollout.journal.mounts import Mount
from rollout.journal.sqlite import SqliteJournal
from rollout.journal.state import StateDirectory

HOLDER = """
import sys
from pathlib import Path
from rollout.journal.state import StateDirectory
with StateDirectory.open(Path(sys.argv[1]), command="rollout daemon", started_wall=0.0):
    print("held", flush=True)
    sys.stdin.read()
"""


def opened(path: Path, *mounts: Mount) -> StateDirectory:
    return StateDirectory.open(path, command="rollout run", started_wall=1_700_000_000.0, mounts=mounts)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def strange_umask() -> Iterator[None]:
    before = os.umask(0o000)
    yield
    os.umask(before)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A second process that holds the state directory until it dies."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "state")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- our own interpreter and text
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.usefixtures("strange_umask")
async def test_directory_and_files_are_private_whatever_the_umask(tmp_path: Path, entry: Callable[..., Entry]) -> None:
    with opened(tmp_path / "deep" / "state") as state:
        async with SqliteJournal.opened(state.journal) as journal:
            await journal.append([entry("web", 1)])
            modes = {path.name: mode(path) for path in state.path.iterdir()}
    assert mode(tmp_path / "deep" / "state") == 0o700
    assert modes == dict.fromkeys(("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "lock"), 0o600)


def test_a_narrow_umask_does_not_lock_us_out(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        with opened(tmp_path / "state") as state:
            assert mode(state.path) == 0o700
            assert mode(state.path / "lock") == 0o600
    finally:
        os.umask(before)


@pytest.mark.parametrize("open_mode", [0o755, 0o710, 0o701, 0o770])
def test_a_directory_open_to_others_is_refused_with_the_way_out(tmp_path: Path, open_mode: int) -> None:
    tmp_path.chmod(open_mode)
    with pytest.raises(StateUnusable, match=f"mode {open_mode:04o}.*chmod 0700 {tmp_path}"):
        opened(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_journal_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch(0o644)
    with pytest.raises(StateUnusable, match=r"journal\.sqlite is open to other users .*chmod 0600"):
        opened(tmp_path)


def test_a_journal_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(0o700)
    (tmp_path / "state" / "journal.sqlite").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateUnusable, match="is a symbolic link"):
        opened(tmp_path / "state")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(0o700)
    os.chown(tmp_path / "state", 12345, 12345)
    with pytest.raises(StateUnusable, match="belongs to user 12345 and not to us"):
        opened(tmp_path / "state")


def test_a_link_is_followed_and_the_rules_are_asked_of_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to("real")
    with opened(tmp_path / "link") as state:
        assert state.path == tmp_path / "real"
        with pytest.raises(StateInUse):
            opened(tmp_path / "real")
    (tmp_path / "real").chmod(0o755)
    with pytest.raises(StateUnusable, match="chmod 0700"):
        opened(tmp_path / "link")


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch(0o600)
    with pytest.raises(StateUnusable, match="is not a directory"):
        opened(tmp_path / "state")
    with pytest.raises(StateUnusable, match="cannot be used: File exists"):
        opened(tmp_path / "state" / "below")


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused_before_anything_is_made(tmp_path: Path, kind: str) -> None:
    with pytest.raises(StateUnusable, match=f"network file system .{kind} at {tmp_path}.*local disk"):
        opened(tmp_path / "state", Mount(PurePosixPath("/"), "ext4"), Mount(PurePosixPath(tmp_path), kind))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["ext4", "tmpfs", "overlay", "fuse.portal", "a-kind-of-tomorrow"])
def test_a_kind_not_known_to_be_a_network_is_taken(tmp_path: Path, kind: str) -> None:
    opened(tmp_path / "state", Mount(PurePosixPath("/"), kind)).close()


def test_j6_a_second_engine_is_refused_and_told_who_holds_the_state(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(StateInUse) as refusal:
        opened(tmp_path / "state")
    assert refusal.value.exit_code == 75
    assert f"in use by process {holder.pid} on " in str(refusal.value)
    assert "since 1970-01-01T00:00:00+00:00: rollout daemon" in str(refusal.value)


def test_j6_the_lock_dies_with_its_process(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with opened(tmp_path / "state") as state:
        assert "rollout run" in (state.path / "lock").read_text()


def test_the_lock_is_let_go_at_the_end_of_the_block_and_only_once(tmp_path: Path) -> None:
    with opened(tmp_path / "state") as state:
        with pytest.raises(StateInUse):
            opened(tmp_path / "state")
        state.close()
    opened(tmp_path / "state").close()


def test_an_engine_that_has_not_written_its_name_yet_still_holds_the_lock(tmp_path: Path) -> None:
    with opened(tmp_path / "state") as state:
        os.truncate(state.path / "lock", 0)
        with pytest.raises(StateInUse, match="in use by another engine"):
            opened(tmp_path / "state")
