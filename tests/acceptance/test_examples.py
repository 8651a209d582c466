"""The examples in policies/ do what their first lines say: run as a user runs them, judged by the emulator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

POLICIES = Path(__file__).parents[2] / "policies"
DOMAINS = 5
SERVICES = [f"svc-{number:04}" for number in range(1, 13)]
FLEET = ("--services", "12", "--domains", str(DOMAINS), "--time-scale", "2000")
QUICK = (
    *("health.wait_duration=0s", "health.stable_duration=20ms", "health.interval=20ms", "walk.bake_before_last=0s"),
    *("waves[0].max_parallel=12", "waves[0].failure_tolerance=11"),
)

WALKS = [("walk", domain) for domain in range(DOMAINS)]
CONFIGURED = [("config", None), *WALKS]


def run(runs: Any, fleet: Any, name: str, *sets: str) -> str:
    """Run an example with shorter waits, in its own words otherwise, and give what it says at its end."""
    words = [word for each in (*QUICK, *sets) for word in ("--set", each)]
    ended = runs.run(POLICIES / f"{name}.yaml", fleet, *words)
    assert ended.returncode == 0, ended.stderr
    said: str = ended.stderr.splitlines()[-1]
    return said


def deployments(fleet: Any) -> dict[tuple[str, str], Any]:
    """Give every deployment as it truly is, by service and slot."""
    services = fleet.state()["services"]
    return {(each["service"], found["slot"]): found for each in services for found in each["deployments"]}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["settings", "configure"])
def test_a_configuration_is_changed_domain_by_domain(emulator: Callable[..., Any], runs: Any, name: str) -> None:
    fleet = emulator(*FLEET)
    assert run(runs, fleet, name) == "succeeded: 12 of 12 services have the new configuration."
    assert [fleet.order(service) for service in SERVICES] == [CONFIGURED] * 12
    assert run(runs, fleet, name) == "succeeded: 12 of 12 services have the new configuration."
    assert len(fleet.log()) == 12 * len(CONFIGURED)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("staging", [True, False])
def test_staging_is_upgraded_or_created_and_takes_over(
    emulator: Callable[..., Any], runs: Any, *, staging: bool
) -> None:
    fleet = emulator(*FLEET, *(["--staging"] if staging else []))
    said = run(runs, fleet, "staging-swap", "change.swap.barrier=none", "change.swap.bake=50ms")
    assert said == "succeeded: 12 of 12 services serve what was in staging."
    before = [("upgrade", None), *WALKS] if staging else [("create", None)]
    assert [fleet.order(service) for service in SERVICES] == [[*before, ("swap", None)]] * 12
    found = deployments(fleet)
    for service in SERVICES:
        assert {each["label"].partition(" ")[0] for each in found[service, "production"]["instances"]} == {"web-2.4.1"}
        assert {each["label"] for each in found[service, "staging"]["instances"]} == {"web-2.4.0"}


@pytest.mark.timeout(180)
def test_the_slots_of_a_fleet_are_exchanged(emulator: Callable[..., Any], runs: Any) -> None:
    fleet = emulator(*FLEET, "--staging")
    assert (
        run(runs, fleet, "swap", "change.swap.bake=50ms") == "succeeded: 12 of 12 services serve what was in staging."
    )
    found = deployments(fleet)
    for service in SERVICES:
        assert fleet.order(service) == [("swap", None)]
        assert found[service, "production"]["deployment"] == f"{service}-staging"


@pytest.mark.timeout(180)
def test_a_fleet_is_suspended_and_started_again_by_the_same_page(emulator: Callable[..., Any], runs: Any) -> None:
    fleet = emulator(*FLEET)
    assert run(runs, fleet, "status") == "succeeded: 12 of 12 services are suspended."
    assert {each["status"] for each in deployments(fleet).values()} == {"Suspended"}
    said = run(runs, fleet, "status", "change.status=running", "rollout=start-the-fleet")
    assert said == "succeeded: 12 of 12 services are running."
    assert {each["status"] for each in deployments(fleet).values()} == {"Running"}
    assert [fleet.order(service) for service in SERVICES] == [[("status", None)] * 2] * 12
