"""Peers side by side: polls per CPU second of one core, each client at its own best concurrency, in one run.

Closed loop, one operation's status at a time; InProgress throughout, as nearly all polls of a real operation are.
"""

from typing import Any, Final

import msgspec

from bench.child import ChildFailed, Reading, measured
from bench.limit import mark, watched, window
from bench.load import LoadServer, load_server
from bench.report import Column, Report, Row, interleaved
from bench.setting import FULL, Setting
from bench.skipped import Skipped

TITLE: Final = "Peers: polls per CPU second of one core (closed loop)"
COLUMNS: Final = [
    Column("polls_per_cpu_s", "polls/CPU s", better="more"),
    Column("us_per_poll", "CPU/poll", "µs", better="less"),
    Column("of_plain", "x plain aiohttp, same loop", better="more"),
    Column("of_sdk", "x SDK", better="more"),
    Column("in_flight", "in flight"),
    Column("server_busy", "server busy", "%", 100.0),
]
GOOD_SHARE_MIN: Final = 0.999
SDK: Final = "official SDK, threads"
PLAIN: Final = {"asyncio": "plain aiohttp, asyncio", "uvloop": "plain aiohttp, uvloop"}
OURS: Final = "bench.clients.ours"


class Peer(msgspec.Struct, frozen=True):
    """One client as it is measured; `in_flight` are the concurrencies it may choose from, the usual best one last."""

    name: str
    module: str
    in_flight: tuple[int, ...]
    loop: str = "asyncio"
    parser: str = "aiohttp"
    depth: int = 1
    remark: str = ""

    def order(self, server: LoadServer, in_flight: int, setting: Setting) -> dict[str, Any]:
        """Give the order for one repetition."""
        words = {"loop": self.loop, "parser": self.parser, "depth": self.depth}
        return {"url": server.url, "in_flight": in_flight, **words, **window(setting)}


_PIPELINED: Final = "presumes an endpoint that says it pipelines"
_HTTPTOOLS: Final = "httptools"
PEERS: Final = (
    Peer(SDK, "bench.clients.sdk", (1, 4, 8), remark="reads no id: its parser looks for <Id>"),
    Peer("azure-core AsyncLROPoller", "bench.clients.azure_poller", (4, 64, 16)),
    Peer("httpx", "bench.clients.httpx_client", (1, 16, 4)),
    Peer(PLAIN["asyncio"], "bench.clients.plain", (4, 64, 16)),
    Peer(PLAIN["uvloop"], "bench.clients.plain", (4, 64, 16), loop="uvloop"),
    Peer("tuned aiohttp, asyncio", "bench.clients.tuned", (16, 64), remark="searches bytes"),
    Peer("tuned aiohttp, uvloop", "bench.clients.tuned", (16, 64), loop="uvloop", remark="searches bytes"),
    Peer("ours, depth 1, asyncio", OURS, (16, 64)),
    Peer("ours, depth 1, uvloop", OURS, (16, 64), loop="uvloop"),
    Peer("ours, depth 1, uvloop, httptools", OURS, (16, 64), loop="uvloop", parser=_HTTPTOOLS),
    Peer("ours, pipelined x16, asyncio", OURS, (256,), depth=16, remark=_PIPELINED),
    Peer("ours, pipelined x16, uvloop", OURS, (256,), loop="uvloop", depth=16, remark=_PIPELINED),
    Peer("ours, pipelined x16, uvloop, httptools", OURS, (256,), "uvloop", _HTTPTOOLS, 16, _PIPELINED),
)


def run(setting: Setting, report: Report) -> None:
    """Find each client's best concurrency, then measure all of them in turns."""
    size, rows = setting.size, {peer.name: Row(peer.name, peer.remark) for peer in PEERS}
    report.rows += rows.values()
    setting.steps.expect(len(PEERS) * (size.repetitions + 1))
    with load_server(setting.cores, native=setting.native) as server:
        report.notes.append(f"load server in {server.made_of} on core {setting.cores.server}")
        best = {}
        for peer in PEERS:
            setting.steps.begin(f"{peer.name}: looking for its best concurrency")
            try:
                best[peer.name] = _best(setting, server, peer)
            except Skipped as reason:
                rows[peer.name].skipped = str(reason)
            setting.steps.done()
        peers = {peer.name: peer for peer in PEERS}
        for name in interleaved(list(best), size.repetitions):
            setting.steps.begin(name)
            rows[name].readings.append(_measured(setting, server, peers[name], best[name]))
            setting.steps.done()
    compare(report)
    mark(report)


def _best(setting: Setting, server: LoadServer, peer: Peer) -> int:
    """Give the concurrency at which a client takes the least CPU for a poll; only the full size looks for it."""
    if len(peer.in_flight) == 1 or setting.size is not FULL:
        return peer.in_flight[-1]
    tried = {each: _measured(setting, server, peer, each)["polls_per_cpu_s"] for each in peer.in_flight}
    return max(tried, key=lambda each: tried[each])


def _measured(setting: Setting, server: LoadServer, peer: Peer, in_flight: int) -> Reading:
    order = peer.order(server, in_flight, setting)
    reading = watched(server, lambda: measured(setting.cores, peer.module, order))
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
    """Add to each repetition how it compares with plain aiohttp and the SDK in the same round."""
    bases = {loop: report.row(name) for loop, name in PLAIN.items()}
    sdk = report.row(SDK)
    for row in report.rows:
        plain = bases["uvloop" if "uvloop" in row.name else "asyncio"]
        for number, reading in enumerate(row.readings):
            for key, base in (("of_plain", plain), ("of_sdk", sdk)):
                if number < len(base.readings):
                    reading[key] = reading["polls_per_cpu_s"] / base.readings[number]["polls_per_cpu_s"]
