"""`instances: ready` judges the walked domain alone, and never takes missing evidence for an answer."""

import pytest

from rollout.core.event import Evidence, Verdict
from rollout.core.names import ServiceName, Slot, Target
from rollout.core.outcome import Unreachable
from rollout.core.snapshot import Absent, Activity, Instance, Observation, Snapshot
from rollout.gates.instances import InstancesCheck
from rollout.gates.probe import Probe
from rollout.simulation.loop import run

TARGET = Target("sub", ServiceName("web"), Slot.PRODUCTION)


def instance(number: int, domain: int | None, *, ready: bool = True) -> Instance:
    return Instance(f"web_IN_{number}", "web", domain, ready, "ReadyRole" if ready else "BusyRole")


def snapshot(*instances: Instance) -> Snapshot:
    return Snapshot("dep", "web", Activity.RUNNING, "Running", 2, instances, None, False, None, "digest")  # noqa: FBT003 -- field order is the record's


def judge(observation: Observation, *domains: int, domain: int = 0) -> Evidence:
    asked: list[Target] = []

    async def look(target: Target) -> Observation:
        asked.append(target)
        return observation

    check = InstancesCheck("instances", look, timeout_s=10.0)
    verdict, (evidence,) = run(Probe([check]).round(TARGET, domains or (domain,)))
    assert asked == [TARGET]
    assert evidence.verdict is verdict
    assert evidence.check == "instances"
    return evidence


def test_a_domain_passes_when_all_its_instances_are_ready() -> None:
    evidence = judge(snapshot(instance(0, 0), instance(1, 0), instance(2, 1, ready=False)))
    assert (evidence.verdict, evidence.detail) == (Verdict.PASS, "domain 0: all 2 instances are ready")


def test_a_domain_fails_with_the_names_and_states_of_what_is_not_ready() -> None:
    evidence = judge(snapshot(instance(0, 0), instance(1, 0, ready=False), instance(2, 1)))
    assert evidence.verdict is Verdict.FAIL
    assert evidence.detail == "domain 0: 1 of 2 instances are not ready: web_IN_1 (BusyRole)"


@pytest.mark.parametrize(("count", "named", "ending"), [(8, 8, "web_IN_7 (BusyRole)"), (11, 8, "and 3 more")])
def test_at_most_eight_instances_are_named(count: int, named: int, ending: str) -> None:
    evidence = judge(snapshot(*(instance(number, 0, ready=False) for number in range(count))))
    assert evidence.detail.count("web_IN_") == named
    assert evidence.detail.endswith(ending)


def test_a_domain_without_instances_passes_and_says_so() -> None:
    evidence = judge(snapshot(instance(0, 0, ready=False), instance(1, None, ready=False)), domain=1)
    assert (evidence.verdict, evidence.detail) == (Verdict.PASS, "domain 1: no instances")


def test_a_deployment_that_is_gone_fails() -> None:
    evidence = judge(Absent("ResourceNotFound"))
    assert (evidence.verdict, evidence.detail) == (Verdict.FAIL, "there is no deployment: ResourceNotFound")


def test_a_look_without_an_answer_is_unknown_never_a_verdict() -> None:
    evidence = judge(Unreachable("connection refused"))
    assert (evidence.verdict, evidence.detail) == (Verdict.UNKNOWN, "nobody can look: connection refused")


def test_several_domains_are_judged_together_and_named() -> None:
    evidence = judge(snapshot(instance(0, 0), instance(1, 1, ready=False), instance(2, 2, ready=False)), 0, 1)
    assert evidence.detail == "domains 0, 1: 1 of 2 instances are not ready: web_IN_1 (BusyRole)"
