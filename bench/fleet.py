"""Fleets: whole rollouts at once, one service each, five domains, in one process: CPU and memory for each service.

Rows over HTTP stop at 1,000 services: the emulator, a Python server, is their limit. Larger fleets run on the direct
lane, where the emulated service is called without a byte in between and shares the engine's process.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.child import Reading, measured
from bench.load import BUILT, END_S_MAX
from bench.report import Column, Report, Row
from bench.setting import SMOKE, Setting
from bench.usage import process_cpu_s

TITLE: Final = "Fleets: whole rollouts of five domains in one process"
COLUMNS: Final = [
    Column("services", "services"),
    Column("services_per_s", "services/s", better="more"),
    Column("cpu_ms_per_service", "CPU/service", "ms", better="less"),
    Column("bytes_per_service", "memory/service", "kB", 1e-3, "less"),
    Column("rss", "peak RSS", "MB", 1e-6, "less"),
    Column("entries_per_service", "entries/service"),
    Column("seconds", "took", "s"),
    Column("emulator_busy", "emulator busy", "%", 100.0),
]
DIRECT: Final = (1_000, 10_000)
HTTP: Final = (100, 1_000)
TIME_SCALE: Final = 1_000.0
"""A recorded walk takes nine minutes; here half a second."""
GATE_MS: Final = 500
SMOKE_SCALE: Final = 20_000.0
SMOKE_GATE_MS: Final = 20


def run(setting: Setting, report: Report) -> None:
    """Measure fleets on the direct lane and over HTTP."""
    BUILT.mkdir(exist_ok=True)
    direct, http = (DIRECT, HTTP) if setting.size is not SMOKE else (DIRECT[:1], HTTP[:1])
    setting.steps.expect(len(direct) + len(http))
    report.notes.append(f"emulated services {TIME_SCALE:g} times faster than recorded; all of a fleet at once")
    time_scale, gate_ms = (TIME_SCALE, GATE_MS) if setting.size is not SMOKE else (SMOKE_SCALE, SMOKE_GATE_MS)
    for count in direct:
        services = setting.size.scaled(count, least=4)
        row = Row(f"direct lane, {services:,}", "the emulated service's CPU is in it, its memory is not")
        setting.steps.begin(row.name)
        order = {"services": services, "folder": str(BUILT), "time_scale": time_scale, "gate_ms": gate_ms}
        row.readings.append(measured(setting.cores, "bench.clients.direct_fleet", order))
        report.rows.append(row)
        setting.steps.done()
    for count in http:
        services = setting.size.scaled(count, least=4)
        row = Row(f"over HTTP, {services:,}", "against `rollout emulator` on the other core")
        setting.steps.begin(row.name)
        row.readings.append(_over_http(setting, services, time_scale, gate_ms))
        report.rows.append(row)
        setting.steps.done()


def _over_http(setting: Setting, services: int, time_scale: float, gate_ms: int) -> Reading:
    with emulated(setting, services, time_scale) as (url, process):
        before_s, began_s = process_cpu_s(process.pid), time.monotonic()
        order = {"services": services, "folder": str(BUILT), "endpoint": url, "gate_ms": gate_ms}
        reading = measured(setting.cores, "bench.clients.http_fleet", order)
        busy = (process_cpu_s(process.pid) - before_s) / (time.monotonic() - began_s)
        return reading | {"emulator_busy": busy}


@contextlib.contextmanager
def emulated(setting: Setting, services: int, time_scale: float) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run `rollout emulator` on the server's core for the time of a block, and give its URL and process."""
    options = ["--port", "0", "--services", str(services), "--time-scale", f"{time_scale:g}"]
    command = setting.cores.on_server([str(Path(sys.executable).with_name("rollout")), "emulator", *options])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - our own
        try:
            said = process.stdout.readline() if process.stdout else ""
            if not said.startswith("listening on "):
                raise RuntimeError(f"the emulator did not start: it said {said!r}")
            yield said.removeprefix("listening on ").strip(), process
        finally:
            process.terminate()
            process.wait(END_S_MAX)
