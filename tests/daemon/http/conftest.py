"""A whole daemon in a thread of its own: real sockets, a real journal, an emulated fleet; and ways to ask it badly."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from rollout.core.compile import compile_bundle
from rollout.core.names import StreamName
from rollout.core.phase import Ready, Step
from rollout.core.service import ServiceRollout
from rollout.daemon.auth.opening import open_tokens
from rollout.daemon.auth.role import Role
from rollout.daemon.http.app import make_app
from rollout.daemon.http.limits import HttpLimits
from rollout.daemon.serve import Front, serve
from rollout.daemon.site import Site
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve as serve_fabric
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.settings.daemon import Daemon, Listen

DOMAINS = 3
SERVICES = 12
UNHURRIED = HttpLimits(reads_per_s=10_000.0, mutations_per_s=10_000.0, body_s=0.5, idle_s=1.5, heartbeat_s=0.3)
POLICY = """
rollout: {rollout}
about: {{ticket: OPS-311, runbook: "https://wiki.example/web"}}
change:
  upgrade: {{package: "https://relstore.blob.example/web.cspkg", configuration: configs/web.cscfg, label: {rollout}}}
fleet: {{subscription: {subscription}, services: {{{services}}}}}
waves: [{{name: all, select: rest, max_parallel: {count}, failure_tolerance: 0, strict: false}}]
health: {{stable_duration: 100ms, interval: 100ms, retry_timeout: 5s}}
walk: {{bake_before_last: 0s}}
{more}
"""


@dataclass
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A daemon that runs, asked from another thread."""

    url: str
    site: Site
    fabric: Fabric
    loop: asyncio.AbstractEventLoop
    state: Path
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    folder: Path = Path()
    """The policy folder, if it has one."""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def token(self, role: str = "admin", name: str | None = None) -> str:
        """Give a token of somebody with this role, who is called like it."""
        who = name or role
        if who not in self.tokens:
            self.tokens[who] = self.run(lambda: self.site.tokens.create(who, [Role(role)])).reveal()
        return self.tokens[who]

    def run(self, work: Callable[[], Any]) -> Any:
        """Do something in the daemon's own thread."""

        async def inside() -> Any:
            found = work()
            return await found if asyncio.iscoroutine(found) else found

        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(20)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str | None = "admin",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask as a well-behaved program does."""
        shown = dict(headers or {})
        if role is not None:
            shown.setdefault("Authorization", f"Bearer {self.token(role)}")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            shown.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body=data, headers=shown)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def raw(self, data: bytes, *, wait_s: float = 10.0, half: bool = False) -> bytes:
        """Send bytes as they are and give what comes until the connection is closed, or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait_s) as opened:
            opened.sendall(data)
            if half:
                opened.shutdown(socket.SHUT_WR)
            came = b""
            try:
                while chunk := opened.recv(65_536):
                    came += chunk
                    if self._whole(came):
                        break
            except (TimeoutError, ConnectionError):
                pass
            return came

    @staticmethod
    def _whole(came: bytes) -> bool:
        head, found, body = came.partition(b"\r\n\r\n")
        if not found or head.startswith(b"HTTP/1.1 100"):
            return False
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return len(body) >= int(line.partition(b":")[2])
        return False

    def head(self, *lines: str, method: str = "POST", path: str = "/v1/freeze") -> bytes:
        """Write a request's head: a mutation with a good token, and these lines after it."""
        own = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Authorization: Bearer {self.token()}"]
        return ("\r\n".join([*own, *lines]) + "\r\n\r\n").encode("latin-1")

    def bundle(self, rollout: str, services: tuple[str, ...] = ("svc-0001",), more: str = "") -> dict[str, Any]:
        """Write the body that submits a rollout."""
        text = POLICY.format(
            rollout=rollout,
            subscription=SUBSCRIPTION,
            services=", ".join(f"{name}: {{tags: {{number: n{name[-2:]}}}}}" for name in services),
            count=len(services),
            more=more,
        )
        return {"policy": text, "files": {"configs/web.cscfg": configuration("web", rollout, DOMAINS).decode()}}

    def until(self, rollout: str, what: Callable[[Any], bool], seconds: float = 20.0) -> Any:
        """Look at a rollout until it is as wanted."""
        ends = time.monotonic() + seconds
        while not what(found := self.ask("GET", f"/v1/rollouts/{rollout}").json):
            if time.monotonic() > ends:
                raise AssertionError(found)
            time.sleep(0.05)
        return found

    def wait(self, what: Callable[[], Any], seconds: float = 20.0) -> None:
        """Wait until something is so."""
        ends = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < ends
            time.sleep(0.02)

    def truth(self) -> tuple[int, int]:
        """Give what no refusal may change: the journal's last position, and the fleet's effective changes."""
        found: tuple[int, int] = self.run(lambda: (self.site.host.position, len(self.fabric.world.log)))
        return found


@contextmanager
def serve_in_thread(
    state: Path, limits: HttpLimits = UNHURRIED, run: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[Served]:
    """Have a daemon for the time of a block."""
    ready: list[Any] = []
    up = threading.Event()

    async def live() -> None:
        fabric = Fabric(time.monotonic, Knobs(time_scale=600.0), 0)
        populate(fabric, FleetPlan(SERVICES, DOMAINS))
        sites: list[Site] = []

        def app(site: Site) -> Any:
            sites.append(site)
            return make_app(site, limits)

        stop = asyncio.Event()
        try:
            async with serve_fabric(fabric) as endpoint:
                own = RunSettings(endpoint, state, groups={"leads": ("approver", "admin")}, **(run or {}))
                daemon = Daemon(listen=Listen("127.0.0.1", 0)).model_copy(update=settings)
                front = Front(open_tokens, app)

                def begin(url: str) -> None:
                    ready.extend((url, sites[0], fabric, asyncio.get_running_loop(), stop))
                    up.set()

                await serve(own, daemon, front, stop, ready=begin, environ={})
        finally:
            up.set()

    thread = threading.Thread(target=lambda: asyncio.run(live()), name="daemon")
    thread.start()
    up.wait(20)
    url, site, fabric, loop, stop = ready
    try:
        yield Served(url, site, fabric, loop, state)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give one daemon for all tests that leave it as it was."""
    with serve_in_thread(tmp_path_factory.mktemp("daemon") / "state") as served:
        yield served


@pytest.fixture(scope="session")
def serving() -> Callable[..., Any]:
    """Give the way to have a daemon for the time of a block: a state directory, bounds, settings."""
    return serve_in_thread


@pytest.fixture
def unharmed(daemon: Served) -> Iterator[Served]:
    """Give that daemon; afterwards neither journal nor fleet has felt anything, and it still answers."""
    before = daemon.truth()
    yield daemon
    assert daemon.truth() == before
    assert daemon.ask("GET", "/healthz", role=None).status == 200


@pytest.fixture
def unhurried() -> HttpLimits:
    """Give bounds in which tests need not wait."""
    return UNHURRIED


@pytest.fixture
def own_daemon(tmp_path: Path) -> Callable[..., Any]:
    """Give a daemon with bounds of one's own."""
    return lambda limits=UNHURRIED, **more: serve_in_thread(tmp_path / "state", limits, **more)


@pytest.fixture
def make_service(tmp_path: Path) -> Callable[..., ServiceRollout]:
    """Make the state of a service that waits for its next walk."""

    def make(**changes: Any) -> ServiceRollout:
        (tmp_path / "configs").mkdir()
        (tmp_path / "configs" / "web.cscfg").write_bytes(configuration("web", "web-1", DOMAINS))
        text = POLICY.format(rollout="web-1", subscription=SUBSCRIPTION, services="svc-0001: {}", count=1, more="")
        (tmp_path / "web.yaml").write_text(text, encoding="utf-8")
        plan = compile_bundle(load_policy(tmp_path / "web.yaml")).services[0]
        phase = Ready(1, Step(0.0))
        stream = StreamName("web-1/svc-0001#1")
        return replace(ServiceRollout(stream, 1, plan, 1, phase, 0.0), **changes)

    return make
