"""A daemon with a fleet in flight, asked by wrk from outside while its own polls are watched."""

import asyncio
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.child import ChildFailed, Reading
from bench.clients import fleets
from bench.clients.order import Order, run
from bench.usage import cpu_s
from rollout.core.names import RolloutId
from rollout.daemon.auth.opening import open_tokens
from rollout.daemon.auth.role import Role
from rollout.daemon.host import Host
from rollout.daemon.http.app import make_app
from rollout.daemon.http.limits import HttpLimits
from rollout.daemon.listening import answering, bound
from rollout.daemon.site import Site
from rollout.policy.load import load_policy
from rollout.settings.daemon import Daemon, parse_listen

LOOK_S: Final = 0.02
SETTLE_S: Final = 2.0
BEGIN_S_MAX: Final = 240.0
GATE_MS: Final = 500
UNBOUNDED: Final = HttpLimits(reads_per_s=1e6, mutations_per_s=1e6, in_flight=1_000)
_RATE: Final = re.compile(r"Requests/sec:\s+([0-9.]+)")
_SPREAD: Final = re.compile(r"^\s+(50|99)%\s+([0-9.]+)(us|ms|s)\s*$", re.MULTILINE)
_WRONG: Final = re.compile(r"Non-2xx or 3xx responses:\s+([0-9]+)")
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class Asked(msgspec.Struct, frozen=True):
    """One measurement; `connections` 0 = nobody asks."""

    services: int
    folder: str
    endpoint: str
    window_s: float
    wrk: list[str]
    connections: list[int]


def measure(given: dict[str, Any]) -> Reading:
    """Measure every row, one after the other, in one daemon."""
    asked = msgspec.convert(given, Asked)
    return run(Order("", loop="uvloop"), lambda: _measure(asked))


async def _measure(asked: Asked) -> Reading:
    with tempfile.TemporaryDirectory(prefix="bench-api-", dir=asked.folder) as name:
        folder = Path(name)
        bundle = load_policy(fleets.documents(folder / "documents", asked.services, GATE_MS))
        listening = Daemon(listen=parse_listen("127.0.0.1:0"))
        with bound(listening.listen) as opened:
            async with Host.opened(fleets.settings(asked.endpoint, folder / "state")) as host:
                tokens = open_tokens(folder / "state")
                token = tokens.create("wrk", [Role.VIEWER]).reveal()
                site = Site(host, tokens, None, listening, folder / "state")
                async with answering(make_app(site, UNBOUNDED), opened, None) as url:
                    rollout = (await host.submit(bundle, actor="bench")).rollout
                    await _all_begun(host, rollout, asked.services)
                    reading: Reading = {}
                    for connections in asked.connections:
                        await asyncio.sleep(SETTLE_S)
                        row = await _row(host, asked, connections, f"{url}/v1/rollouts", token)
                        reading |= {f"{connections}:{key}": value for key, value in row.items()}
                    return reading


async def _all_begun(host: Host, rollout: RolloutId, services: int) -> None:
    ends_s = time.monotonic() + BEGIN_S_MAX
    while sum(each.started_t is not None for each in host.services(rollout).values()) < services:
        if time.monotonic() > ends_s:
            raise ChildFailed(f"not all of {services} services were begun within {BEGIN_S_MAX:g} s")
        await asyncio.sleep(0.1)


async def _row(host: Host, asked: Asked, connections: int, url: str, token: str) -> Reading:
    lags: list[float] = []
    watching = asyncio.create_task(_watch(host, lags))
    tracker = host.works.kit.tracker
    polls, used_s, began_s = tracker.polls, cpu_s(), time.monotonic()
    said = await _wrk(asked, connections, url, token) if connections else await _silence(asked.window_s)
    took_s = time.monotonic() - began_s
    watching.cancel()
    flying = sum(each.ended is None for rollout in host.rollouts() for each in host.services(rollout).values())
    return _told(said) | {
        "in_flight": float(flying),
        "late_p50_s": statistics.median(lags),
        "late_p99_s": sorted(lags)[int(0.99 * (len(lags) - 1))],
        "polls_per_s": (tracker.polls - polls) / took_s,
        "cpu_share": (cpu_s() - used_s) / took_s,
    }


async def _watch(host: Host, lags: list[float]) -> None:
    while True:
        lags.append(max(host.works.kit.tracker.late_s().values(), default=0.0))
        await asyncio.sleep(LOOK_S)


async def _silence(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return ""


async def _wrk(asked: Asked, connections: int, url: str, token: str) -> str:
    seconds = max(round(asked.window_s), 1)
    words = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Authorization: Bearer {token}", url]
    process = await asyncio.create_subprocess_exec(*asked.wrk, *words, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode:
        raise ChildFailed(f"wrk ended with {process.returncode}")
    return out.decode()


def _told(said: str) -> Reading:
    if not said:
        return {}
    rate, wrong = _RATE.search(said), _WRONG.search(said)
    if rate is None:
        raise ChildFailed(f"wrk did not say what it found: {said[:500]}")
    spread = {f"p{percent}_s": float(value) * _UNITS[unit] for percent, value, unit in _found(said)}
    return {"requests_per_s": float(rate.group(1)), "wrong": float(wrong.group(1)) if wrong else 0.0, **spread}


def _found(said: str) -> Sequence[tuple[str, str, str]]:
    return [(percent, value, unit) for percent, value, unit in _SPREAD.findall(said)]
