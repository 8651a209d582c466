"""Recovery: an engine is killed with `kill -9` while every service is in the middle of a walk; the next one takes over.

Counted from the start of the second life, its imports apart, until each service in flight has been asked about once.
No answer was lost in this kill, so no quarantine is in it; one lost answer adds its own four request timeouts.
"""

import shutil
import signal
import tempfile
from pathlib import Path
from typing import Final

from bench.child import Killed, measured
from bench.load import BUILT
from bench.report import Column, Report, Row
from bench.setting import SMOKE, Setting

TITLE: Final = "Recovery: time to a full round after kill -9"
COLUMNS: Final = [
    Column("services", "in flight"),
    Column("folded_s", "journal folded after", "s", better="less"),
    Column("first_s", "first answer after", "s", better="less"),
    Column("round_s", "full round after", "s", better="less"),
    Column("cpu_s", "CPU", "s", better="less"),
    Column("rss", "peak RSS", "MB", 1e-6, "less"),
]
SERVICES: Final = (1_000, 10_000)


def run(setting: Setting, report: Report) -> None:
    """Kill once for each size, and recover from copies of what was left."""
    BUILT.mkdir(exist_ok=True)
    repetitions = min(setting.size.repetitions, 3)
    counts = SERVICES if setting.size is not SMOKE else SERVICES[:1]
    setting.steps.expect(len(counts) * (1 + repetitions))
    for count in counts:
        services = setting.size.scaled(count, least=4)
        row = Row(f"{services:,} in flight", "direct lane; no lost answer, so no quarantine")
        report.rows.append(row)
        with tempfile.TemporaryDirectory(prefix="bench-recover-", dir=BUILT) as folder:
            left = Path(folder) / "left"
            left.mkdir()
            setting.steps.begin(f"recover: bringing {services:,} services into flight")
            _kill_in_flight(setting, services, left)
            setting.steps.done()
            for repetition in range(repetitions):
                setting.steps.begin(row.name)
                copy = Path(folder) / f"copy-{repetition}"
                shutil.copytree(left, copy)
                order = {"services": services, "folder": str(copy)}
                row.readings.append(measured(setting.cores, "bench.clients.second_life", order))
                setting.steps.done()


def _kill_in_flight(setting: Setting, services: int, folder: Path) -> None:
    order = {"services": services, "folder": str(folder)}
    try:
        measured(setting.cores, "bench.clients.first_life", order)
    except Killed as death:
        if death.signal != signal.SIGKILL:
            raise
    else:
        raise RuntimeError("the first life ended by itself")
