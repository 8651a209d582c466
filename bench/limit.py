"""The limits: what the load server can do at all, and what wrk, which reads no body, takes for a request.

The ceiling is measured first. Whatever comes within a fifth of it says more about the server than about the client.
"""

import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from bench.child import Reading, measured
from bench.ids import NEVER_NS, operation_id, status_path
from bench.load import LoadServer, load_server
from bench.report import Column, Report, Row
from bench.setting import Setting
from bench.skipped import Skipped
from bench.usage import cpu_s

Measure = Callable[[], Reading]

TITLE: Final = "Limits: requests per second of the load server and of wrk, which reads no bodies"
COLUMNS: Final = [
    Column("polls_per_s", "requests/s", better="more"),
    Column("us_per_poll", "client CPU/request", "µs", better="less"),
    Column("server_busy", "server busy", "%", 100.0),
    Column("ceiling_per_s", "server's ceiling/s"),
]
NEAR_CEILING: Final = 0.8
"""Of the server's core; over it the server is what was measured."""
_DEPTHS: Final = (1, 16)
CONNECTIONS: Final = 64
_TOTAL: Final = re.compile(r"^\s*(\d+) requests in ([\d.]+)(ms|s|m)", re.MULTILINE)
_SECONDS: Final = {"ms": 1e-3, "s": 1.0, "m": 60.0}
_SCRIPT: Final = """\
init = function(arguments)
  local one = wrk.format("GET")
  many = string.rep(one, {depth})
end
request = function() return many end
"""


def run(setting: Setting, report: Report) -> None:
    """Measure wrk at each depth, and the flood that only counts."""
    setting.steps.expect(setting.size.repetitions * (len(_DEPTHS) + 1))
    with load_server(setting.cores, native=setting.native) as server:
        flood = Row("flood", "bytes counted, no framing: a limit, not a client")
        rows = {depth: Row(f"wrk, depth {depth}" if depth == 1 else f"wrk, pipelined x{depth}") for depth in _DEPTHS}
        report.rows += [*rows.values(), flood]
        report.notes.append(f"load server in {server.made_of}; its ceiling is requests by CPU second of its own core")
        for _ in range(setting.size.repetitions):
            for depth, row in rows.items():
                setting.steps.begin(row.name)
                if row.skipped is None:
                    try:
                        row.readings.append(watched(server, partial(wrk, setting, server, depth)))
                    except Skipped as reason:
                        row.skipped = str(reason)
                setting.steps.done()
            setting.steps.begin(flood.name)
            flood.readings.append(watched(server, partial(_flood, setting, server)))
            setting.steps.done()
    mark(report)


def _flood(setting: Setting, server: LoadServer) -> Reading:
    order = {"url": server.url, "in_flight": 4, "depth": 64, **window(setting)}
    return measured(setting.cores, "bench.clients.flood", order)


def window(setting: Setting) -> dict[str, float]:
    """Give the lengths of a closed loop as an order names them."""
    return {"warm_s": setting.size.warm_s, "window_s": setting.size.window_s}


def watched(server: LoadServer, measure: Measure) -> Reading:
    """Measure, and add how busy the server was and what it could do at this kind of request."""
    before, began_s = server.statistics(), time.monotonic()
    reading = measure()
    after, ended_s = server.statistics(), time.monotonic()
    requests, used_s = after.requests - before.requests, after.cpu_s - before.cpu_s
    ceiling = requests / used_s if used_s else 0.0
    rate = reading.get("polls_per_s", requests / (ended_s - began_s))
    return reading | {"ceiling_per_s": ceiling, "server_busy": rate / ceiling if ceiling else 0.0, "served": requests}


def mark(report: Report) -> None:
    """Mark the rows of which the server was the limit."""
    for row in report.rows:
        busy = row.figure("server_busy")
        if busy is not None and busy.median >= NEAR_CEILING:
            row.notes.append("within 20 % of the server's ceiling: the server was measured")


def wrk(setting: Setting, server: LoadServer, depth: int) -> Reading:
    """Run wrk on the client's core, in the terms of a closed loop. Raises Skipped where it is not installed."""
    program = shutil.which("wrk")
    if program is None:
        raise Skipped("wrk is not installed: apt-get install wrk")
    seconds = max(1, round(setting.size.window_s))
    url = server.url + status_path(operation_id(NEVER_NS, 1))
    with tempfile.TemporaryDirectory(prefix="bench-wrk-") as folder:
        script = Path(folder) / "pipelined.lua"
        script.write_text(_SCRIPT.format(depth=depth), encoding="utf-8")
        command = [program, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
        before_s = cpu_s(resource.RUSAGE_CHILDREN)
        done = subprocess.run(  # noqa: S603 - found on this machine, our own words
            setting.cores.on_client(command), capture_output=True, text=True, check=True, timeout=seconds + 60
        )
        used_s = cpu_s(resource.RUSAGE_CHILDREN) - before_s
    said = _TOTAL.search(done.stdout)
    if said is None:
        raise RuntimeError(f"wrk said nothing of its requests: {done.stdout!r}")
    requests, took_s = int(said[1]), float(said[2]) * _SECONDS[said[3]]
    return {
        "polls": requests,
        "bad": 0.0,
        "polls_per_s": requests / took_s,
        "polls_per_cpu_s": requests / used_s,
        "us_per_poll": 1e6 * used_s / requests,
    }
