"""`instances: ready` judges the walked domain alone, and never takes missing evidence for an answer."""

from collections.abc import Callable
from typing import Any

import pytest

from rollout.core.check_plan import InstancesSource, Scope
from rollout.core.event import Evidence, Verdict
from rollout.core.outcome import Unreachable
from rollout.core.snapshot import Absent, Observation
from rollout.gates.instances import GATES_MAX, PLAIN, InstancesCheck, Restarts
from rollout.simulation.loop import run

Make = Callable[..., Any]


@pytest.fixture
def judge(ask_about: Make, planned: Make) -> Callable[..., Evidence]:
    def ask(observation: Observation, *domains: int, source: InstancesSource = PLAIN, **more: Any) -> Evidence:
        return run(InstancesCheck(planned(source, **more), source).ask(ask_about(observation, *domains)))

    return ask


def test_a_domain_passes_when_all_its_instances_are_ready(judge: Make, seen: Make, one: Make) -> None:
    evidence = judge(seen(one(0, 0), one(1, 0), one(2, 1, ready=False)))
    assert evidence == Evidence("instances", Verdict.PASS, "domain 0: all 2 instances are ready", "2/2")


def test_a_domain_fails_with_the_names_and_states_of_what_is_not_ready(judge: Make, seen: Make, one: Make) -> None:
    evidence = judge(seen(one(0, 0), one(1, 0, ready=False), one(2, 1)))
    assert (evidence.verdict, evidence.value) == (Verdict.FAIL, "1/2")
    assert evidence.detail == "domain 0: 1 of 2 instances are not ready: web_IN_1 (BusyRole)"


@pytest.mark.parametrize(("count", "named", "ending"), [(8, 8, "web_IN_7 (BusyRole)"), (11, 8, "and 3 more")])
def test_at_most_eight_instances_are_named(
    *, judge: Make, seen: Make, one: Make, count: int, named: int, ending: str
) -> None:
    evidence = judge(seen(*(one(number, 0, ready=False) for number in range(count))))
    assert evidence.detail.count("web_IN_") == named
    assert evidence.detail.endswith(ending)


def test_a_domain_without_instances_passes_and_says_so(judge: Make, seen: Make, one: Make) -> None:
    evidence = judge(seen(one(0, 0, ready=False), one(1, None, ready=False)), 1)
    assert (evidence.verdict, evidence.detail) == (Verdict.PASS, "domain 1: no instances")


def test_a_deployment_that_is_gone_fails(judge: Make) -> None:
    evidence = judge(Absent("ResourceNotFound"))
    assert (evidence.verdict, evidence.detail) == (Verdict.FAIL, "there is no deployment: ResourceNotFound")


def test_a_look_without_an_answer_is_unknown_never_a_verdict(judge: Make) -> None:
    evidence = judge(Unreachable("connection refused"))
    assert (evidence.verdict, evidence.detail) == (Verdict.UNKNOWN, "nobody can look: connection refused")


def test_several_domains_are_judged_together_and_named(judge: Make, seen: Make, one: Make) -> None:
    evidence = judge(seen(one(0, 0), one(1, 1, ready=False), one(2, 2, ready=False)), 0, 1)
    assert evidence.detail == "domains 0, 1: 1 of 2 instances are not ready: web_IN_1 (BusyRole)"


def test_with_the_scope_of_the_service_every_instance_counts(judge: Make, seen: Make, one: Make) -> None:
    evidence = judge(seen(one(0, 0), one(1, 1, ready=False), one(2, None)), 0, scope=Scope.SERVICE)
    assert evidence.detail == "the service: 1 of 3 instances are not ready: web_IN_1 (BusyRole)"


@pytest.mark.parametrize(("share", "verdict"), [(0.5, Verdict.PASS), (0.67, Verdict.FAIL)])
def test_a_share_lets_some_of_them_be_down(judge: Make, seen: Make, one: Make, share: float, verdict: Verdict) -> None:
    shown = seen(one(0, 0), one(1, 0, ready=False), one(2, 0, ready=False), one(3, 0))
    evidence = judge(shown, source=InstancesSource(share=share))
    assert (evidence.verdict, evidence.value, evidence.threshold) == (verdict, "2/4", f">= {share:.0%}")


def test_an_instance_that_keeps_restarting_fails_although_it_is_ready(
    ask_about: Make, planned: Make, seen: Make, one: Make
) -> None:
    check = InstancesCheck(planned(None), InstancesSource(share=0.5, restarts_max=1))

    def look(*, ready: bool, since_t: float = 7.0) -> Verdict:
        shown = seen(one(0, 0, ready=ready), one(1, 0))
        return run(check.ask(ask_about(shown, 0, since_t=since_t))).verdict

    assert [look(ready=ready) for ready in (True, False, False, True)] == [Verdict.PASS] * 4
    evidence = run(check.ask(ask_about(seen(one(0, 0, ready=False), one(1, 0)), 0, since_t=7.0)))
    assert evidence.verdict is Verdict.FAIL
    assert evidence.detail == "domain 0: web_IN_0 has stopped being ready 2 times"
    assert look(ready=True) is Verdict.FAIL
    assert look(ready=True, since_t=8.0) is Verdict.PASS, "another gate counts anew"


def test_the_memory_of_restarts_is_bounded(ask_about: Make, one: Make) -> None:
    restarts, target = Restarts(), ask_about(None).target
    for since_t in range(GATES_MAX + 5):
        restarts.count(target, float(since_t), [one(0, 0)])
    assert len(restarts._gates) == GATES_MAX
