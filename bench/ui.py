"""The dashboard: frame times in chromium while a thousand services change, and how far the page is behind the stream.

The page is the daemon's own, under its own policy; the fleet is make-believe, so that nothing else takes the machine.
"""

from typing import Final

from bench.child import measured
from bench.report import Column, Report, Row
from bench.setting import SMOKE, Setting
from bench.skipped import Skipped

TITLE: Final = "The dashboard under load: chromium without a GPU, on the cores that serve it"
COLUMNS: Final = [
    Column("frame_p50_s", "frame p50", "ms", 1e3, "less"),
    Column("frame_p95_s", "frame p95", "ms", 1e3, "less"),
    Column("frame_worst_s", "worst", "ms", 1e3, "less"),
    Column("frames", "frames"),
    Column("long_tasks", "tasks > 50 ms", better="less"),
    Column("changes_per_s", "changes/s"),
    Column("behind_s", "behind", "ms", 1e3, "less"),
    Column("busy", "main thread busy", "%", 100.0, "less"),
    Column("script", "of it script", "%", 100.0, "less"),
]
SERVICES: Final = 1_000
PER_S: Final = 1_800.0
WINDOW_S: Final = 8.0
WARM_S: Final = 2.0
SMOKE_WINDOW_S: Final = 0.3
LOADED: Final = "1,000 x 5, 1,800/s"
ROWS: Final = {
    "1,000 x 5, nothing changes": (5, 0.0),
    LOADED: (5, PER_S),
    "1,000 x 20, 1,800/s": (20, PER_S),
}
REPETITIONS_MAX: Final = 3


def run(setting: Setting, report: Report) -> None:
    """Measure each row in a browser of its own, interleaved."""
    smoke = setting.size is SMOKE
    services = setting.size.scaled(SERVICES, least=4)
    rows = {name: Row(name) for name in ROWS}
    report.rows += rows.values()
    report.notes.append(
        f"{services:,} services; a frame is the time between two animation frames of the page, 16.7 ms at best; "
        "behind is how old the newest change is that the page shows; drawing is by software"
    )
    repetitions = min(setting.size.repetitions, REPETITIONS_MAX)
    setting.steps.expect(repetitions * len(rows))
    for _ in range(repetitions):
        for name, (domains, per_s) in ROWS.items():
            setting.steps.begin(f"ui: {name}")
            order = {
                "services": services,
                "domains": domains,
                "per_s": per_s,
                "warm_s": 0.1 if smoke else WARM_S,
                "window_s": SMOKE_WINDOW_S if smoke else WINDOW_S,
            }
            try:
                rows[name].readings.append(measured(setting.cores, "bench.clients.ui_page", order))
            except Skipped as reason:
                rows[name].skipped = str(reason)
            setting.steps.done()
