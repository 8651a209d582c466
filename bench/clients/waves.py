"""Four waves with failing domains: over HTTP against an emulator, or, without an endpoint, in virtual time."""

import json
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.child import Reading
from bench.clients import fleets
from bench.clients.order import Order, run
from bench.usage import cpu_s, peak_rss_bytes, rss_bytes
from rollout.assembly import assembled, make_kit
from rollout.core.compile import compile_bundle
from rollout.core.result import ExitCode, Result
from rollout.core.service import ServiceRollout
from rollout.emulator.chance import unit
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.emulator.knobs import Knobs
from rollout.errors import InvariantBroken
from rollout.policy.load import load_policy
from rollout.simulation.world import Parts, World, carry_out

FAILING: Final = 0.03
"""The share of domains whose walk fails."""
REQUEST_S_MAX: Final = 30.0
STEPS_PER_SERVICE_MAX: Final = 1_000_000
_POLICY: Final = """\
rollout: bench
change: {{upgrade: {{package: 'https://store.example/web.cspkg', configuration: web.cscfg}}}}
fleet: fleet.yaml
waves:
  - {{name: canary, select: 1%, max_parallel: 50, failure_tolerance: {tolerance}, strict: false}}
  - {{name: pilot, select: 10%, max_parallel: 100, failure_tolerance: {tolerance}, strict: false}}
  - {{name: third, select: 30%, max_parallel: 200, failure_tolerance: {tolerance}, strict: false}}
  - {{name: rest, select: rest, max_parallel: 400, failure_tolerance: {tolerance}, strict: false}}
health: {{stable_duration: {gate}, retry_timeout: 1h, interval: {gate}}}
walk: {{bake_before_last: {gate}, domain_timeout: 2h}}
operation_timeout: {{begin: 1h}}
on_failure: {{service: rollback, wave: halt}}
"""


class Waves(msgspec.Struct, frozen=True):
    """One measurement. With `halts` a wave tolerates nothing, and the first that fails has to end it."""

    services: int
    folder: str
    endpoint: str
    gate: str
    halts: bool = False


def failing(services: int) -> list[tuple[str, int]]:
    """Give the domains whose walk fails, always the same ones."""
    names = [f"svc-{number:04}" for number in range(1, services + 1)]
    return [(name, d) for name in names for d in range(fleets.DOMAINS) if unit(0, "waves", name, d) < FAILING]


def measure(given: dict[str, Any]) -> Reading:
    """Roll out, and hold the end against what the policy says of these failures."""
    waves = msgspec.convert(given, Waves)
    if waves.endpoint:
        return run(Order("", loop="uvloop"), lambda: _over_http(waves))
    return _in_virtual_time(waves)


async def _over_http(waves: Waves) -> Reading:
    with tempfile.TemporaryDirectory(prefix="bench-waves-", dir=waves.folder) as name:
        folder = Path(name)
        body = json.dumps(_faults(waves)).encode()
        request = urllib.request.Request(f"{waves.endpoint}/_emulator/faults", body, method="PUT")  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=REQUEST_S_MAX):  # noqa: ASYNC210, S310 - before anything runs
            before, used_s, began_s = rss_bytes(), cpu_s(), time.monotonic()
        bundle = load_policy(_documents(folder / "documents", waves))
        async with assembled(fleets.settings(waves.endpoint, folder / "state")) as assembly:
            rollout = await assembly.admit(bundle)
            result = await assembly.engine.run(rollout)
            services = list(assembly.engine.services(rollout).values())
        used = {"seconds": time.monotonic() - began_s, "cpu_s": cpu_s() - used_s}
        return _judged(waves, result, services) | used | _memory(before)


def _in_virtual_time(waves: Waves) -> Reading:
    with tempfile.TemporaryDirectory(prefix="bench-waves-", dir=waves.folder) as name:
        folder = Path(name)
        compiled = compile_bundle(load_policy(_documents(folder, waves)))
        before, used_s, began_s = rss_bytes(), cpu_s(), time.monotonic()
        put_together = partial(make_kit, fleets.settings("http://127.0.0.1:1", folder))
        world = World(put_together, FleetPlan(waves.services, fleets.DOMAINS), Knobs())
        world.fabric.set_faults(read_faults(_faults(waves)))

        async def script(parts: Parts) -> tuple[Result | None, list[ServiceRollout]]:
            result = await carry_out(parts, compiled)
            return result, list(parts.engine.services(compiled.plan.rollout).values())

        lived = world.live(script, steps_max=STEPS_PER_SERVICE_MAX * waves.services)
        if lived.result is None:
            raise InvariantBroken("the simulated engine died")
        used = {"seconds": time.monotonic() - began_s, "cpu_s": cpu_s() - used_s, "virtual_h": world.time() / 3600.0}
        return _judged(waves, *lived.result) | used | _memory(before)


def _memory(before: int) -> Reading:
    return {"rss": float(peak_rss_bytes()), "grown": float(peak_rss_bytes() - before)}


def _judged(waves: Waves, result: Result | None, services: Iterable[ServiceRollout]) -> Reading:
    """Refuse to measure a rollout that did not end as its policy says."""
    ended = Counter("open" if each.ended is None else each.ended.outcome.value for each in services)
    broken = {name for name, _ in failing(waves.services)}
    if waves.halts:
        # What was in flight holds after its domain, for a person to say what becomes of it.
        well = result is not None and result.code in {ExitCode.WENT_BACK, ExitCode.FOR_PERSON}
        well = well and ended["rolled_back"] >= 1 and ended["open"] > waves.services // 2
    else:
        well = result is not None and result.code == 0 and ended["rolled_back"] == len(broken)
        well = well and ended["succeeded"] == waves.services - len(broken)
    if not well:
        raise InvariantBroken(f"{len(broken)} services were to fail, and it ended so: {result}, {dict(ended)}")
    numbers = {"services": waves.services, "failed": ended["rolled_back"], "succeeded": ended["succeeded"]}
    return {key: float(value) for key, value in numbers.items()}


def _faults(waves: Waves) -> list[dict[str, Any]]:
    return [
        {"service": name, "verb": "walk", "domain": domain, "effect": "fail", "times": 1_000}
        for name, domain in failing(waves.services)
    ]


def _documents(folder: Path, waves: Waves) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    names = "".join(f"  svc-{number:04}: {{}}\n" for number in range(1, waves.services + 1))
    (folder / "fleet.yaml").write_text(f"subscription: {SUBSCRIPTION}\nservices:\n{names}", encoding="utf-8")
    (folder / "web.cscfg").write_bytes(configuration("web", "web-2.4.1", fleets.DOMAINS))
    policy = folder / "policy.yaml"
    tolerance = 0 if waves.halts else waves.services
    policy.write_text(_POLICY.format(tolerance=tolerance, gate=waves.gate), encoding="utf-8")
    return policy
