"""Real processes for tests of a daemon's life: an emulator, a daemon over it, and somebody who speaks to it by HTTP."""

import asyncio
import contextlib
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp

ROLLOUT = str(Path(sys.executable).with_name("rollout"))
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
READY_S_MAX = 60.0
SETTINGS = '[daemon]\nreads_per_s = 500\nmutations_per_s = 500\n[limits]\nrequest_timeout = "1s"\n'
"""One person speaks faster than people do, and a lost answer is not waited for as long as on a real network."""
CONFIGURATION = """<?xml version="1.0" encoding="utf-8"?>
<ServiceConfiguration serviceName="{service}" xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">
  <Role name="WebRole1"><ConfigurationSettings/><Instances count="{instances}"/></Role>
</ServiceConfiguration>
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def started(*words: str, log: Path | None = None) -> AsyncIterator[tuple[Process, str]]:
    """Start a command that says where it listens; it is killed at the end, if it still lives."""
    with contextlib.ExitStack() as stack:
        errors: Any = DEVNULL if log is None else stack.enter_context(log.open("ab"))
        process = await asyncio.create_subprocess_exec(ROLLOUT, *words, stdout=PIPE, stderr=errors)
        try:
            assert process.stdout is not None
            async with asyncio.timeout(READY_S_MAX):
                said = (await process.stdout.readline()).decode()
            assert said.startswith("listening on "), (words, said)
            yield process, said.removeprefix("listening on ").strip()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


class Daemon:
    """A daemon that dies and is started anew over the same state and port."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.state = folder / "state"
        self.url = ""
        self.log = folder / "daemon.log"
        self._config = folder / "rollout.toml"
        self._config.write_text(SETTINGS, encoding="utf-8")
        self._config.chmod(0o600)
        listen = f"127.0.0.1:{free_port()}"
        self._words = ["daemon", "--config", str(self._config), "--state", str(self.state), "--endpoint", endpoint]
        self._words += ["--listen", listen]

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[Process]:
        async with started(*self._words, log=self.log) as (process, self.url):
            yield process

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.state / 'admin-token').read_text().strip()}"}


class Speaker:
    """Asks until there is an answer, under the same key: a daemon may die before, during or after it."""

    def __init__(self, daemon: Daemon, session: aiohttp.ClientSession) -> None:
        self._daemon = daemon
        self._session = session
        self.breaks = 0

    async def post(self, path: str, body: dict[str, Any], key: str = "") -> tuple[int, Any]:
        headers = self._daemon.headers() | ({"Idempotency-Key": key} if key else {})
        while True:
            try:
                async with self._session.post(self._daemon.url + path, json=body, headers=headers) as answer:
                    if answer.status not in {429, 503}:
                        return answer.status, await answer.json(content_type=None)
            except (aiohttp.ClientError, TimeoutError):
                self.breaks += 1
            await asyncio.sleep(0.05)

    async def get(self, path: str) -> Any:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.get(self._daemon.url + path, headers=self._daemon.headers()) as answer:
                    if answer.status == 200:
                        return await answer.json(content_type=None)
                    assert answer.status in {429, 503}, (path, answer.status, await answer.text())
            await asyncio.sleep(0.05)


def policy(rollout: str, services: Sequence[str], *, health: str, more: str = "") -> str:
    named = ", ".join(f"{name}: {{}}" for name in services)
    return (
        f"rollout: {rollout}\n"
        'change: {upgrade: {package: "https://store.example/web.cspkg", configuration: web.cscfg}}\n'
        f"fleet: {{subscription: {SUBSCRIPTION}, services: {{{named}}}}}\n"
        f"waves: [{{name: all, select: rest, max_parallel: {len(services)}, failure_tolerance: {len(services)}, "
        "strict: false}]\n"
        f"health: {health}\nwalk: {{bake_before_last: 0s}}\n{more}"
    )


def bundle(rollout: str, services: Sequence[str], *, domains: int, health: str, more: str = "") -> dict[str, Any]:
    """What POST /v1/rollouts takes."""
    return {
        "policy": policy(rollout, services, health=health, more=more),
        "policy_name": f"{rollout}.yaml",
        "files": {"web.cscfg": CONFIGURATION.format(service="web", instances=domains)},
    }
