"""Waves: four of them with 3 % failing domains, over HTTP and in virtual time; they have to end as the policy says."""

from typing import Final

from bench.child import measured
from bench.fleet import GATE_MS, SMOKE_GATE_MS, SMOKE_SCALE, TIME_SCALE, emulated
from bench.load import BUILT
from bench.report import Column, Report, Row
from bench.setting import SMOKE, Setting

TITLE: Final = "Waves: four of them, 3 % of domains fail to be walked"
COLUMNS: Final = [
    Column("services", "services"),
    Column("succeeded", "succeeded"),
    Column("failed", "rolled back"),
    Column("cpu_s", "engine CPU", "s", better="less"),
    Column("rss", "peak RSS", "MB", 1e-6, "less"),
    Column("grown", "grown by", "MB", 1e-6, "less"),
    Column("seconds", "took", "s"),
    Column("virtual_h", "virtual time", "h"),
]
SERVICES: Final = 1_000
VIRTUAL_GATE: Final = "2m"


def run(setting: Setting, report: Report) -> None:
    """Measure one fleet that goes on to its end and one that halts, over HTTP, and the first again in virtual time."""
    BUILT.mkdir(exist_ok=True)
    smoke = setting.size is SMOKE
    services = setting.size.scaled(SERVICES, least=40)
    time_scale, gate_ms = (SMOKE_SCALE, SMOKE_GATE_MS) if smoke else (TIME_SCALE, GATE_MS)
    report.notes.append(
        f"over HTTP the emulated service is {time_scale:g} times faster than recorded, and never throttles"
    )
    rows = (
        ("over HTTP", "failures are tolerated: all others end well", False),
        ("over HTTP, nothing tolerated", "halts with the first failure; what is in flight goes on to its gate", True),
    )
    setting.steps.expect(len(rows) + 1)
    for name, remark, halts in rows:
        row = Row(name, remark)
        setting.steps.begin(name)
        with emulated(setting, services, time_scale) as (url, _):
            order = {
                "services": services,
                "folder": str(BUILT),
                "endpoint": url,
                "gate": f"{gate_ms}ms",
                "halts": halts,
            }
            row.readings.append(measured(setting.cores, "bench.clients.waves", order))
        report.rows.append(row)
        setting.steps.done()
    row = Row("in virtual time", "direct lane; engine, journal in memory and emulated fleet in one process")
    setting.steps.begin(row.name)
    order = {"services": services, "folder": str(BUILT), "endpoint": "", "gate": VIRTUAL_GATE}
    row.readings.append(measured(setting.cores, "bench.clients.waves", order))
    report.rows.append(row)
    setting.steps.done()
