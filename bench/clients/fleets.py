"""What fleet measurements share: documents for N services, and an engine over a platform, in one process."""

import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rollout.assembly import make_kit
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.emulator.fleet import SUBSCRIPTION, configuration
from rollout.engine.clock import EngineClock
from rollout.engine.engine import Engine
from rollout.engine.groups import unwrapped
from rollout.engine.kit import Kit
from rollout.engine.streams import RolloutLedger
from rollout.journal.ledger import Ledger
from rollout.journal.sqlite import SqliteJournal
from rollout.platforms.platform import Platform
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.settings.model import Limits, PaceLimit

DOMAINS: Final = 5
GATE_MS: Final = 500
"""Each of the gate's clocks, and the bake before the last domain."""
PACE: Final = PaceLimit(start=10_000, ceiling=10_000)
"""The highest that settings take."""
_POLICY: Final = """\
rollout: bench
change:
  upgrade: {{package: 'https://store.example/web.cspkg', configuration: 'web.cscfg'}}
fleet: fleet.yaml
waves:
  - {{name: rest, select: rest, max_parallel: {services}, failure_tolerance: 0, strict: false}}
health: {{stable_duration: {gate_ms}ms, retry_timeout: 1h, interval: {gate_ms}ms}}
walk: {{bake_before_last: {gate_ms}ms, domain_timeout: 2h}}
operation_timeout: {{begin: 1h}}
on_failure: {{service: hold}}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """An engine with its surroundings, for the time of `running`'s block."""

    engine: Engine
    kit: Kit
    ledger: RolloutLedger
    journal: SqliteJournal


def documents(folder: Path, services: int, gate_ms: int = GATE_MS) -> Path:
    """Write a policy that upgrades so many services at once, and give its path."""
    folder.mkdir(parents=True, exist_ok=True)
    names = "".join(f"  svc-{number:04}: {{}}\n" for number in range(1, services + 1))
    (folder / "fleet.yaml").write_text(f"subscription: {SUBSCRIPTION}\nservices:\n{names}", encoding="utf-8")
    (folder / "web.cscfg").write_bytes(configuration("web", "web-2.4.1", DOMAINS))
    policy = folder / "policy.yaml"
    policy.write_text(_POLICY.format(services=services, gate_ms=gate_ms), encoding="utf-8")
    return policy


def compiled(folder: Path, services: int, gate_ms: int = GATE_MS) -> Compiled:
    """Write the documents and compile them."""
    return compile_bundle(load_policy(documents(folder, services, gate_ms)))


def settings(endpoint: str, state: Path) -> RunSettings:
    """Give settings that pace nothing below what they allow."""
    return RunSettings(endpoint, state, limits=Limits(reads=PACE, writes=PACE))


@contextlib.asynccontextmanager
async def running(platform: Platform, journal: SqliteJournal, folder: Path) -> AsyncIterator[Run]:
    """Put an engine together over a platform and an open journal."""
    clock = EngineClock.on_running_loop(await journal.last_t(), time.time)
    with unwrapped():
        ledger: RolloutLedger = Ledger(journal, evolve, evolve_fleet)
        async with ledger.opened():
            kit = make_kit(settings("http://127.0.0.1:1", folder), ledger, platform, clock, random.random)
            yield Run(Engine(journal, kit), kit, ledger, journal)
