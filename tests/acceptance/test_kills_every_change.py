"""Engines killed with kill -9 in the middle of each kind of change: nothing twice, nothing left out, the right end."""

import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

LONG = bool(os.environ.get("ROLLOUT_LONG"))
KILLS = 20 if LONG else 4
"""Of each kind of change; there are five kinds."""
LARGER = 4 if LONG else 1
"""More kills need more services: each of them has to meet an engine at work, and few are at work at once."""
TIMEOUT = ("--request-timeout", "500ms")
PACKAGE = "package: 'https://store.example/web.cspkg', configuration: 'configs/{service}.cscfg'"
WALKS = [("walk", domain) for domain in range(3)]


class Kind(NamedTuple):
    """One kind of change to a fleet, and everything that is done to each service."""

    change: str
    way: list[tuple[str, int | None]]
    time_scale: float
    services: int
    parallel: int
    production: str = "production"
    """Which deployment stands there in the end."""
    status: str = "Running"


KINDS = {
    "upgrade": Kind(f"{{upgrade: {{{PACKAGE}}}}}", [("upgrade", None), *WALKS], 1000.0, 6, 2),
    "configure": Kind("{configure: {settings: {WebRole1/Release: '9'}}}", [("config", None), *WALKS], 1000.0, 6, 2),
    "staged swap": Kind(
        f"{{upgrade: {{slot: staging, {PACKAGE}}}, swap: {{bake: 300ms, keep_previous: 1m, barrier: none}}}}",
        [("upgrade", None), *WALKS, ("swap", None)],
        1000.0,
        6,
        2,
        "staging",
    ),
    "swap": Kind("{swap: {bake: 500ms, keep_previous: 1m}}", [("swap", None)], 20.0, 6, 2, "staging"),
    "status": Kind("{status: suspended}", [("status", None)], 5.0, 6, 2, status="Suspended"),
}


@pytest.mark.timeout(900 if LONG else 180)
@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_killed_in_the_middle_of_any_change_goes_on_where_it_was(
    kind: str, emulator: Callable[..., Any], policies: Any, runs: Any, record_property: Callable[[str, object], None]
) -> None:
    change, chance = KINDS[kind], random.Random(f"2026 {kind}")  # noqa: S311 - instants, not secrets
    services = change.services * LARGER
    fleet = emulator(
        "--services",
        str(services),
        "--domains",
        "3",
        "--staging",
        "--time-scale",
        str(change.time_scale),
    )
    wave = f"{{name: rest, select: rest, max_parallel: {change.parallel}, strict: false}}"
    policy = policies.write(services, name="kills", instances=3, wave=wave, change=change.change)

    kills = sum(runs.killed_at_work(chance.uniform(0.0, 1.2), policy, fleet, *TIMEOUT) for _ in range(KILLS))
    before = sum(fleet.effects().values())
    ended = runs.run(policy, fleet, *TIMEOUT)

    record_property("effects before the last engine", before)
    assert kills == KILLS
    assert ended.returncode == 0, ended.stderr
    names = [f"svc-{number:04}" for number in range(1, services + 1)]
    assert fleet.effects() == Counter((name, *done) for name in names for done in change.way)
    assert {name: fleet.order(name) for name in names} == dict.fromkeys(names, change.way)
    for service in fleet.state()["services"]:
        (production,) = [each for each in service["deployments"] if each["slot"].lower() == "production"]
        assert production["deployment"].endswith(change.production)
        assert production["status"] == change.status
