"""S7 on a real disk: what was acknowledged before `kill -9` is there afterwards."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from rollout.core.names import StreamName
from rollout.journal.sqlite import SqliteJournal

KILLS = 30 if os.environ.get("ROLLOUT_LONG") else 3
ACKNOWLEDGED_BEFORE_KILL = 400

WRITERS = """
import asyncio, os, sys
from pathlib import Path
from rollout.core.event import Entry, Succeeded
from rollout.core.names import Now, StreamName
from rollout.journal.sqlite import SqliteJournal

async def write(journal, stream):
    version = 0
    while True:
        version += 1
        await journal.append([Entry(stream, version, Now(version, 0.0), "engine", Succeeded(version))])
        os.write(1, f"{stream} {version}\\n".encode())

async def main():
    async with SqliteJournal.opened(Path(sys.argv[1])) as journal, asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(write(journal, StreamName(f"r/{number}#{journal.incarnation}")))

asyncio.run(main())
"""


def write_until_killed(path: Path, lines_min: int) -> list[tuple[StreamName, int]]:
    """Let fifty writers run, kill their process while they write, and give every append it had acknowledged."""
    command = [sys.executable, "-c", WRITERS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- our own interpreter and text
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(lines_min)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    complete = [line.split() for line in lines if line.endswith("\n")]
    return [(StreamName(stream), int(version)) for stream, version in complete]


async def test_no_acknowledged_append_is_lost_by_kill_9(path: Path) -> None:
    acknowledged: list[tuple[StreamName, int]] = []
    for kill in range(KILLS):
        acknowledged += write_until_killed(path, ACKNOWLEDGED_BEFORE_KILL + 37 * kill)
    async with SqliteJournal.opened(path) as journal:
        assert journal.incarnation == KILLS + 1
        known = {row.stream: row.version for row in await journal.streams()}
        lost = [(stream, version) for stream, version in acknowledged if known[stream] < version]
        assert len(acknowledged) >= KILLS * ACKNOWLEDGED_BEFORE_KILL
        assert lost == []
        assert await journal.verify() == sum(known.values())
