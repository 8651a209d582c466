"""Plans: the finish that `rollout plan` expects, against the one the engine has on the emulated fleet in virtual time.

Nothing is timed but the emulated world: the same seed gives the same figures on any machine. The fleet takes what was
recorded of the live API, and the engine asks it at the pace of a real subscription.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from bench.report import Column, Report, Row
from bench.setting import SMOKE, Setting
from rollout.assembly import make_kit
from rollout.core.compile import Compiled, compile_bundle
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.emulator.knobs import Knobs
from rollout.errors import InvariantBroken
from rollout.planning.make import Wanted, plan_document
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation.world import WALL_AT_START, World, carry_out

TITLE: Final = "Plans: the expected finish against the actual one, emulated fleet in virtual time"
COLUMNS: Final = [
    Column("services", "services"),
    Column("best_h", "best", "h"),
    Column("expected_h", "expected", "h"),
    Column("latest_h", "latest", "h"),
    Column("actual_h", "actual", "h"),
    Column("error", "error", "%", 100.0),
    Column("within", "best ≤ actual ≤ latest", "%", 100.0, "more"),
]
DOMAINS: Final = 5
SEEDS: Final = 3
HOUR_S: Final = 3600.0
_PACKAGE: Final = 'package: "https://store.example/web.cspkg", configuration: web.cscfg'


class Case(msgspec.Struct, frozen=True):
    """One policy, over so many services at full size."""

    name: str
    services: int
    waves: str = ""
    more: str = ""
    staged: bool = False


CASES: Final = (
    Case("one service after the other", 3, "{name: all, select: rest}"),
    Case("twelve, four at a time", 12, "{name: all, select: rest, max_parallel: 4, strict: false}"),
    Case(
        "canary, bake, rest",
        20,
        "{name: canary, select: 1, bake: 30m}, {name: rest, select: rest, max_parallel: 6, strict: false}",
    ),
    Case("staging, barrier, swap", 6, "{name: all, select: rest, max_parallel: 6, strict: false}", staged=True),
    Case(
        "nightly windows",
        8,
        "{name: all, select: rest, max_parallel: 2, strict: false}",
        'windows: ["Mon-Sun 22:00-05:00 UTC"]',
    ),
    Case("a hundred at once", 100, "{name: all, select: rest, max_parallel: 100, strict: false}"),
)


def run(setting: Setting, report: Report) -> None:
    """Plan and play every case with every seed."""
    seeds = 1 if setting.size is SMOKE else SEEDS
    setting.steps.expect(len(CASES))
    report.notes.append(f"{DOMAINS} domains, default gates and bakes; {seeds} seeds, and the table shows their median")
    for case in CASES:
        services = setting.size.scaled(case.services, least=2)
        row = Row(case.name)
        setting.steps.begin(row.name)
        with tempfile.TemporaryDirectory(prefix="bench-plan-") as folder:
            compiled = _compiled(Path(folder), case, services)
            row.readings += [_reading(compiled, case, seed) for seed in range(seeds)]
        report.rows.append(row)
        setting.steps.done()


def _reading(compiled: Compiled, case: Case, seed: int) -> dict[str, float]:
    finish = plan_document(Wanted(compiled.plan, compiled.services), WALL_AT_START).finish
    if finish.best_s is None or finish.expected_s is None or finish.latest_s is None:
        raise InvariantBroken(f"the plan of {case.name!r} has no end")
    actual_s = _played_s(compiled, case, seed)
    return {
        "services": float(len(compiled.services)),
        "best_h": finish.best_s / HOUR_S,
        "expected_h": finish.expected_s / HOUR_S,
        "latest_h": finish.latest_s / HOUR_S,
        "actual_h": actual_s / HOUR_S,
        "error": finish.expected_s / actual_s - 1.0,
        "within": float(finish.best_s <= actual_s <= finish.latest_s),
    }


def _played_s(compiled: Compiled, case: Case, seed: int) -> float:
    put_together = partial(make_kit, RunSettings("https://rehearsal.invalid", Path()))
    fleet = FleetPlan(len(compiled.services), DOMAINS, staging=case.staged)
    world = World(put_together, fleet, Knobs(), seed)
    result = world.live(lambda parts: carry_out(parts, compiled), steps_max=1_000_000_000).result
    if result is None or result.code:
        raise InvariantBroken(f"the rollout of {case.name!r} did not end well: {result}")
    return world.time()


def _compiled(folder: Path, case: Case, services: int) -> Compiled:
    slot = "slot: staging, " if case.staged else ""
    swap = ", swap: {bake: 10m}" if case.staged else ""
    names = ", ".join(f"svc-{number:04}: {{}}" for number in range(1, services + 1))
    lines = [
        "rollout: bench",
        f"change: {{upgrade: {{{slot}{_PACKAGE}}}{swap}}}",
        f"fleet: {{subscription: {SUBSCRIPTION}, services: {{{names}}}}}",
        f"waves: [{case.waves}]",
        case.more,
    ]
    (folder / "web.cscfg").write_bytes(configuration("web", "web-2.4.1", DOMAINS))
    (folder / "policy.yaml").write_text("\n".join(lines), encoding="utf-8")
    return compile_bundle(load_policy(folder / "policy.yaml"))
