"""A real emulator in its own process, policies for it, and `rollout run` as a user starts it."""

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

ROLLOUT = str(Path(sys.executable).with_name("rollout"))
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
CONFIGURATION = """<?xml version="1.0" encoding="utf-8"?>
<ServiceConfiguration serviceName="{service}" xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">
  <Role name="WebRole1"><ConfigurationSettings/><Instances count="{instances}"/></Role>
</ServiceConfiguration>
"""
HEALTH = "{stable_duration: 100ms, retry_timeout: 2s, interval: 100ms}"

UPGRADE = "{upgrade: {package: 'https://store.example/web.cspkg', configuration: 'configs/{service}.cscfg'}}"

Effects = Counter[tuple[str, str, int | None]]


class Emulator:
    """A running `rollout emulator`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def log(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._get("log")
        return entries

    def state(self) -> Any:
        return self._get("state")

    def effects(self) -> Effects:
        return Counter((each["service"], each["verb"], each["domain"]) for each in self.log())

    def order(self, service: str) -> list[tuple[str, int | None]]:
        return [(each["verb"], each["domain"]) for each in self.log() if each["service"] == service]

    def faults(self, *faults: dict[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310 - our own loopback emulator
            f"{self.url}/_emulator/faults",
            data=json.dumps(faults).encode(),
            method="PUT",
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own loopback emulator
            assert answer.status < 300

    def _get(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/_emulator/{what}", timeout=10) as answer:  # noqa: S310 - as above
            return json.load(answer)


@contextmanager
def _emulator(*arguments: str) -> Iterator[Emulator]:
    command = [ROLLOUT, "emulator", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - our own command
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith("listening on "), said
            yield Emulator(said.removeprefix("listening on ").strip())
        finally:
            process.terminate()


@pytest.fixture
def emulator() -> Iterator[Callable[..., Emulator]]:
    """Start emulators with the given arguments; all end with the test."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(_emulator(*arguments))


class Policies:
    """Writes a policy with its fleet and one configuration file for each service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(
        self,
        services: int,
        *,
        name: str = "web-2.4.1",
        wave: str = "{name: rest, select: rest, max_parallel: 50, failure_tolerance: 0, strict: false}",
        on_failure: str = "rollback",
        health: str = HEALTH,
        walk: str = "{bake_before_last: 200ms, domain_timeout: 60s}",
        instances: int = 5,
        change: str = UPGRADE,
    ) -> Path:
        names = [f"svc-{number:04}" for number in range(1, services + 1)]
        (self.folder / "configs").mkdir(parents=True, exist_ok=True)
        for each in names:
            text = CONFIGURATION.format(service=each, instances=instances)
            (self.folder / "configs" / f"{each}.cscfg").write_text(text, encoding="utf-8")
        fleet = "\n".join(f"  {each}: {{}}" for each in names)
        (self.folder / "fleet.yaml").write_text(f"subscription: {SUBSCRIPTION}\nservices:\n{fleet}\n", encoding="utf-8")
        policy = self.folder / "policy.yaml"
        policy.write_text(
            f"rollout: {name}\n"
            f"change: {change}\n"
            "fleet: fleet.yaml\n"
            f"waves:\n  - {wave}\n"
            f"health: {health}\n"
            f"walk: {walk}\n"
            f"on_failure: {{service: {on_failure}}}\n",
            encoding="utf-8",
        )
        return policy


@pytest.fixture
def policies(tmp_path: Path) -> Policies:
    return Policies(tmp_path / "release")


class Runs:
    """`rollout run` against one state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def command(self, policy: Path, emulator: Emulator, *more: str) -> list[str]:
        fixed = ["run", "-f", str(policy), "--endpoint", emulator.url, "--state", str(self.state)]
        return [ROLLOUT, *fixed, "--request-timeout", "1s", *more]

    def run(self, policy: Path, emulator: Emulator, *more: str) -> subprocess.CompletedProcess[str]:
        command = self.command(policy, emulator, *more)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)  # noqa: S603 - our own command

    def killed_after(self, seconds: float, policy: Path, emulator: Emulator) -> bool:
        """Run, kill -9 after so long; True = it was still running then."""
        command = self.command(policy, emulator)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - our own command
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                return True
        return False

    def killed_at_work(self, seconds: float, policy: Path, emulator: Emulator, *more: str) -> bool:
        """Run, and kill -9 so long after it first wrote into its state directory; True = it was running then."""
        command, began = self.command(policy, emulator, *more), time.time()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - our own command
            while process.poll() is None and not any(each.stat().st_mtime > began for each in self.state.glob("*")):
                time.sleep(0.02)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                return True
        return False


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "state")


def whole_way(services: int, domains: int = 5) -> Effects:
    """Count what a rollout without failures does to a fleet."""
    names = [f"svc-{number:04}" for number in range(1, services + 1)]
    effects: Effects = Counter({(name, "upgrade", None): 1 for name in names})
    effects.update({(name, "walk", domain): 1 for name in names for domain in range(domains)})
    return effects


@pytest.fixture
def expected() -> Callable[..., Effects]:
    return whole_way
