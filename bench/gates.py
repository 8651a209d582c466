"""How much a core and the network have to do for the gates of a large fleet: `python -m bench.gates`.

Every service asks five checks each interval, as in a gate: the instances, two URLs, and two numbers of a Prometheus
whose answers carry the service as a label. The servers are a process of their own, so only the asking is measured.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from aiohttp import web

from rollout.core.check_plan import CheckPlan, HttpSource, InstancesSource, MetricSource, Scope
from rollout.core.event import Evidence, Verdict
from rollout.core.names import RolloutId, ServiceName, Slot, Target
from rollout.core.snapshot import Activity, Instance, Observation, Snapshot
from rollout.errors import InvariantBroken
from rollout.gates.fetch import Fetcher
from rollout.gates.guard import Guard
from rollout.gates.prometheus import Prometheus, Server
from rollout.gates.sources import Sources

RESULTS = Path(__file__).parent / "results"


class Measured(msgspec.Struct, frozen=True):
    """What one run came to; rates are per second."""

    services: int
    checks: int
    interval_s: float
    seconds: float
    rounds: int
    verdicts: int
    cpu_share: float
    """Of one core, servers apart."""
    http_requests_per_s: float
    metric_queries_per_s: float
    metric_queries_unshared_per_s: float
    """What it would be if every service asked for itself."""
    unknown: int
    late_ms_p99: float
    """How late rounds began."""
    machine: str


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.gates", description=__doc__.partition("\n")[0])
    parser.add_argument("--services", type=int, default=1_000)
    parser.add_argument("--interval", type=float, default=15.0, help="seconds between two rounds of one service")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=RESULTS / "gates.json")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.serve:
        asyncio.run(_serve(_Servers(given.services)))
    measured = asyncio.run(_measure(given.services, given.interval, given.seconds))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(msgspec.to_builtins(measured), indent=1) + "\n", encoding="utf-8")
    for name, value in msgspec.to_builtins(measured).items():
        print(f"{name:32} {value:,.3f}" if isinstance(value, float) else f"{name:32} {value}")
    return 0


def _checks(service: str, port: int) -> list[CheckPlan]:
    def url(path: str) -> str:
        return f"http://127.0.0.1:{port}/{path}/{service}"

    return [
        CheckPlan("instances", "instances", 10.0, source=InstancesSource()),
        CheckPlan("healthz", "http", 10.0, source=HttpSource(url("healthz"), fields={"state": "ok"})),
        CheckPlan("version", "http", 10.0, source=HttpSource(url("version")), scope=Scope.SERVICE),
        CheckPlan("errors", "metric", 10.0, source=MetricSource("errors", "<", 0.5, service_label="service")),
        CheckPlan("latency", "metric", 10.0, source=MetricSource("latency", "<", 0.5, service_label="service")),
    ]


class _Servers:
    """The application and the metric server in one."""

    def __init__(self, services: int) -> None:
        self.requests = 0
        row = [{"metric": {"service": f"svc-{n:04}"}, "value": [0, "0.1"]} for n in range(services)]
        self._vector = msgspec.json.encode({"status": "success", "data": {"resultType": "vector", "result": row}})

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests += 1
        if request.path.startswith("/api/"):
            return web.Response(body=self._vector, content_type="application/json")
        return web.Response(body=b'{"state": "ok"}', content_type="application/json")


async def _look(_: Target) -> Observation:
    instances = tuple(Instance(f"Web_IN_{n}", "Web", n % 5, ready=True, status="ReadyRole") for n in range(5))
    return Snapshot("dep", "web", Activity.RUNNING, "Running", 5, instances, None, False, None, "d")  # noqa: FBT003 - the record's order


async def _measure(services: int, interval_s: float, seconds: float) -> Measured:
    # The servers run in a process of their own, so that their work is not taken for the gates'.
    words = [sys.executable, "-m", "bench.gates", "--serve", "--services", f"{services}"]
    child = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    if child.stdout is None:
        raise InvariantBroken("a pipe was asked for")
    port = int(await child.stdout.readline())
    fetcher = Fetcher(Guard(["127.0.0.1"]))
    prometheus = Prometheus({"default": Server(f"http://127.0.0.1:{port}")}, fetcher, time.monotonic, time.time)
    sources = Sources(fetcher, prometheus)
    try:
        return await _rounds(sources, services, interval_s, seconds, port)
    finally:
        await sources.close()
        child.kill()
        await child.communicate()


async def _serve(servers: _Servers) -> None:
    """Serve until killed; the port is the one line on stdout."""
    runner = web.ServerRunner(web.Server(servers.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4_096).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def _rounds(sources: Sources, services: int, interval_s: float, seconds: float, port: int) -> Measured:
    verdicts: dict[Verdict, int] = {}
    late: list[float] = []
    end = time.monotonic() + seconds

    async def one(number: int) -> None:
        name = f"svc-{number:04}"
        checks = _checks(name, port)
        probe, names = sources.probe(checks, _look), [each.name for each in checks]
        target = Target("sub", ServiceName(name), Slot.PRODUCTION)
        began_t = due = time.monotonic() + interval_s * number / services
        while due < end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            late.append(time.monotonic() - due)
            evidence = await probe.round(
                RolloutId("bench"), target, (0,), names, since_t=began_t - interval_s, interval_s=interval_s
            )
            _count(verdicts, evidence)
            due += interval_s

    before = _cpu_s()
    async with asyncio.TaskGroup() as group:
        for number in range(services):
            group.create_task(one(number), name=f"service {number}")
    if set(verdicts) - {Verdict.PASS, Verdict.UNKNOWN}:
        raise InvariantBroken(f"the servers are well, and the checks said {verdicts}")
    rounds = len(late)
    return Measured(
        services=services,
        checks=5,
        interval_s=interval_s,
        seconds=seconds,
        rounds=rounds,
        verdicts=sum(verdicts.values()),
        cpu_share=(_cpu_s() - before) / seconds,
        http_requests_per_s=2 * rounds / seconds,
        metric_queries_per_s=sources.servers.queries / seconds,
        metric_queries_unshared_per_s=2 * rounds / seconds,
        unknown=verdicts.get(Verdict.UNKNOWN, 0),
        late_ms_p99=1_000 * sorted(late)[int(0.99 * (rounds - 1))],
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    )


def _count(verdicts: dict[Verdict, int], evidence: Sequence[Evidence]) -> None:
    for each in evidence:
        verdicts[each.verdict] = verdicts.get(each.verdict, 0) + 1


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
