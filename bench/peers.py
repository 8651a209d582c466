"""Peers side by side: polls per CPU second of one core, each client at its own best concurrency, in one run.

Closed loop, one operation's status at a time; InProgress throughout, as nearly all polls of a real operation are.
"""

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.child import ChildFailed, Reading, measured
from bench.limit import CONNECTIONS, mark, watched, window, wrk
from bench.load import LoadServer, certificates_in, load_server
from bench.report import Column, Report, Row, interleaved
from bench.setting import FULL, Setting
from bench.skipped import Skipped

TITLE: Final = "Peers: polls per CPU second of one core (closed loop)"
COLUMNS: Final = [
    Column("polls_per_cpu_s", "polls/CPU s", better="more"),
    Column("us_per_poll", "CPU/poll", "µs", better="less"),
    Column("of_plain", "x plain aiohttp, same loop", better="more"),
    Column("of_sdk", "x SDK", better="more"),
    Column("of_wrk", "CPU x wrk, same depth", better="less"),
    Column("in_flight", "in flight"),
    Column("server_busy", "server busy", "%", 100.0),
]
PIPELINED: Final = 16
"""Questions in a row on one connection."""
GOOD_SHARE_MIN: Final = 0.999
SDK: Final = "official SDK, threads"
PLAIN: Final = {"asyncio": "plain aiohttp, asyncio", "uvloop": "plain aiohttp, uvloop"}
OURS: Final = "bench.clients.ours"
WRK: Final = {1: "wrk, depth 1", PIPELINED: f"wrk, pipelined x{PIPELINED}"}


class Peer(msgspec.Struct, frozen=True):
    """One client as it is measured: by a module or, without one, by wrk."""

    name: str
    module: str
    in_flight: tuple[int, ...]
    """What it may choose from, the usual best one last."""
    loop: str = "asyncio"
    parser: str = "aiohttp"
    depth: int = 1
    remark: str = ""
    mutual_tls: bool = False

    def order(self, server: LoadServer, in_flight: int, setting: Setting) -> dict[str, Any]:
        """Give the order for one repetition."""
        words = {"loop": self.loop, "parser": self.parser, "depth": self.depth}
        order = {"url": server.url, "in_flight": in_flight, **words, **window(setting)}
        return order if server.certificates is None else order | {"certificates": server.certificates}


_PRESUMES: Final = "presumes an endpoint that says it pipelines"
_NO_BODIES: Final = "reads no bodies, so it makes no good polls: a limit, not a client"
_BYTES: Final = "searches bytes"
PEERS: Final = (
    Peer(SDK, "bench.clients.sdk", (1, 4, 8), remark="reads no id: its parser looks for <Id>"),
    Peer("azure-core AsyncLROPoller", "bench.clients.azure_poller", (4, 64, 16)),
    Peer("httpx", "bench.clients.httpx_client", (1, 16, 4)),
    Peer(PLAIN["asyncio"], "bench.clients.plain", (4, 64, 16)),
    Peer(PLAIN["uvloop"], "bench.clients.plain", (4, 64, 16), loop="uvloop"),
    Peer("tuned aiohttp, asyncio", "bench.clients.tuned", (16, 64), remark=_BYTES),
    Peer("tuned aiohttp, uvloop", "bench.clients.tuned", (16, 64), loop="uvloop", remark=_BYTES),
    Peer("ours, depth 1, asyncio", OURS, (16, 64)),
    Peer("ours, depth 1, uvloop", OURS, (16, 64), loop="uvloop"),
    Peer("ours, depth 1, uvloop, httptools", OURS, (16, 64), loop="uvloop", parser="httptools"),
    Peer(f"{PLAIN['uvloop']}, mutual TLS", "bench.clients.plain", (16,), loop="uvloop", mutual_tls=True),
    Peer("ours, depth 1, uvloop, mutual TLS", OURS, (64,), loop="uvloop", mutual_tls=True),
    Peer(WRK[1], "", (CONNECTIONS,), remark=_NO_BODIES),
    Peer("ours, pipelined x16, asyncio", OURS, (256, 1_024), depth=PIPELINED, remark=_PRESUMES),
    Peer("ours, pipelined x16, uvloop", OURS, (256, 1_024), loop="uvloop", depth=PIPELINED, remark=_PRESUMES),
    Peer("ours, pipelined x16, uvloop, httptools", OURS, (256, 1_024), "uvloop", "httptools", PIPELINED, _PRESUMES),
    Peer(WRK[PIPELINED], "", (CONNECTIONS * PIPELINED,), depth=PIPELINED, remark=_NO_BODIES),
)


def run(setting: Setting, report: Report) -> None:
    """Find each client's best concurrency, then measure all of them in turns."""
    size, rows = setting.size, {peer.name: Row(peer.name, peer.remark) for peer in PEERS}
    report.rows += rows.values()
    setting.steps.expect(len(PEERS) * (size.repetitions + 1))
    with contextlib.ExitStack() as stack:
        servers = _servers(setting, stack, rows)
        report.notes.append(f"load server in {servers[False].made_of} on core {setting.cores.server}")
        best = {}
        for peer in PEERS:
            setting.steps.begin(f"{peer.name}: looking for its best concurrency")
            try:
                if rows[peer.name].skipped is None:
                    best[peer.name] = _best(setting, servers[peer.mutual_tls], peer)
            except Skipped as reason:
                rows[peer.name].skipped = str(reason)
            setting.steps.done()
        peers = {peer.name: peer for peer in PEERS}
        for name in interleaved(list(best), size.repetitions):
            setting.steps.begin(name)
            peer, row = peers[name], rows[name]
            try:
                if row.skipped is None:
                    row.readings.append(_measured(setting, servers[peer.mutual_tls], peer, best[name]))
            except Skipped as reason:
                row.skipped = str(reason)
            setting.steps.done()
    compare(report)
    mark(report)


def _servers(setting: Setting, stack: contextlib.ExitStack, rows: dict[str, Row]) -> dict[bool, LoadServer]:
    """Start a load server without and one with mutual TLS; where that cannot be, its rows are skipped."""
    servers = {False: stack.enter_context(load_server(setting.cores, native=setting.native))}
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-tls-")))
    try:
        certificates = certificates_in(folder)
    except Skipped as reason:
        for peer in PEERS:
            if peer.mutual_tls:
                rows[peer.name].skipped = str(reason)
    else:
        secured = load_server(setting.cores, certificates=certificates, native=setting.native)
        servers[True] = stack.enter_context(secured)
    return servers


def _best(setting: Setting, server: LoadServer, peer: Peer) -> int:
    """Give the concurrency at which a client takes the least CPU for a poll; only the full size looks for it."""
    if not peer.module and shutil.which("wrk") is None:
        raise Skipped("wrk is not installed: apt-get install wrk")
    if len(peer.in_flight) == 1 or setting.size is not FULL:
        return peer.in_flight[-1]
    tried = {each: _measured(setting, server, peer, each)["polls_per_cpu_s"] for each in peer.in_flight}
    return max(tried, key=lambda each: tried[each])


def _measured(setting: Setting, server: LoadServer, peer: Peer, in_flight: int) -> Reading:
    order = peer.order(server, in_flight, setting)
    if peer.module:
        reading = watched(server, lambda: measured(setting.cores, peer.module, order))
    else:
        reading = watched(server, lambda: wrk(setting, server, peer.depth))
    return proven(peer.name, reading) | {"in_flight": in_flight}


def proven(name: str, reading: Reading) -> Reading:
    """Give a reading of good polls that were all served; raise ChildFailed for any other."""
    polls, bad, served = reading["polls"], reading["bad"], reading["served"]
    if not polls or polls < GOOD_SHARE_MIN * (polls + bad):
        raise ChildFailed(f"{name}: {bad:.0f} bad polls beside {polls:.0f} good ones")
    if polls > served:
        raise ChildFailed(f"{name} counts {polls:.0f} polls, and the server answered {served:.0f}")
    return reading


def compare(report: Report) -> None:
    """Add to each repetition how it compares with plain aiohttp, the SDK and wrk in the same round."""
    plain = {loop: report.row(name) for loop, name in PLAIN.items()}
    sdk, wrks = report.row(SDK), {depth: report.row(name) for depth, name in WRK.items()}
    for row in report.rows:
        base = plain["uvloop" if "uvloop" in row.name else "asyncio"]
        limit = wrks[PIPELINED if "pipelined" in row.name else 1]
        for number, reading in enumerate(row.readings):
            rate = reading["polls_per_cpu_s"]
            for key, other in (("of_plain", base), ("of_sdk", sdk)):
                if number < len(other.readings):
                    reading[key] = rate / other.readings[number]["polls_per_cpu_s"]
            if number < len(limit.readings):
                reading["of_wrk"] = limit.readings[number]["polls_per_cpu_s"] / rate
