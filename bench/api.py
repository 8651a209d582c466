"""The API: GET /v1/rollouts with a whole fleet in flight, by wrk, and how late polls are with it and without.

The daemon is one process with its own journal on disk, the emulator another one. The rate limits of tokens are lifted.
"""

import shutil
from typing import Final

from bench.child import measured
from bench.fleet import emulated
from bench.load import BUILT
from bench.report import Column, Report, Row
from bench.setting import SMOKE, Setting
from bench.skipped import Skipped

TITLE: Final = "The API beside the engine: GET /v1/rollouts while a fleet is in flight"
COLUMNS: Final = [
    Column("in_flight", "in flight"),
    Column("requests_per_s", "requests/s", better="more"),
    Column("p50_s", "p50", "ms", 1e3, "less"),
    Column("p99_s", "p99", "ms", 1e3, "less"),
    Column("wrong", "not 200", better="less"),
    Column("late_p50_s", "poll lag p50", "ms", 1e3, "less"),
    Column("late_p99_s", "poll lag p99", "ms", 1e3, "less"),
    Column("polls_per_s", "polls/s"),
    Column("cpu_share", "daemon busy", "%", 100.0),
]
SERVICES: Final = 1_000
TIME_SCALE: Final = 60.0
"""A recorded walk takes nine minutes; here nine seconds: the fleet stays in flight, and each window has whole walks."""
WINDOW_S: Final = 10.0
SMOKE_WINDOW_S: Final = 0.5
ROWS: Final = {"nobody asks": 0, "wrk, 1 connection": 1, "wrk, 8 connections": 8}


def run(setting: Setting, report: Report) -> None:
    """Measure the three rows in one life of one daemon."""
    BUILT.mkdir(exist_ok=True)
    services = setting.size.scaled(SERVICES, least=4)
    rows = {connections: Row(name) for name, connections in ROWS.items()}
    report.rows += rows.values()
    report.notes.append(
        f"{services:,} services walk at {TIME_SCALE:g} times the recorded pace; poll lag is how late the question is "
        "that has waited longest, looked at every 20 ms; wrk runs on the emulator's core"
    )
    if (wrk := shutil.which("wrk")) is None:
        for row in rows.values():
            row.skipped = "install wrk (apt-get install wrk)"
        return
    setting.steps.expect(1)
    setting.steps.begin(TITLE)
    window_s = SMOKE_WINDOW_S if setting.size is SMOKE else WINDOW_S
    with emulated(setting, services, TIME_SCALE) as (url, _):
        order = {
            "services": services,
            "folder": str(BUILT),
            "endpoint": url,
            "window_s": window_s,
            "wrk": setting.cores.on_server([wrk]),
            "connections": list(rows),
        }
        try:
            reading = measured(setting.cores, "bench.clients.api_daemon", order)
        except Skipped as reason:
            for row in rows.values():
                row.skipped = str(reason)
            return
    for connections, row in rows.items():
        prefix = f"{connections}:"
        row.readings.append({k.removeprefix(prefix): v for k, v in reading.items() if k.startswith(prefix)})
    setting.steps.done()
