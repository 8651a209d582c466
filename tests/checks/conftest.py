"""Real servers that checks ask, and an emulated service whose rollout they gate."""

import asyncio
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from rollout.assembly import assembled
from rollout.core.event import Entry
from rollout.core.result import Result
from rollout.core.service import ServiceRollout
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.gates.python import CheckFunction
from rollout.platforms.classic.vocabulary import Verb
from rollout.policy.load import load_policy
from rollout.settings import RunSettings, Secret
from rollout.settings.model import Allow, MetricServer, SecretSource, Webhooks

POLICY = """
rollout: web-2.4.1
change:
  upgrade: {{package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg}}
fleet: {{subscription: {subscription}, services: {{{services}}}}}
waves: [{{name: rest, select: rest, max_parallel: 4, failure_tolerance: 3}}]
health: {{stable_duration: 100ms, retry_timeout: 400ms, interval: 50ms, checks: [{checks}]}}
walk: {{bake_before_last: 100ms, domain_timeout: {domain_timeout}}}
"""
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """Serve on every loopback address; gives the port."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 0).start()  # noqa: S104 - each instance has a loopback address of its own
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@dataclass
class Stage:
    """One emulated fleet and the rollout of it that is gated."""

    folder: Path
    services: int = 1
    domains: int = 2
    domain_timeout: str = "20s"
    metrics: Mapping[str, MetricServer] = field(default_factory=dict)
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    functions: Mapping[str, CheckFunction] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    fabric: Fabric = field(init=False)

    def __post_init__(self) -> None:
        self.fabric = Fabric(time.monotonic, Knobs(time_scale=4000.0, instance_net=127), seed=7)
        populate(self.fabric, FleetPlan(services=self.services, domains=self.domains))

    def walked(self, service: str = "svc-0001") -> bool:
        """Whether a domain of the service runs the new release, or is about to."""
        return any(each.service == service and each.verb is Verb.WALK for each in self.fabric.log())

    async def roll_out(self, *checks: str) -> tuple[Result | None, dict[str, ServiceRollout]]:
        """Run the rollout under these checks to its end."""
        (self.folder / "web.cscfg").write_bytes(configuration("web", "web-2.4.1", self.domains))
        names = ", ".join(f"svc-{number:04}: {{}}" for number in range(1, self.services + 1))
        policy = self.folder / "policy.yaml"
        text = POLICY.format(
            subscription=SUBSCRIPTION, services=names, checks=", ".join(checks), domain_timeout=self.domain_timeout
        )
        policy.write_text(text, encoding="utf-8")
        async with (
            serve(self.fabric) as url,
            assembled(self._settings(url), checks=self.functions) as assembly,
        ):
            assembly.listen(lambda records: self.entries.extend(each.entry for each in records))
            rollout = await assembly.admit(load_policy(policy))
            result = await assembly.engine.run(rollout)
            return result, {str(name): state for name, state in assembly.engine.services(rollout).items()}

    def facts(self, kind: type) -> list[Any]:
        """Give the recorded facts of a kind."""
        return [entry.fact for entry in self.entries if isinstance(entry.fact, kind)]

    def _settings(self, url: str) -> RunSettings:
        key = SecretSource(text=Secret("a key of this test"))
        return RunSettings(
            endpoint=url,
            state=self.folder / "state",
            request_timeout_s=5.0,
            allow=Allow(hosts=("127.0.0.0/8",), commands=dict(self.commands)),
            metrics=self.metrics,
            webhooks=Webhooks(keys={"k1": key}),
        )


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Stage]:
    """Make a stage."""
    return lambda **more: Stage(tmp_path, **more)


@asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """Take connections and never say a word; gives the port."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(4096):
                pass
        finally:
            writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


# --- a real Prometheus ---

CONFIGURATION = """
global: {{scrape_interval: 100ms, scrape_timeout: 90ms}}
scrape_configs:
  - job_name: app
    static_configs: [{{targets: [{targets}]}}]
"""


class Metrics:
    """A Prometheus, and the application it scrapes: one number for each of eight loopback addresses."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder

    def show(self, **errors: float) -> None:
        """Let the application show these numbers from now on."""
        (self._folder / "numbers.json").write_bytes(msgspec.json.encode(errors))

    def ask(self, query: str) -> list[Any]:
        """Ask the server directly."""
        url = f"{self.url}/api/v1/query?query={urllib.request.quote(query)}"  # type: ignore[attr-defined] # it is there
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own loopback server
            found: list[Any] = msgspec.json.decode(answer.read())["data"]["result"]
        return found

    def until(self, query: str) -> None:
        """Wait until the server has an answer."""
        end = time.monotonic() + 30
        while not self.ask(query):
            assert time.monotonic() < end, query
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


SERVER = """
import json, pathlib, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
numbers = pathlib.Path(sys.argv[1]) / "numbers.json"
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.connection.getsockname()[0]
        shown = json.loads(numbers.read_text())
        lines = [f"{name} {value}" for name, value in shown.items() if "@" not in name]
        lines += [f"{name.partition('@')[0]} {value}" for name, value in shown.items() if name.endswith("@" + host)]
        body = ("\\n".join(lines) + "\\n").encode()
        self.send_response(200); self.send_header("Content-Type", "text/plain"); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="session")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    """Start Prometheus as Debian packages it, and the application it scrapes."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("there is no `prometheus` here; Debian's package has it")
    folder = tmp_path_factory.mktemp("prometheus")
    port = free_port()
    found = Metrics(f"http://127.0.0.1:{port}", folder)
    found.show(errors=0.0)
    app = subprocess.Popen(  # noqa: S603 - the program above
        [sys.executable, "-c", SERVER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert app.stdout is not None
    scraped = app.stdout.readline().strip()
    targets = ", ".join(f"'127.0.0.{host}:{scraped}'" for host in range(4, 12))
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(targets=targets), encoding="utf-8")
    server = subprocess.Popen(  # noqa: S603 - the program found above
        [
            program,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 30
        while True:
            try:
                found.until("errors")
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < end
                time.sleep(0.1)
            else:
                break
        yield found
    finally:
        for process in (server, app):
            process.kill()
            process.communicate()


@pytest.fixture(name="serving")
def _serving() -> Any:
    return serving


@pytest.fixture(name="black_hole")
def _black_hole() -> Any:
    return black_hole
