"""Surroundings of the command line: services in any phase, an emulator process, policies on disk, ways to run."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result
from msgspec.structs import replace

from rollout.cli.main import cli
from rollout.core.change_plan import RollbackPlan, UpgradePlan
from rollout.core.check_plan import CheckPlan
from rollout.core.ending import Outcome
from rollout.core.mark import Mark
from rollout.core.names import Digest, RolloutId, ServiceName, Slot, StreamName, Target
from rollout.core.operation import RollbackMode
from rollout.core.phase import Ended, Phase
from rollout.core.plan import HealthPlan, OnFailure, ServicePlan, WalkPlan
from rollout.core.service import ServiceRollout
from rollout.core.snapshot import Before

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
SERVICES = 300
DOMAINS = 2

PLAN = ServicePlan(
    rollout=RolloutId("web-1"),
    target=Target("sub", ServiceName("svc-0001"), Slot.PRODUCTION),
    change=UpgradePlan(Digest("0" * 64), "https://store.example/web.cspkg", Digest("1" * 64), "web-1"),
    health=HealthPlan(0.0, 120.0, 600.0, 15.0, (CheckPlan("instances", "instances", 10.0),)),
    walk=WalkPlan(300.0, 2700.0, allow_no_rollback=False),
    begin_timeout_s=1800.0,
    timeout_s=86_400.0,
    on_failure=OnFailure.ROLLBACK,
    rollback=RollbackPlan(RollbackMode.AUTO, None),
)


@pytest.fixture
def service_in() -> Callable[..., ServiceRollout]:
    """Make a service in a phase, begun at engine second 0 and five domains wide."""

    def make(phase: Phase, name: str = "svc-0001", **changes: Any) -> ServiceRollout:
        state = ServiceRollout(
            stream=StreamName(f"web-1/{name}#1"),
            version=9,
            plan=replace(PLAN, target=replace(PLAN.target, service=ServiceName(name))),
            attempt=1,
            phase=phase,
            phase_since_t=10.0,
            before=Before(f"{name}-production", "web-0", 5, {"WebRole1": 5}),
            mark=Mark(token="[ro:0123456789ab]"),  # noqa: S106 - the mark in a label
            started_t=0.0,
        )
        return replace(state, **changes)

    return make


@pytest.fixture
def ended(service_in: Callable[..., ServiceRollout]) -> Callable[..., ServiceRollout]:
    def make(outcome: Outcome, name: str = "svc-0001", reason: str = "so it was") -> ServiceRollout:
        return service_in(Ended(outcome, "policy", reason), name, phase_since_t=60.0)

    return make


def command(*words: str) -> list[str]:
    """Give the command line that starts `rollout` as a process of its own."""
    return [sys.executable, "-m", "rollout.cli.main", *words]


# --- a real emulator, one process for all tests ---


@contextlib.contextmanager
def serving(*options: str) -> Iterator[str]:
    """Run an emulator as a process of its own, and give its address."""
    words = ("--port", "0", "--services", str(SERVICES), "--domains", str(DOMAINS), "--time-scale", "4000", *options)
    process = subprocess.Popen(  # noqa: S603 - our own program
        command("emulator", *words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        assert process.stdout is not None
        said = process.stdout.readline()
        try:
            yield said.removeprefix("listening on ").strip()
        finally:
            process.terminate()
            process.communicate(timeout=10)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Serve a fleet with both slots, in which each test takes services of its own."""
    with serving("--staging") as url:
        yield url


@pytest.fixture(scope="session")
def untouched() -> Iterator[str]:
    """Serve a fleet that is only looked at, with nothing in staging."""
    with serving() as url:
        yield url


@pytest.fixture(scope="session")
def take() -> Callable[[int], list[str]]:
    """Give services that no other test has."""
    numbers = iter(range(1, SERVICES + 1))
    return lambda services: [f"svc-{next(numbers):04}" for _ in range(services)]


@pytest.fixture
def log_of(endpoint: str) -> Callable[[str], list[tuple[str, int | None]]]:
    """Give what really happened to a service, as (verb, domain)."""

    def read(service: str) -> list[tuple[str, int | None]]:
        log = _ask(f"{endpoint}/_emulator/log")
        return [(each["verb"], each["domain"]) for each in log if each["service"] == service]

    return read


@pytest.fixture
def state_of(endpoint: str) -> Callable[[str, str], str]:
    """Give the Status of a service's deployment in a slot, as it truly is."""

    def read(service: str, slot: str) -> str:
        services = {each["service"]: each for each in _ask(f"{endpoint}/_emulator/state")["services"]}
        return str({each["slot"]: each["status"] for each in services[service]["deployments"]}[slot])

    return read


@pytest.fixture
def faults(endpoint: str) -> Iterator[Callable[..., None]]:
    """Replace the emulator's faults to come; none are left after the test."""

    def put(*faults: dict[str, Any]) -> None:
        _ask(f"{endpoint}/_emulator/faults", json.dumps(faults).encode())

    yield put
    put()


def _ask(url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, method="PUT" if body else "GET")  # noqa: S310 - our own loopback URL
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own loopback URL
        return json.load(answer)


# --- policies on disk ---

POLICY = """\
rollout: {rollout}
change:
  upgrade:
    package: https://relstore.blob.example/packages/web-2.4.1.cspkg
    configuration: web.cscfg
    label: web-2.4.1
fleet:
  subscription: {subscription}
  services: {{{services}}}
waves:
  - {{name: rest, select: rest, max_parallel: {parallel}, failure_tolerance: {tolerance}, strict: false}}
health: {{wait_duration: 0s, stable_duration: {stable}, retry_timeout: 2s, interval: 20ms, checks: [{checks}]}}
walk: {{bake_before_last: 0s, domain_timeout: 20s}}
operation_timeout: {{begin: 20s}}
timeout: 1m
on_failure: {{service: {on_failure}, wave: halt}}
"""

CONFIGURATION = """\
<?xml version="1.0" encoding="utf-8"?>
<ServiceConfiguration serviceName="web" xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">
  <Role name="WebRole1"><Instances count="2"/><ConfigurationSettings/></Role>
</ServiceConfiguration>
"""


@pytest.fixture
def policy(tmp_path: Path) -> Callable[..., Path]:
    """Write a policy for some services and give its path."""

    def write(services: list[str], **fields: Any) -> Path:
        words = {"rollout": "web-2.4.1", "parallel": 2, "tolerance": 0, "stable": "20ms", "on_failure": "rollback"}
        words |= {"checks": "instances: ready"}
        named = ", ".join(f"{service}: {{}}" for service in services)
        text = POLICY.format(**(words | {"subscription": SUBSCRIPTION, "services": named} | fields))
        file = tmp_path / "policy.yaml"
        file.write_text(text, encoding="utf-8")
        (tmp_path / "web.cscfg").write_text(CONFIGURATION, encoding="utf-8")
        return file

    return write


# --- ways to run ---


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Run a command line inside this process."""
    for name in ("ROLLOUT_ENDPOINT", "ROLLOUT_STATE", "ROLLOUT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    yield lambda *words: CliRunner().invoke(cli, [str(word) for word in words])
    structlog.reset_defaults()


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command line as a process of its own; what a test leaves running is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str | Path, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command(*map(str, words)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()
