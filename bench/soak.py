"""A daemon at work for long: one rollout after another with faults on, and what it holds of the machine meanwhile.

`python -m bench.soak --seconds 1800` writes bench/results/soak.json and soak.svg. A fleet emulated in a process of its
own, thousands of times faster than the real service, has failing walks, lost answers and throttled calls; two rollouts
are always under way, people pause and resume, one reader follows all events.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
import click
import msgspec

from bench.report import RESULTS
from bench.soak_figures import Sample, Soak, draw, judged

ROLLOUT: Final = str(Path(sys.executable).with_name("rollout"))
SUBSCRIPTION: Final = "00000000-0000-4000-8000-000000000001"
SERVICES: Final = 20
"""Of each of the two fleets."""
DOMAINS: Final = 3
SAMPLE_S: Final = 1.0
SAMPLES_WRITTEN: Final = 180
"""About so many stand in the results, evenly; slopes and plot are made of all."""
SEED: Final = 20_161_127
FAULTS_S: Final = 60.0
"""How often the faults below are planted anew: seldom enough that a lost call is not lost four times in a row."""
FAULTS: Final = (
    {"verb": "walk", "domain": 1, "effect": "fail", "times": 1, "service": "svc-0003"},
    {"verb": "walk", "domain": 0, "effect": "lose_after", "times": 1, "service": "svc-0007"},
    {"verb": "upgrade", "effect": "503", "times": 2, "service": "svc-0011"},
    {"verb": "walk", "domain": 2, "effect": "fail", "times": 1, "service": "svc-0025"},
    {"verb": "walk", "domain": 1, "effect": "lose_before", "times": 1, "service": "svc-0031"},
)
SETTINGS: Final = '[daemon]\nreads_per_s = 100\nmutations_per_s = 100\n[limits]\nrequest_timeout = "2s"\n'
POLICY: Final = """rollout: {rollout}
change: {{upgrade: {{package: "https://store.example/web.cspkg", configuration: web.cscfg}}}}
fleet: {{subscription: {subscription}, services: {{{services}}}}}
waves: [{{name: all, select: rest, max_parallel: {count}, failure_tolerance: {count}, strict: false}}]
health: {{stable_duration: 200ms, interval: 200ms, retry_timeout: 10s}}
walk: {{bake_before_last: 0s}}
"""
CONFIGURATION: Final = (
    '<ServiceConfiguration serviceName="web" '
    'xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">'
    f'<Role name="WebRole1"><ConfigurationSettings/><Instances count="{DOMAINS}"/></Role></ServiceConfiguration>'
)


AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE})
"""Answers after which the same is asked again: the machine is busy, or the emulator was slow to answer."""


async def soak(seconds: float, folder: Path) -> Soak:
    """Run emulator and daemon for so long."""
    settings = folder / "rollout.toml"
    settings.write_text(SETTINGS, encoding="utf-8")
    settings.chmod(0o600)
    words = ["emulator", "--port", "0", "--services", str(2 * SERVICES), "--domains", str(DOMAINS)]
    words += ["--time-scale", "3000"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    state = folder / "state"
    async with _started(*words, log=folder / "emulator.log") as (_, endpoint):
        daemon = [
            "daemon",
            "--config",
            str(settings),
            "--state",
            str(state),
            "--endpoint",
            endpoint,
            "--listen",
            listen,
        ]
        async with _started(*daemon, log=folder / "daemon.log") as (process, url):
            token = (state / "admin-token").read_text(encoding="ascii").strip()
            headers = {"Authorization": f"Bearer {token}"}
            async with aiohttp.ClientSession(headers=headers) as session:
                return await _Work(session, url, endpoint, process.pid, seconds).run()


class _Work:
    """Everything that goes on beside the daemon."""

    def __init__(self, session: aiohttp.ClientSession, url: str, endpoint: str, process: int, seconds: float) -> None:
        self._session = session
        self._endpoint = endpoint
        self._url = url
        self._process = process
        self._seconds = seconds
        self._began = time.monotonic()
        self._samples: list[Sample] = []
        self._words = 0
        self._events = 0
        self._asked_again = 0
        self._closed = 0

    async def run(self) -> Soak:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._release(fleet)) for fleet in (0, 1)]
            beside += [group.create_task(each()) for each in (self._talk, self._follow, self._spoil)]
            while self._left_s > 0:
                await asyncio.sleep(SAMPLE_S)
                self._samples.append(await self._sample())
            for task in beside:
                task.cancel()
        found = judged(self._samples, self._seconds, self._words, self._events)
        return msgspec.structs.replace(found, asked_again=self._asked_again)

    @property
    def _left_s(self) -> float:
        return self._began + self._seconds - time.monotonic()

    async def _release(self, fleet: int) -> None:
        """Have one rollout after another over one half of the services."""
        names = [f"svc-{n:04}" for n in range(1 + fleet * SERVICES, 1 + (fleet + 1) * SERVICES)]
        number = 0
        while True:
            number += 1
            rollout = f"soak-{fleet}-{number}"
            services = ", ".join(f"{name}: {{}}" for name in names)
            text = POLICY.format(rollout=rollout, subscription=SUBSCRIPTION, services=services, count=len(names))
            body = {"policy": text, "policy_name": f"{rollout}.yaml", "files": {"web.cscfg": CONFIGURATION}}
            await self._post("/v1/rollouts", body, rollout)
            while not (await self._get(f"/v1/rollouts/{rollout}"))["closed"]:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.5)
            self._closed += 1

    async def _spoil(self) -> None:
        """Plant faults again and again: each strikes once or twice."""
        while True:
            async with self._session.put(f"{self._endpoint}/_emulator/faults", json=FAULTS) as answer:
                answer.raise_for_status()
            await asyncio.sleep(FAULTS_S)

    async def _talk(self) -> None:
        """Pause and resume whole rollouts now and then."""
        chance = random.Random(SEED)  # noqa: S311 - a seed, no secret
        while True:
            await asyncio.sleep(chance.uniform(5.0, 15.0))
            heads = (await self._get("/v1/rollouts?limit=500"))["items"]
            for verb in ("pause", "resume"):
                for head in heads:
                    if not head["closed"]:
                        self._words += 1
                        body = {"verb": verb, "reason": "soak", "key": f"soak-{self._words}"}
                        await self._post(f"/v1/rollouts/{head['id']}/actions", body, "")
                await asyncio.sleep(0.2)

    async def _follow(self) -> None:
        async with self._session.get(f"{self._url}/v1/events", timeout=aiohttp.ClientTimeout(total=None)) as answer:
            async for line in answer.content:
                self._events += line.startswith(b"event: entry")

    async def _sample(self) -> Sample:
        status = await self._get("/v1/status")
        proc = Path(f"/proc/{self._process}")
        return Sample(
            at_s=time.monotonic() - self._began,
            rss_bytes=int((proc / "statm").read_text().split()[1]) * 4096,
            descriptors=len(list((proc / "fd").iterdir())),
            tasks=status["tasks"],
            loop_lag_s=status["loop_lag_worst_s"],
            position=status["position"],
            rollouts=self._closed,
            load=os.getloadavg()[0],
        )

    async def _get(self, path: str) -> Any:
        return await self._ask("GET", path)

    async def _post(self, path: str, body: dict[str, Any], key: str) -> None:
        await self._ask("POST", path, json=body, headers={"Idempotency-Key": key} if key else {})

    async def _ask(self, method: str, path: str, **options: Any) -> Any:
        """Ask until there is an answer; a refused word is one, too."""
        while True:
            async with self._session.request(method, self._url + path, **options) as answer:
                if answer.ok or answer.status == HTTPStatus.CONFLICT:
                    return await answer.json(content_type=None)
                if answer.status not in AGAIN:
                    raise click.ClickException(f"{path}: {answer.status} {await answer.text()}")
            self._asked_again += 1
            await asyncio.sleep(SAMPLE_S)


@contextlib.asynccontextmanager
async def _started(*words: str, log: Path) -> AsyncIterator[tuple[Process, str]]:
    """Have `rollout WORDS` at work for the time of a block; `log` is what it says meanwhile."""
    with log.open("wb") as said_to:
        process = await asyncio.create_subprocess_exec(ROLLOUT, *words, stdout=PIPE, stderr=said_to)
    try:
        if process.stdout is None:
            raise click.ClickException(f"{words[0]} says nothing")
        said = (await process.stdout.readline()).decode()
        if not said.startswith("listening on "):
            raise click.ClickException(f"{words[0]} did not start")
        yield process, said.removeprefix("listening on ").strip()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@click.command()
@click.option("--seconds", type=click.FloatRange(5, 86_400), default=1_800.0, show_default=True)
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(*, seconds: float, results: Path) -> None:
    """Have a daemon at work for so long, and write down what it held of the machine."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(soak(seconds, Path(folder)))
    results.mkdir(exist_ok=True)
    kept = msgspec.structs.replace(found, samples=found.samples[:: max(len(found.samples) // SAMPLES_WRITTEN, 1)])
    (results / "soak.json").write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    draw(found, results / "soak.svg", of=f"rollouts of {SERVICES} services")
    print(json.dumps({**found.slopes_per_hour, "rss_bytes_per_rollout": found.slope_per_rollout_bytes}, indent=1))


if __name__ == "__main__":
    main()
