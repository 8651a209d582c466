"""The gate after a domain and the bake before the last: three clocks, and evidence that may be missing."""

from typing import Any

import pytest

from rollout.core import event
from rollout.core.action import Watch
from rollout.core.event import Verdict

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


def test_no_check_is_asked_before_the_wait_is_over(story: Any) -> None:
    told = story().go("checking")
    assert told.action.sources[0].first_t == 10.0
    assert told.action.due_t == 10.0
    assert told.why == "web-01 waits for the first checks of domain 0, for 0s."


def test_the_gate_opens_after_an_unbroken_stable_duration(story: Any) -> None:
    told = story(stable_s=20.0).go("checking").at(10.0)
    assert isinstance(told.probe(PASS, after_s=0.0), event.Probed)
    assert told.action.due_t == 30.0
    assert told.why == "web-01 domain 0 is healthy and has to stay so, for 10s; the gate opens in 20s."
    assert told.probe(PASS, after_s=19.9) is None
    assert isinstance(told.probe(PASS, after_s=0.1), event.GatePassed)
    assert told.phase == "Ready"
    assert told.state.phase.domain == 1


def test_a_flip_starts_the_stable_clock_afresh(story: Any) -> None:
    told = story(stable_s=20.0).go("checking").at(10.0)
    for verdict, after_s in ((PASS, 0.0), (FAIL, 15.0), (PASS, 5.0)):
        assert isinstance(told.probe(verdict, after_s=after_s), event.Probed)
    assert told.probe(PASS, after_s=19.0) is None
    assert isinstance(told.probe(PASS, after_s=1.0), event.GatePassed)
    assert told.t == 50.0


def test_the_gate_fails_after_an_unbroken_retry_timeout_and_says_which_check(story: Any) -> None:
    told = story(retry_s=60.0).go("checking").at(10.0)
    told.probe(FAIL, after_s=0.0)
    assert told.action.due_t == 70.0
    assert told.why.endswith("domain 0 is not healthy, for 10s; the gate fails in 1m.")
    assert told.probe(FAIL, after_s=59.0) is None
    fact = told.probe(FAIL, after_s=1.0)
    assert fact.reason == "unhealthy for 60 s: instances: 4 of 6 ready"
    assert told.action.fact == event.TurnedBack(fact.reason)


def test_a_pass_starts_the_retry_clock_afresh(story: Any) -> None:
    told = story(retry_s=60.0).go("checking").at(10.0)
    for verdict, after_s in ((FAIL, 0.0), (PASS, 55.0), (FAIL, 10.0)):
        told.probe(verdict, after_s=after_s)
    assert told.probe(FAIL, after_s=59.0) is None
    assert isinstance(told.probe(FAIL, after_s=1.0), event.GateFailed)


def test_without_a_stable_duration_the_first_pass_opens_the_gate(story: Any) -> None:
    assert isinstance(story(stable_s=0.0).go("checking").probe(PASS), event.GatePassed)


def test_a_verdict_that_flips_with_every_round_ends_at_the_domain_timeout(story: Any) -> None:
    told = story(domain_timeout_s=100.0).go("checking")
    rounds = 0
    while told.state.failure is None:
        rounds += 1
        assert rounds < 30
        told.probe(PASS if rounds % 2 else FAIL)
    assert told.t == 100.0
    assert told.state.failure == "not healthy for long enough within walk.domain_timeout"


def test_a_steady_verdict_too_young_at_the_domain_timeout_fails_too(story: Any) -> None:
    told = story(domain_timeout_s=100.0).go("checking").at(95.0)
    told.probe(PASS, after_s=0.0)
    assert told.action.due_t == 100.0
    assert "gives up (walk.domain_timeout) in 5s" in told.why
    assert isinstance(told.probe(PASS), event.GateFailed)


# --- missing evidence ---


def test_unknown_never_passes_and_never_fails_and_asks_a_person_in_the_end(story: Any) -> None:
    told = story(domain_timeout_s=100.0).go("checking").at(10.0)
    assert isinstance(told.probe(UNKNOWN, after_s=0.0), event.Probed)
    assert told.probe(UNKNOWN, after_s=99.0) is None
    assert told.state.failure is None
    assert "no evidence: the gate of domain 0 stands still until its checks answer" in told.why
    assert told.why.endswith("asks a person (walk.domain_timeout) in 1s.")
    assert told.action == Watch(told.action.sources, due_t=110.0)
    assert isinstance(told.probe(UNKNOWN, after_s=1.0), event.HeldOnFailure)
    assert told.phase == "HeldForPerson"
    assert told.state.failure == "no evidence within walk.domain_timeout: instances: 4 of 6 ready"


def test_every_clock_stands_still_without_evidence_and_goes_on_with_it(story: Any) -> None:
    told = story(stable_s=20.0, domain_timeout_s=100.0).go("checking").at(10.0)
    told.probe(PASS, after_s=0.0)
    told.probe(UNKNOWN, after_s=12.0)
    told.probe(PASS, after_s=1000.0)
    assert told.state.phase.gate.since_t == 1010.0
    assert told.state.phase.step.began_t == 1000.0
    assert told.probe(PASS, after_s=7.0) is None
    assert isinstance(told.probe(PASS, after_s=1.0), event.GatePassed)


def test_the_retry_clock_stands_still_without_evidence(story: Any) -> None:
    told = story(retry_s=60.0).go("checking").at(10.0)
    told.probe(FAIL, after_s=0.0)
    told.probe(UNKNOWN, after_s=30.0)
    told.probe(FAIL, after_s=5000.0)
    assert told.probe(FAIL, after_s=29.0) is None
    assert isinstance(told.probe(FAIL, after_s=1.0), event.GateFailed)


def test_evidence_that_returns_as_the_opposite_starts_afresh(story: Any) -> None:
    told = story(stable_s=20.0, retry_s=60.0).go("checking").at(10.0)
    told.probe(PASS, after_s=0.0)
    told.probe(UNKNOWN, after_s=19.0)
    assert isinstance(told.probe(FAIL, after_s=500.0), event.Probed)
    assert told.state.phase.gate.since_t == told.t


def test_evidence_that_comes_and_goes_is_bounded_by_the_time_it_was_there(story: Any) -> None:
    told = story(stable_s=50.0, retry_s=50.0, domain_timeout_s=100.0).go("checking")
    rounds = 0
    while told.state.failure is None:
        rounds += 1
        assert rounds < 60
        told.probe((PASS, UNKNOWN, FAIL, UNKNOWN)[rounds % 4])
    assert told.t > 180.0


# --- the bake ---


def test_the_bake_stands_before_the_last_domain_only(story: Any) -> None:
    told = story(3).go("checking")
    told.tell(event.GatePassed(0, ()))
    assert told.phase == "Ready"
    told.walk(1).tell(event.GatePassed(1, ()))
    assert (told.phase, told.state.phase.domain) == ("Baking", 2)
    told.tell(event.Baked(2, ()))
    assert (told.phase, told.state.phase.domain) == ("Ready", 2)


def test_a_policy_without_a_bake_goes_on_at_once(story: Any) -> None:
    told = story(2, bake_s=0.0).go("checking").tell(event.GatePassed(0, ()))
    assert (told.phase, told.state.phase.domain) == ("Ready", 1)


def test_the_bake_ends_at_its_time_when_all_is_healthy(story: Any) -> None:
    told = story(bake_s=100.0, stable_s=20.0).go("baking")
    assert told.action.due_t == 100.0
    assert "bakes before domain 2, the point of no return" in told.why
    told.probe(PASS)
    assert told.action.due_t == 100.0
    assert told.probe(PASS, after_s=94.0) is None
    assert isinstance(told.probe(PASS, after_s=1.0), event.Baked)


def test_a_bake_healthy_for_too_short_a_time_goes_on_until_it_is(story: Any) -> None:
    told = story(bake_s=100.0, stable_s=20.0, retry_s=200.0).go("baking")
    told.probe(FAIL, after_s=80.0)
    assert "is not healthy in the bake" in told.why
    told.probe(PASS, after_s=15.0)
    assert told.action.due_t == 115.0
    assert told.probe(PASS, after_s=10.0) is None
    assert isinstance(told.probe(PASS, after_s=10.0), event.Baked)


def test_an_unhealthy_bake_goes_back_before_the_point_of_no_return(story: Any) -> None:
    told = story(bake_s=100.0, retry_s=60.0).go("baking")
    told.probe(FAIL)
    assert told.action.due_t == 65.0
    assert isinstance(told.probe(FAIL, after_s=60.0), event.GateFailed)
    assert told.obey().phase == "RollingBack"


def test_a_bake_without_evidence_stands_still(story: Any) -> None:
    told = story(bake_s=100.0, stable_s=20.0).go("baking")
    told.probe(PASS, after_s=10.0)
    told.probe(UNKNOWN, after_s=10.0)
    assert "no evidence: the bake before the last domain stands still" in told.why
    told.probe(PASS, after_s=400.0)
    assert told.probe(PASS, after_s=79.0) is None
    assert isinstance(told.probe(PASS, after_s=1.0), event.Baked)


def test_a_bake_that_keeps_flipping_ends_like_a_gate_that_does(story: Any) -> None:
    told = story(bake_s=100.0, domain_timeout_s=200.0).go("baking")
    rounds = 0
    while told.state.failure is None:
        rounds += 1
        assert rounds < 80
        told.probe(PASS if rounds % 2 else FAIL)
    assert told.t == 300.0


@pytest.mark.parametrize("place", ["ready", "settling", "rolling_back"])
def test_a_verdict_outside_a_gate_means_nothing(story: Any, place: str) -> None:
    assert story().go(place).probe(FAIL) is None
