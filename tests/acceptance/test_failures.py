"""One failing service: within the tolerance, beyond it, and held; told by exit code, log, state and one sentence."""

from collections.abc import Callable
from typing import Any

FAILING = {"service": "svc-0002", "verb": "walk", "domain": 2, "effect": "fail"}
TOLERANT = "{name: rest, select: rest, max_parallel: 2, failure_tolerance: 1}"
STRICT = "{name: rest, select: rest}"


def labels(fleet: Any) -> dict[str, str]:
    found = {}
    for service in fleet.state()["services"]:
        (deployment,) = service["deployments"]
        found[service["service"]] = deployment["label"]
    return found


def test_a_failure_within_the_tolerance_is_rolled_back_and_the_others_finish(
    emulator: Callable[..., Any], policies: Any, runs: Any
) -> None:
    fleet = emulator("--services", "4", "--time-scale", "400")
    fleet.faults(FAILING)

    ended = runs.run(policies.write(4, wave=TOLERANT), fleet)

    assert ended.returncode == 0, ended.stderr
    assert fleet.order("svc-0002")[-1] == ("rollback", None)
    assert fleet.order("svc-0004") == [("upgrade", None), *(("walk", domain) for domain in range(5))]
    assert "svc-0002" in ended.stderr
    assert "walk of domain 2 failed" in ended.stderr
    again = runs.run(policies.write(4, wave=TOLERANT), fleet, "--strict-exit")
    assert again.returncode == 3


def test_a_failure_beyond_the_tolerance_halts_the_wave(emulator: Callable[..., Any], policies: Any, runs: Any) -> None:
    fleet = emulator("--services", "4", "--time-scale", "400")
    fleet.faults(FAILING)

    ended = runs.run(policies.write(4, wave=STRICT), fleet)

    assert ended.returncode == 3, ended.stderr
    assert fleet.order("svc-0002")[-1] == ("rollback", None)
    assert fleet.order("svc-0003") == []
    assert "tolerates 0" in ended.stderr


def test_a_failure_that_holds_waits_for_a_person(emulator: Callable[..., Any], policies: Any, runs: Any) -> None:
    fleet = emulator("--services", "3", "--time-scale", "400")
    fleet.faults(FAILING)

    ended = runs.run(policies.write(3, wave=STRICT, on_failure="hold"), fleet)

    assert ended.returncode == 4, ended.stderr
    assert ("rollback", None) not in fleet.order("svc-0002")
    assert "waits for a person" in ended.stderr
