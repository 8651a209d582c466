"""The journal: durable entries per second (synchronous=FULL, WAL), by how many wait at once and share a commit."""

from pathlib import Path, PurePosixPath
from typing import Final

from bench.child import measured
from bench.limit import window
from bench.load import BUILT
from bench.report import Column, Report, Row, interleaved
from bench.setting import Setting
from rollout.journal.mounts import mount_of, read_mounts

TITLE: Final = "Journal: durable appends per second, by writers that share a commit"
COLUMNS: Final = [
    Column("entries_per_s", "entries/s", better="more"),
    Column("us_per_entry", "CPU/entry", "µs", better="less"),
    Column("wait_p50_s", "durable after p50", "ms", 1e3, "less"),
    Column("wait_p99_s", "p99", "ms", 1e3, "less"),
]
WRITERS: Final = (1, 8, 64, 512)
WRITERS_CLIENT: Final = "bench.clients.writers"


def run(setting: Setting, report: Report) -> None:
    """Measure each number of writers, in turns."""
    BUILT.mkdir(exist_ok=True)
    rows = {f"{writers} at once": (writers, Row(f"{writers} at once")) for writers in WRITERS}
    report.rows += [row for _, row in rows.values()]
    report.notes.append(f"disk: {_kind(BUILT)}; what a sync costs is the disk's and its neighbours' doing")
    setting.steps.expect(len(rows) * setting.size.repetitions)
    for name in interleaved(list(rows), setting.size.repetitions):
        writers, row = rows[name]
        setting.steps.begin(f"journal, {name}")
        order = {"folder": str(BUILT), "writers": writers, **window(setting)}
        row.readings.append(measured(setting.cores, WRITERS_CLIENT, order))
        setting.steps.done()


def _kind(folder: Path) -> str:
    mount = mount_of(PurePosixPath(folder.resolve()), read_mounts())
    return "unknown" if mount is None else mount.kind
