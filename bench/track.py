"""Tracking: N operations, each polled once in P seconds on a timetable that never slips; how late, and for how much.

A client holds N when its 99th percentile of lateness stays below a tenth of P and at least 97 % of the polls due for
operations still in flight were made. Lateness is counted from the instant the poll was due to the reply processed.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.child import Reading, measured
from bench.limit import mark, watched
from bench.load import Certificates, Knobs, LoadServer, certificates_in, load_server
from bench.report import Column, Report, Row
from bench.search import largest
from bench.setting import SMOKE, Setting
from bench.skipped import Skipped

TITLE: Final = "Tracking: operations followed in time (open loop)"
COLUMNS: Final = [
    Column("operations", "N", better="more"),
    Column("period_s", "P", "s"),
    Column("held", "held"),
    Column("late_p50_s", "late p50", "ms", 1e3, "less"),
    Column("late_p99_s", "late p99", "ms", 1e3, "less"),
    Column("detection_p99_s", "told p99", "s", better="less"),
    Column("made_share", "made", "%", 100.0),
    Column("untold", "untold", better="less"),
    Column("bytes_per_op", "bytes/op", better="less"),
    Column("peak_bytes_per_op", "at the peak", better="less"),
    Column("cpu_share", "CPU", "%", 100.0, "less"),
    Column("us_per_poll", "CPU/poll", "µs", better="less"),
    Column("server_busy", "server busy", "%", 100.0),
    Column("missed_at", "missed at"),
]
TRACKED: Final = "bench.clients.tracked"
SEARCHED: Final = "largest N at 1 s: "
BY_COUNT: Final = "CPU by N: "


class Case(msgspec.Struct, frozen=True):
    """One client on one timetable. `operations` is where a search begins, where one is made."""

    name: str
    operations: int
    module: str = TRACKED
    period_s: float = 1.0
    in_flight: int = 64
    depth: int = 1
    loop: str = "uvloop"
    parser: str = "aiohttp"
    mutual_tls: bool = False
    delay_ms: float = 0.0
    faults: float = 0.0
    """The share of each of 503, 307, half an answer and a reset connection."""
    ending_share: float = 0.1
    listed_in: int = 0
    """Found by listing, in so many subscriptions; 0 = each operation asked about by itself."""
    periods: int = 0
    """0 = as many as the size says."""
    repetitions: int = 1
    remark: str = ""

    def order(self, server: LoadServer, setting: Setting, operations: int) -> dict[str, Any]:
        """Give the order for so many operations."""
        order = {
            "url": server.url,
            "in_flight": self.in_flight,
            "depth": self.depth,
            "loop": self.loop,
            "parser": self.parser,
            "operations": operations,
            "period_s": self.shown_period_s(setting),
            "periods": self.periods or setting.size.periods,
            "ending_share": self.ending_share,
            "listed_in": self.listed_in if setting.size is not SMOKE else min(self.listed_in, 1),
        }
        return order if server.certificates is None else order | {"certificates": server.certificates}

    def shown_period_s(self, setting: Setting) -> float:
        """Give the period; a sweep of fewer operations is as much faster, so that its pages come at the same rate."""
        if setting.size is SMOKE:
            return SMOKE_PERIOD_S
        return self.period_s * setting.size.scale if self.listed_in else self.period_s


DEPTH_1: Final = Case("depth 1, httptools", 50_000, in_flight=512, parser="httptools", repetitions=3)
PIPELINED: Final = Case(
    "pipelined x16, httptools",
    100_000,
    in_flight=1_024,
    depth=16,
    parser="httptools",
    repetitions=3,
    remark="presumes an endpoint that says it pipelines",
)
GOALS: Final = (
    DEPTH_1,
    msgspec.structs.replace(
        DEPTH_1, name="depth 1, aiohttp's parser", parser="aiohttp", operations=30_000, repetitions=1
    ),
    Case("depth 1, asyncio", 20_000, loop="asyncio"),
    Case("depth 1, mutual TLS", 20_000, mutual_tls=True),
    Case("depth 1, 20 ms to the server", 2_000, delay_ms=20.0, remark="48 of 64 lanes / 20 ms = 2,400 polls/s"),
    Case(
        "depth 1, 1 % each of 503, 307, cut and reset; all end",
        100_000,
        period_s=20.0,
        periods=2,
        faults=0.01,
        ending_share=1.0,
    ),
    PIPELINED,
    msgspec.structs.replace(PIPELINED, name="pipelined x16, aiohttp's parser", parser="aiohttp", repetitions=1),
    Case(
        "by listing, 100 a page",
        1_000_000,
        period_s=30.0,
        listed_in=64,
        periods=2,
        remark="64 subscriptions; after a page is shown it is due again in a period; two periods only",
    ),
    msgspec.structs.replace(
        PIPELINED, name=f"{PIPELINED.name}, a million", operations=1_000_000, period_s=5.0, repetitions=1
    ),
)
PEERS: Final = (
    Case("official SDK, threads", 256, "bench.clients.sdk", loop="asyncio", remark="late against its own sleep"),
    Case(
        "azure-core AsyncLROPoller",
        512,
        "bench.clients.azure_poller",
        loop="asyncio",
        remark="late against its own sleep",
    ),
    Case("plain aiohttp, a task each, uvloop", 2_000, "bench.clients.plain"),
    Case("tuned aiohttp, one heap, uvloop", 4_000, "bench.clients.tuned"),
    Case("ours, depth 1, uvloop", 32_000, in_flight=512),
    msgspec.structs.replace(DEPTH_1, name="ours, depth 1, uvloop, httptools", repetitions=1),
)
SEARCH_MAX: Final = 400_000
SMOKE_PERIOD_S: Final = 0.2
COUNTS: Final = (1_000, 3_000, 10_000, 30_000, 100_000)
"""For the plot of cost by N."""


def run(setting: Setting, report: Report) -> None:
    """Measure the goals, the cost by N, and each client's largest N."""
    counts = COUNTS if setting.size is not SMOKE else COUNTS[:1]
    by_count = [
        msgspec.structs.replace(PIPELINED, name=f"{BY_COUNT}{PIPELINED.name}", operations=count, repetitions=1)
        for count in counts
    ]
    setting.steps.expect(len(GOALS) + len(by_count) + len(PEERS))
    report.notes.append("all operations arrive at once; a tenth of them ends within the window")
    report.notes.append("told p99: from an operation's end to its waiter; the fixed period itself costs up to P")
    report.notes.append(
        "untold: endings that no waiter had heard of 15 s after the measurement; twice told fails the run"
    )
    report.notes.append("ours: the loaded set is frozen for the collector (gc.freeze)")
    for case in GOALS:
        report.rows.append(_fixed(setting, case, setting.size.scaled(case.operations, least=20)))
        setting.steps.done()
    for case in by_count:
        report.rows.append(_fixed(setting, case, case.operations if setting.size is not SMOKE else 20))
        setting.steps.done()
    for case in PEERS:
        report.rows.append(_searched(setting, case))
        setting.steps.done()
    mark(report)


def _fixed(setting: Setting, case: Case, operations: int) -> Row:
    """Measure one count."""
    row = Row(f"{case.name}: {operations:,} at {case.shown_period_s(setting):g} s", case.remark)
    try:
        with _server(setting, case) as server:
            for _ in range(min(case.repetitions, setting.size.repetitions)):
                setting.steps.begin(row.name)
                row.readings.append(_measured(setting, server, case, operations))
    except Skipped as reason:
        row.skipped = str(reason)
    return row


def _searched(setting: Setting, case: Case) -> Row:
    """Look for the largest count that is held."""
    row = Row(SEARCHED + case.name, case.remark)
    tried: dict[int, Reading] = {}
    with _server(setting, case) as server:

        def holds(operations: int) -> bool:
            setting.steps.begin(f"{case.name}: {operations:,}")
            tried[operations] = _measured(setting, server, case, operations)
            return bool(tried[operations]["held"])

        try:
            if setting.size is SMOKE:
                holds(setting.size.scaled(case.operations, least=20))
                row.readings.extend(tried.values())
                return row
            found = largest(holds, case.operations, SEARCH_MAX, precision=setting.size.precision)
        except Skipped as reason:
            row.skipped = str(reason)
            return row
    if found.held:
        missed = {} if found.missed is None else {"missed_at": float(found.missed)}
        row.readings.append(tried[found.held] | missed)
    else:
        row.notes.append(f"not even {found.missed}")
    return row


def _measured(setting: Setting, server: LoadServer, case: Case, operations: int) -> Reading:
    order = case.order(server, setting, operations)
    return watched(server, lambda: measured(setting.cores, case.module, order))


@contextlib.contextmanager
def _server(setting: Setting, case: Case) -> Iterator[LoadServer]:
    with contextlib.ExitStack() as stack:
        certificates: Certificates | None = None
        if case.mutual_tls:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-tls-"))
            certificates = certificates_in(Path(folder))
        share = case.faults
        knobs = Knobs(delay_ms=case.delay_ms, refuse=share, redirect=share, cut=share, reset=share)
        yield stack.enter_context(load_server(setting.cores, knobs, certificates=certificates, native=setting.native))
