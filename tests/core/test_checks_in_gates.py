"""What each check's word counts as: advisory, final, excused, waiting, aborting; and the checks before the change."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rollout.core import change_event, event, word_event
from rollout.core.action import ProbeHealth, Wait, Watch
from rollout.core.check_plan import CheckPlan, HttpSource, Moment
from rollout.core.command import Command, Refused, Verb
from rollout.core.commands import answer
from rollout.core.ending import Outcome
from rollout.core.event import Evidence, Finding, HoldReason, Verdict
from rollout.core.gate_event import Baselined
from rollout.core.judge import interpret_probe, sum_up
from rollout.core.phase import Baking, Checking

PASS, FAIL, UNKNOWN, WAIT, ABORT = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.WAIT, Verdict.ABORT


def check(name: str, kind: str = "http", **more: Any) -> CheckPlan:
    return CheckPlan(name, kind, 10.0, source=HttpSource("https://a.example"), **more)


def checked(story: Any, *checks: CheckPlan, place: str = "checking", health: Any = None, **plan: Any) -> Any:
    """Give a story whose gate asks these checks."""
    told = story(**plan)
    asked = replace(told.plan.health, checks=checks, **(health or {}))
    told.plan = replace(told.plan, health=asked)
    told.state = replace(told.state, plan=told.plan)
    if place == "before":
        return told.go("preflight").tell(told.fitting)
    told.state = replace(told.state, baselined=True)
    return told.go(place)


def hear(told: Any, after_s: float = 5.0, **said: Verdict) -> Any:
    told.later(after_s)
    evidence = tuple(Evidence(name.replace("_", "-"), verdict, f"said {verdict}") for name, verdict in said.items())
    fact = interpret_probe(told.state, evidence, told.now)
    if fact is not None:
        told.tell(fact)
    return fact


# --- one round ---


@pytest.mark.parametrize(
    ("verdicts", "sum_"),
    [
        ((), PASS),
        ((PASS,), PASS),
        ((PASS, WAIT), WAIT),
        ((WAIT, UNKNOWN), UNKNOWN),
        ((UNKNOWN, FAIL), FAIL),
        ((FAIL, ABORT, PASS), ABORT),
    ],
)
def test_the_worst_word_is_the_verdict_of_a_round(story: Any, verdicts: Sequence[Verdict], sum_: Verdict) -> None:
    told = checked(story, *(check(f"c{n}") for n in range(3)))
    evidence = tuple(Evidence(f"c{n}", verdict, "") for n, verdict in enumerate(verdicts))
    assert sum_up(told.state, evidence) is sum_


@pytest.mark.parametrize("verdict", list(Verdict))
def test_an_advisory_check_is_shown_and_never_decides(story: Any, verdict: Verdict) -> None:
    told = checked(story, check("a"), check("b", advisory=True), stable_s=10.0)
    hear(told, a=PASS, b=verdict)
    assert told.state.phase.gate.verdict is PASS
    assert isinstance(hear(told, 10.0, a=PASS, b=verdict), event.GatePassed)


def test_a_final_check_that_fails_acts_at_once_and_says_so(story: Any) -> None:
    told = checked(story, check("a"), check("b", final=True))
    fact = hear(told, a=PASS, b=FAIL)
    assert fact == event.GateFailed(0, "b: said fail", fact.evidence)
    assert told.action.fact == event.TurnedBack("b: said fail")


def test_an_abort_acts_at_once_in_a_bake_too(story: Any) -> None:
    told = checked(story, check("a"), place="baking")
    assert isinstance(hear(told, a=PASS), event.Probed)
    assert isinstance(hear(told, a=ABORT), event.GateFailed)
    assert told.obey().phase == "RollingBack"


def test_the_verdict_of_nobody_we_know_counts(story: Any) -> None:
    told = checked(story, check("a"))
    assert sum_up(told.state, (Evidence("pacer", UNKNOWN, "no turn"),)) is UNKNOWN


# --- wait ---


def test_a_wait_neither_passes_nor_fails_and_the_domain_timeout_bounds_it(story: Any) -> None:
    told = checked(story, check("a"), retry_s=60.0, domain_timeout_s=300.0).at(10.0)
    assert isinstance(hear(told, 0.0, a=WAIT), event.Probed)
    assert "domain 0 is asked to wait: a: said wait" in told.why
    assert told.why.endswith("gives up (walk.domain_timeout) in 4m50s.")
    assert hear(told, 130.0, a=WAIT) is None
    assert isinstance(hear(told, 100.0, a=WAIT), change_event.Slow)
    fact = hear(told, 60.0, a=WAIT)
    assert fact.reason == "not healthy for long enough within walk.domain_timeout"


def test_a_wait_restarts_the_clocks_like_any_other_flip(story: Any) -> None:
    told = checked(story, check("a"), stable_s=20.0)
    for verdict in (PASS, WAIT, PASS):
        hear(told, 15.0, a=verdict)
    assert hear(told, 19.0, a=PASS) is None
    assert isinstance(hear(told, 1.0, a=PASS), event.GatePassed)


def test_a_bake_may_be_asked_to_wait(story: Any) -> None:
    told = checked(story, check("a"), place="baking")
    hear(told, a=WAIT)
    assert "is asked to wait during the bake: a: said wait" in told.why


# --- moments ---


def test_each_moment_has_its_checks(story: Any) -> None:
    checks = [check(each.value, moments=(each,)) for each in Moment]
    told = checked(story, *checks, place="checking")
    assert told.action.sources[0].checks == ("domain",)
    told.tell(event.GatePassed(0, ())).walk(1)
    assert told.action.sources[0].checks == ("domain",)
    told.tell(event.GatePassed(1, ()))
    source = told.action.sources[0]
    assert (source.checks, source.moment, source.domains) == (("bake",), Moment.BAKE, (0, 1))
    told.tell(event.Baked(2, ())).walk(2)
    assert told.action.sources[0].checks == ("domain", "after")


# --- no evidence ---


@pytest.mark.parametrize(
    ("on_unknown", "limit_s", "name"), [("hold", 100.0, "walk.domain_timeout"), ("wait", 5000.0, "timeout")]
)
@pytest.mark.parametrize("place", ["checking", "baking"])
def test_no_evidence_asks_a_person_once_it_has_lasted(
    story: Any, on_unknown: str, limit_s: float, *, name: str, place: str
) -> None:
    told = checked(
        story, check("a"), place=place, health={"on_unknown": on_unknown}, domain_timeout_s=100.0, timeout_s=5000.0
    )
    hear(told, a=UNKNOWN)
    assert told.why.endswith(f"asks a person ({name}) in {'1m40s' if limit_s == 100.0 else '1h23m20s'}.")
    assert hear(told, limit_s - 1.0, a=UNKNOWN) is None
    assert isinstance(hear(told, 1.0, a=UNKNOWN), event.HeldOnFailure)
    assert told.state.failure == f"no evidence within {name}: a: said unknown"
    assert told.action == Wait(None)
    told.tell(word_event.Retried("ann", "the gate answers again"))
    assert told.phase == ("Checking" if place == "checking" else "Baking")


def test_evidence_that_comes_back_lifts_the_standstill_by_itself(story: Any) -> None:
    told = checked(story, check("a"), stable_s=20.0, domain_timeout_s=100.0)
    hear(told, a=PASS)
    hear(told, a=UNKNOWN)
    hear(told, 99.0, a=PASS)
    assert told.state.phase.gate.blind_since_t is None
    assert isinstance(hear(told, 15.0, a=PASS), event.GatePassed)


# --- before the change ---


def begun(story: Any, *checks: CheckPlan, **health: Any) -> Any:
    return checked(story, *checks, place="before", health=health)


def test_checks_are_asked_before_the_change_but_those_of_preflight(story: Any) -> None:
    told = begun(story, check("instances", "instances"), check("a"), check("late", moments=(Moment.DOMAIN,)))
    assert told.action.sources == (ProbeHealth((), 5.0, 0.0, ("a",), Moment.BEFORE),)
    assert (
        told.why == "web-01 has its checks asked before the change, for 0s; gives up (operation_timeout.begin) in 5m."
    )


def test_with_nothing_to_ask_or_nothing_wanted_the_change_begins(story: Any) -> None:
    assert begun(story, check("instances", "instances")).phase == "Beginning"
    assert begun(story, check("a"), baseline="ignore").phase == "Beginning"


def test_a_round_that_comes_before_the_first_look_means_nothing(story: Any) -> None:
    told = checked(story, check("a"), place="preflight")
    told.state = replace(told.state, baselined=False)
    assert hear(told, a=FAIL) is None


def test_what_passes_before_the_change_excuses_nothing(story: Any) -> None:
    told = begun(story, check("a"), check("b", advisory=True))
    fact = hear(told, a=PASS, b=FAIL)
    assert (fact.excused, fact.hold, fact.refused) == ((), None, None)
    assert told.refuses(fact)
    assert hear(told, a=FAIL, b=FAIL) is None, "it is asked once"


def test_a_check_red_before_the_change_is_excused_by_name_until_it_first_passes(story: Any) -> None:
    told = begun(story, check("a"), check("b"))
    assert hear(told, a=PASS, b=FAIL).excused == ("b",)
    told.tell(told.intended(told.upgrade()), told.accepted, told.succeeded)
    told.walk(0)
    assert isinstance(hear(told, a=PASS, b=FAIL), event.Probed)
    assert told.state.phase.gate.verdict is PASS
    assert hear(told, a=PASS, b=UNKNOWN) is None
    assert told.state.excused == ("b",)
    assert isinstance(hear(told, a=PASS, b=PASS), event.Probed), "it is news that it counts from here on"
    assert told.state.excused == ()
    assert isinstance(hear(told, a=PASS, b=FAIL), event.Probed)
    assert told.state.phase.gate.verdict is FAIL


def test_an_excused_check_that_aborts_still_aborts(story: Any) -> None:
    told = begun(story, check("a"), check("b"))
    hear(told, a=PASS, b=FAIL)
    assert sum_up(told.state, (Evidence("a", PASS, ""), Evidence("b", ABORT, ""))) is ABORT


def test_all_red_before_the_change_holds_it_and_a_person_may_let_it_begin(story: Any) -> None:
    told = begun(story, check("a"), check("b"), check("c", advisory=True))
    fact = hear(told, a=FAIL, b=FAIL, c=PASS)
    assert fact.hold == "every check is red before the change: a: said fail; b: said fail"
    assert told.action == Wait(None)
    assert "held before beginning (baseline by policy: every check is red" in told.why
    told.later(1000.0).tell(event.Released(HoldReason.BASELINE, "ann"))
    assert told.state.excused == ("a", "b")
    assert isinstance(told.action, Watch)


def test_a_healthy_platform_is_enough_to_begin_although_all_else_is_red(story: Any) -> None:
    fact = hear(begun(story, check("instances", "instances"), check("a")), a=FAIL)
    assert (fact.excused, fact.hold) == (("a",), None)


def test_required_checks_that_are_red_before_the_change_skip_the_service(story: Any) -> None:
    told = begun(story, check("a"), check("b"), baseline="require")
    assert hear(told, a=PASS, b=FAIL).refused == "not healthy before the change: b: said fail"
    closed = told.action.fact
    assert (closed.outcome, closed.reason) == (Outcome.SKIPPED, "not healthy before the change: b: said fail")


def test_an_abort_before_the_change_skips_the_service(story: Any) -> None:
    told = begun(story, check("a"))
    assert hear(told, a=ABORT).refused == "told to leave it before it was begun: a: said abort"
    assert told.action.fact.outcome is Outcome.SKIPPED


@pytest.mark.parametrize("silent", [UNKNOWN, WAIT])
def test_no_evidence_before_the_change_is_waited_for_and_then_a_person_is_asked(story: Any, silent: Verdict) -> None:
    told = begun(story, check("a"), check("b"))
    assert hear(told, a=PASS, b=silent) is None
    assert hear(told, 200.0, a=FAIL, b=silent) is None
    fact = hear(told, 100.0, a=FAIL, b=silent)
    assert fact.hold == f"no evidence of its health before the change: b: said {silent}"
    assert fact.excused == ("a",)
    assert told.action == Wait(None)


def test_a_round_without_a_turn_is_no_evidence_before_the_change(story: Any) -> None:
    assert hear(begun(story, check("a")), pacer=UNKNOWN) is None


def test_the_clock_of_the_beginning_starts_after_the_checks(story: Any) -> None:
    told = begun(story, check("a"))
    hear(told, 250.0, a=PASS)
    assert told.state.phase.step.began_t == told.t
    assert told.state.phase.cleared_t is None, "so it looks once more before it begins"


# --- the environment ---


def test_while_the_environment_is_to_blame_a_fail_is_no_evidence(story: Any) -> None:
    told = checked(story, check("a"), check("b", final=True), retry_s=60.0, domain_timeout_s=500.0)
    hear(told, a=FAIL, b=PASS)
    told.tell(event.Held(HoldReason.ENVIRONMENT, "policy", "b is red elsewhere"))
    hear(told, a=FAIL, b=FAIL)
    assert hear(told, 400.0, a=FAIL, b=FAIL) is None
    assert told.state.failure is None
    assert isinstance(hear(told, a=ABORT, b=PASS), event.GateFailed), "an abort is somebody's word"


def test_an_environment_that_stays_red_is_left_to_a_person(story: Any) -> None:
    told = checked(story, check("a"), domain_timeout_s=100.0)
    told.tell(event.Held(HoldReason.ENVIRONMENT, "policy", "red elsewhere"))
    hear(told, a=FAIL)
    fact = hear(told, 100.0, a=FAIL)
    assert fact == event.HeldOnFailure("no evidence within walk.domain_timeout: the environment is to blame")


# --- advance ---


def test_only_checks_that_count_have_to_be_accepted_red(story: Any) -> None:
    told = begun(story, check("a"), check("b"), check("c", advisory=True), check("d", moments=(Moment.BAKE,)))
    hear(told, a=PASS, b=FAIL, c=FAIL)
    told.tell(told.intended(told.upgrade()), told.accepted, told.succeeded)
    told.walk(0)
    hear(told, a=FAIL, b=FAIL, c=FAIL)
    told_no = answer(told.state, Command("key-1", Verb.ADVANCE, "ann", "it is fine"), told.now)
    assert isinstance(told_no, Refused)
    assert told_no.why == "not healthy: a"


# --- any sequence of verdicts ---

SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
"""The fixture makes a story afresh for each example; a loaded machine is no fault of the rule."""
ROUNDS = st.lists(
    st.tuples(st.sampled_from([PASS, PASS, FAIL, UNKNOWN, WAIT]), st.floats(0.5, 40.0)), min_size=1, max_size=60
)


@settings(deadline=None, max_examples=150, suppress_health_check=SLOW)
@given(rounds=ROUNDS, place=st.sampled_from(["checking", "baking"]))
def test_no_sequence_passes_without_a_stable_duration_of_passes(
    story: Any, rounds: list[tuple[Verdict, float]], place: str
) -> None:
    told = checked(story, check("a"), place=place, stable_s=20.0, retry_s=60.0, domain_timeout_s=300.0)
    passing_s, last = 0.0, None
    for verdict, after_s in rounds:
        fact = hear(told, after_s, a=verdict)
        # Seconds between two passes in a row are healthy ones; those next to anything else are not known to be.
        if verdict is PASS:
            passing_s = passing_s + after_s if last is PASS else passing_s if last is UNKNOWN else 0.0
        elif verdict is not UNKNOWN:
            passing_s = 0.0
        elif last is PASS:
            passing_s += after_s  # it passed when it was last seen; from here on the clock stands still
        last = verdict
        if isinstance(fact, event.GatePassed | event.Baked):
            assert verdict is PASS
            assert passing_s >= 20.0 - 1e-6
        if not isinstance(told.state.phase, Checking | Baking) or told.state.failure is not None:
            return


@settings(deadline=None, max_examples=150, suppress_health_check=SLOW)
@given(rounds=ROUNDS, place=st.sampled_from(["before", "checking", "baking"]))
def test_no_sequence_waits_for_ever(story: Any, rounds: list[tuple[Verdict, float]], place: str) -> None:
    told = checked(story, check("a"), place=place, stable_s=20.0, retry_s=60.0, domain_timeout_s=300.0)
    began, seen_s = told.phase, 0.0
    for verdict, after_s in (each for _ in range(1_500) for each in rounds):
        gate = getattr(told.state.phase, "gate", None)
        lit = gate is None or gate.blind_since_t is None
        seen_s += after_s if lit else 0.0
        hear(told, after_s, a=verdict)
        if told.phase != began or told.state.failure is not None or told.state.baselined != (began != "Preflight"):
            break
        assert seen_s < 100.0 + 300.0 + 300.0, "what is seen ends at a limit"
        assert gate is None or lit or told.t - gate.blind_since_t < 300.0, "a standstill asks a person"
    else:
        raise AssertionError("it goes on and on")


def test_what_a_settled_deployment_shows_begins_a_gate_with_nothing_excused(story: Any) -> None:
    told = checked(story, check("a"), place="settling")
    told.tell(told.observed(Finding.SETTLED))
    assert told.state.excused == ()
    assert Baselined((), ()).hold is None
