"""Every command in every phase: accepted, nothing to do, or refused; and that what is accepted comes true."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from rollout.core import event
from rollout.core.action import LookAtDeployment, Record, Submit, Wait, Watch
from rollout.core.again import again
from rollout.core.command import FOR_SERVICES, NoOp, Refused, Told, Verb
from rollout.core.commands import COLUMNS, TABLE, Column
from rollout.core.deadline import RESOLVE_LOOK_S_MAX
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Finding, HoldReason, Verdict
from rollout.core.operation import RollBack, Walk
from rollout.core.outcome import Running, Unreachable
from rollout.core.phase import Phase
from rollout.core.snapshot import Absent
from rollout.core.way_back import way_back

VERBS = [verb for verb in Verb if verb in FOR_SERVICES]
HEAD = ["pause", "resume", "stop", "advance", "retry", "exclude", "rollback", "resolve", "claim"]

ANSWERS = {
    #                        pause  resume stop  advance retry exclude rollback resolve claim
    "queued":                "yes   noop   yes   no      no    yes     yes      no      no",
    "preflight":             "yes   noop   yes   no      no    yes     yes      no      no",
    "beginning":             "yes   noop   yes   no      no    no      yes      no      no",
    "beginning asked":       "yes   noop   yes   no      no    no      yes      no      no",
    "beginning accepted":    "yes   noop   yes   no      no    no      yes      no      no",
    "walking asked":         "yes   noop   yes   no      no    no      yes      no      no",
    "walking accepted":      "yes   noop   yes   no      no    no      yes      no      no",
    "settling":              "yes   noop   yes   no      no    no      yes      no      no",
    "reconciling":           "yes   noop   yes   no      no    no      yes      yes     no",
    "ready":                 "yes   noop   yes   noop    no    no      yes      no      no",
    "checking":              "yes   noop   yes   no      no    no      yes      no      no",
    "baking":                "yes   noop   yes   no      no    no      yes      no      no",
    "held":                  "yes   no     yes   no      yes   no      yes      yes     yes",
    "rolling_back":          "noop  noop   yes   no      no    no      noop     no      no",
    "rolling_back asked":    "noop  noop   yes   no      no    no      noop     no      no",
    "rolling_back accepted": "noop  noop   yes   no      no    no      noop     no      no",
    "rolling_back settling": "noop  noop   yes   no      no    no      noop     no      no",
    "rolling_back restored": "noop  noop   yes   no      no    no      noop     no      no",
    "taken_over":            "noop  noop   yes   no      yes   yes     no       yes     yes",
    "needs_operator":        "yes   noop   yes   no      yes   no      yes      yes     yes",
    "ended":                 "no    no     no    no      yes   no      no       no      no",
    "copied:capturing":      "yes   noop   yes   no      no    no      yes      no      no",
    "copied:capturing asked": "yes  noop   yes   no      no    no      yes      no       no",
    "start:applying":        "yes   noop   yes   no      no    no      yes      no      no",
    "start:applying accepted": "yes noop   yes   no      no    no      yes      no        no",
    "instance:applying":     "yes   noop   yes   no      no    no      yes      no      no",
    "instance:applying accepted": "yes noop yes  no      no    no      no       no           no",
    "vacant:applying":       "yes   noop   yes   no      no    no      yes      no      no",
    "staged:staged":         "yes   noop   yes   no      no    no      yes      no      no",
    "swap:swapping":         "yes   noop   yes   no      no    no      yes      no      no",
    "swap:swapping accepted": "yes  noop   yes   no      no    no      yes      no       no",
    "swap:swap_baking":      "yes   noop   yes   no      no    no      yes      no      no",
    "swap:swapping_back":    "noop  noop   yes   no      no    no      noop     no      no",
    "suspending":            "noop  noop   yes   no      no    no      noop     no      no",
    "given:reverting":       "noop  noop   yes   no      no    no      noop     no      no",
    "given:ready_back":      "noop  noop   yes   no      no    no      noop     no      no",
    "given:walking_back":    "noop  noop   yes   no      no    no      noop     no      no",
    "manual:settling_back":  "noop  noop   yes   no      no    no      noop     no      no",
}  # fmt: skip
"""What a bare command is answered in each place; flags, holds and stops have their own tests below."""

KINDS: dict[type, str] = {Told: "yes", NoOp: "noop", Refused: "no"}


# --- the table ---


def test_every_phase_has_a_column_and_every_column_a_phase() -> None:
    assert set(COLUMNS) == set(get_args(Phase))
    assert set(COLUMNS.values()) == set(Column)


def test_every_column_answers_every_verb() -> None:
    assert set(TABLE) == set(Column)
    assert all(set(row) == set(VERBS) for row in TABLE.values())


def test_the_written_table_names_a_place_in_every_phase_and_every_verb(story: Any) -> None:
    assert {type(story.of(place).state.phase) for place in ANSWERS} == set(COLUMNS)
    assert [verb.value for verb in VERBS] == HEAD


@pytest.mark.parametrize("place", ANSWERS)
def test_each_command_is_answered_as_the_table_says(story: Any, place: str) -> None:
    got = {}
    for verb in VERBS:
        told = story.of(place)
        said = told.say(verb, resolve_as=Claim.LEFT)
        got[verb.value] = KINDS[type(said)]
    assert got == dict(zip(HEAD, ANSWERS[place].split(), strict=True))


@pytest.mark.parametrize("place", ANSWERS)
@pytest.mark.parametrize("verb", ["pause", "stop", "exclude", "rollback", "retry"])
def test_a_command_said_twice_is_never_a_second_fact_unless_it_has_a_new_meaning(
    story: Any, place: str, verb: str
) -> None:
    told = story.of(place)
    if isinstance(told.say(verb), Told) and told.phase != "Ended":
        again = told.say(verb)
        assert not isinstance(again, Told), again


# --- pause, resume, stop ---


def test_a_pause_is_lifted_by_resume_and_a_halt_too(story: Any) -> None:
    told = story().go("ready")
    told.granted("pause")
    told.tell(event.Held(HoldReason.HALT, "policy", "2 of 3 failed"))
    assert told.action == Wait(None)
    told.granted("resume")
    assert told.state.holds == ()
    assert isinstance(told.action, Watch)


@pytest.mark.parametrize("place", [place for place in ANSWERS if place != "ended"])
def test_a_stop_holds_everywhere_until_resume(story: Any, place: str) -> None:
    told = story.of(place)
    told.granted("stop")
    told.later(10_000.0)
    assert not isinstance(told.action, Submit)
    told.granted("resume")
    assert told.state.stop is None


@pytest.mark.parametrize(
    "place", ["ready", "walking accepted", "held", "needs_operator", "rolling_back", "reconciling"]
)
def test_a_rollback_lifts_a_stop(story: Any, place: str) -> None:
    told = story().go(place)
    told.granted("stop")
    told.granted("rollback")
    assert told.state.stop is None
    assert told.state.turned_back


def test_a_pause_never_stops_what_goes_back_and_says_so(story: Any) -> None:
    for place in ("rolling_back", "walking asked", "reconciling"):
        told = story().go(place)
        if place != "rolling_back":
            told.granted("rollback")
        said = told.say("pause")
        assert isinstance(said, NoOp)
        assert "a stop does" in said.said
        assert isinstance(told.say("rollback"), NoOp)


@pytest.mark.parametrize(("verb", "place"), [("advance", "checking"), ("retry", "held"), ("retry", "needs_operator")])
def test_under_a_stop_only_resume_or_rollback_move_anything(story: Any, verb: str, place: str) -> None:
    told = story().go(place)
    told.granted("stop")
    assert "resume" in told.denied(verb).instead


def test_a_resume_of_what_failed_lifts_a_stop_but_says_what_else_it_takes(story: Any) -> None:
    told = story().go("held")
    assert "retry, advance or rollback" in told.denied("resume").instead
    told.granted("stop")
    assert "stays held" in told.granted("resume").said


def test_a_pause_beside_a_halt_is_a_hold_of_its_own(story: Any) -> None:
    told = story().go("ready").tell(event.Held(HoldReason.HALT, "policy", "2 of 3 failed"))
    told.granted("pause")
    assert {hold.reason for hold in told.state.holds} == {HoldReason.PAUSE, HoldReason.HALT}


# --- advance ---


def test_advance_ends_a_gate_once_every_check_that_did_not_pass_is_named(story: Any) -> None:
    told = story(4).go("checking")
    assert "--accept-red instances" in told.denied("advance").instead
    assert "no check speed" in told.denied("advance", accept_red=("speed", "instances")).why
    told.granted("advance", accept_red=("instances",))
    assert (told.phase, told.state.phase.domain) == ("Ready", 1)


def test_advance_ends_a_green_gate_as_it_is(story: Any) -> None:
    told = story(4).go("checking").at(20.0)
    told.probe(Verdict.PASS)
    fact = told.granted("advance").facts[0]
    assert fact.accepted_red == ()


def test_missing_evidence_is_not_green(story: Any) -> None:
    told = story(4).go("checking").at(20.0)
    told.probe(Verdict.UNKNOWN)
    assert told.denied("advance").why == "not healthy: instances"


def test_advance_does_not_walk_the_last_domain_unless_told_to(story: Any) -> None:
    told = story(3).go("baking")
    flags: dict[str, Any] = {"accept_red": ("instances",)}
    assert "--past-no-return" in told.denied("advance", **flags).instead
    told.granted("advance", **flags, past_no_return=True)
    assert (told.phase, told.state.phase.domain) == ("Ready", 2)


@pytest.mark.parametrize(("bake_s", "needed"), [(0.0, True), (100.0, False)])
def test_without_a_bake_the_gate_before_the_last_domain_is_the_point_of_no_return(
    story: Any, bake_s: float, needed: bool
) -> None:
    told = story(2, bake_s=bake_s).go("checking")
    said = told.say("advance", accept_red=("instances",))
    assert isinstance(said, Refused) == needed


def test_advance_accepts_a_red_gate_that_is_held(story: Any) -> None:
    told = story(4, on_failure="hold").go("checking").at(20.0)
    told.probe(Verdict.FAIL)
    told.tell(event.GateFailed(0, "sick", ())).obey()
    assert told.phase == "HeldForPerson"
    told.denied("advance")
    told.granted("advance", accept_red=("instances",))
    assert (told.phase, told.state.failure) == ("Ready", None)
    assert isinstance(told.action, Watch)


def test_advance_cannot_accept_a_walk_that_failed(story: Any) -> None:
    told = story().go("held")
    assert "retry repeats it" in told.denied("advance").instead


def test_a_gate_that_has_just_failed_is_not_ended_any_more(story: Any) -> None:
    told = story(4).go("checking").tell(event.GateFailed(0, "sick", ()))
    assert "just failed" in told.denied("advance", accept_red=("instances",)).why


def test_advance_before_a_call_waits_for_nothing_or_for_a_hold(story: Any) -> None:
    told = story().go("ready")
    assert isinstance(told.say("advance"), NoOp)
    told.granted("pause")
    assert told.denied("advance").instead == "resume"


# --- retry ---


def held_at(told: Any) -> Any:
    assert told.phase == "HeldForPerson"
    return told


def test_retry_asks_health_again_from_the_start(story: Any) -> None:
    told = story(4, on_failure="hold").go("checking").at(20.0)
    told.probe(Verdict.FAIL)
    held_at(told.tell(event.GateFailed(0, "sick", ())).obey()).at(90_000.0)
    told.granted("retry")
    assert (told.phase, told.state.failure) == ("Checking", None)
    assert told.state.phase.gate.began_t == 90_000.0
    told.at(90_010.0)
    assert told.probe(Verdict.PASS).verdict is Verdict.PASS
    assert told.action.due_t < 90_600.0


def test_retry_of_a_failed_walk_looks_before_it_walks_again(story: Any) -> None:
    for shows, ends in ((0, "Ready"), (1, "Settling")):
        told = story(3, on_failure="hold").go("walking accepted").tell(story().go("walking accepted").failed()).obey()
        held_at(told)
        told.granted("retry")
        assert told.phase == "Reconciling"
        told.look(told.looks.mid(shows, told.ours))
        assert told.phase == ends
        assert (0 in told.state.walked) == (ends == "Settling")


def test_retry_of_a_walk_that_took_too_long_watches_the_same_call(story: Any) -> None:
    told = story(3, on_failure="hold").go("walking accepted").at(700.0)
    told.poll(Running())
    call = held_at(told.obey()).state.phase.was.call
    told.later(1000.0).granted("retry")
    assert told.state.phase.call == call
    assert told.poll(Running()) is None


def test_retry_where_an_operator_is_needed_asks_again(story: Any) -> None:
    told = story().go("reconciling").tell(event.Escalated("odd"))
    told.granted("retry")
    assert told.phase == "Reconciling"
    assert isinstance(told.later(100.0).action, Watch)


def test_retry_after_somebody_elses_change_looks_again_and_believes_what_it_sees(story: Any) -> None:
    told = story().go("taken_over")
    told.granted("retry")
    told.look(told.looks.mid(0, "strange"))
    assert told.phase == "ForeignChange"
    told.granted("retry")
    told.look(told.looks.mid(0, told.ours))
    assert told.phase == "Ready"


def test_retry_of_a_bake_watches_it_from_the_start(story: Any) -> None:
    told = held_at(story(on_failure="hold").go("baking").tell(event.GateFailed(2, "sick", ())).obey())
    told.at(900.0).granted("retry")
    assert (told.phase, told.state.phase.gate.began_t) == ("Baking", 900.0)


def test_retry_gives_the_whole_time_again(story: Any) -> None:
    told = story(timeout_s=1000.0, on_failure="hold").go("ready").at(1001.0)
    told.look(told.looks.mid(0, told.ours))
    held_at(told.obey())
    told.granted("retry")
    assert told.look(told.looks.mid(0, told.ours)).finding is Finding.CLEAR


def test_retry_of_what_has_ended_is_a_new_attempt_unless_it_arrived(story: Any) -> None:
    told = story().go("ended")
    assert told.granted("retry").facts == (event.Opened(told.plan, 2),)
    done = story().go("ready").tell(event.Closed(Outcome.SUCCEEDED, "policy", "done"))
    assert isinstance(done.say("retry"), NoOp)


# --- exclude, rollback ---


@pytest.mark.parametrize(
    ("verb", "place", "outcome"),
    [
        ("exclude", "queued", Outcome.EXCLUDED),
        ("exclude", "preflight", Outcome.EXCLUDED),
        ("exclude", "taken_over", Outcome.EXCLUDED),
        ("rollback", "queued", Outcome.CANCELLED),
        ("rollback", "preflight", Outcome.CANCELLED),
    ],
)
def test_what_was_not_begun_ends_at_once_with_actor_and_reason(
    story: Any, verb: str, place: str, outcome: Outcome
) -> None:
    told = story().go(place)
    told.granted(verb)
    assert (told.state.ended.outcome, told.state.ended.who, told.state.ended.reason) == (outcome, "bob", "because")


def test_a_rollback_ends_in_the_name_of_whoever_asked_for_it(story: Any) -> None:
    told = story().go("ready")
    assert told.granted("rollback").said == "goes back now"
    told.tell(told.intended(RollBack()), told.accepted, told.succeeded, told.observed(Finding.RESTORED))
    assert told.action == Record(event.Closed(Outcome.ROLLED_BACK, "bob", "because"))


def test_a_rollback_says_when_it_can_begin(story: Any) -> None:
    assert "in 40s at the earliest" in story().go("reconciling").granted("rollback").said
    assert "answered" in story().go("walking asked").granted("rollback").said
    assert "platform lets it" in story().go("walking accepted").granted("rollback").said


def last(told: Any, *, until: int) -> Any:
    """Walk a deployment of two domains to its last one, as far as the facts numbered `until`."""
    told.go("baking").tell(event.Baked(1, ()))
    for fact in (lambda: told.intended(Walk(1)), told.accepted, told.succeeded)[:until]:
        told.tell(fact)
    return told


@pytest.mark.parametrize(("until", "possible"), [(0, True), (1, True), (2, False), (3, False)])
def test_rollback_is_refused_from_the_acceptance_of_the_last_walk_on(story: Any, until: int, possible: bool) -> None:
    told = last(story(2), until=until)
    if possible:
        told.granted("rollback")
        return
    said = told.denied("rollback")
    assert "Rollback went with it" in said.why
    assert "resolve" in said.instead


def test_a_way_back_that_was_lost_is_not_promised_again_but_may_be_looked_for(story: Any) -> None:
    told = story().go("rolling_back").tell(story().observed(Finding.NO_WAY_BACK)).obey()
    assert "cannot go back" in held_at(told).denied("rollback").why
    assert way_back(told.state).startswith("none: it cannot go back")
    told.granted("retry")
    assert (told.phase, told.state.no_way_back) == ("RollingBack", None)


def test_a_rollback_that_needs_an_operator_is_asked_for_again(story: Any) -> None:
    told = story().go("rolling_back").tell(event.Escalated("it was lost four times"))
    told.granted("rollback")
    assert told.phase == "RollingBack"


def test_somebody_elses_change_is_taken_back_only_when_that_is_said(story: Any) -> None:
    told = story().go("taken_over")
    assert "--take-over" in told.denied("rollback").instead
    told.granted("rollback", take_over=True)
    told.look(told.looks.mid(1, "strange", locked=True))
    assert told.phase == "RollingBack"
    told.look(told.looks.mid(1, "strange"))
    assert isinstance(told.action, Submit)
    told.tell(told.intended(RollBack()), told.lost).later(40.0)
    told.look(told.looks.mid(1, "strange"))
    assert told.phase == "RollingBack"
    assert told.look(told.looks.running("strange")).finding is Finding.NO_WAY_BACK
    assert told.obey().phase == "HeldForPerson"


def test_a_rollback_of_somebody_elses_complete_change_was_not_heard(story: Any) -> None:
    told = story().go("taken_over")
    told.granted("rollback", take_over=True)
    told.look(told.looks.mid(1, "strange"))
    told.tell(told.intended(RollBack()), told.lost).later(40.0)
    assert told.look(told.looks.running("strange")).finding is Finding.NOT_APPLIED
    assert told.phase == "RollingBack"


def test_nothing_is_taken_back_of_which_nothing_was_known(story: Any) -> None:
    told = story().go("preflight").tell(event.TakenOver("stranger"))
    assert "nothing is known" in told.denied("rollback", take_over=True).why
    told.granted("retry")
    assert told.phase == "Preflight"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("queued", "nothing was touched"),
        ("preflight", "nothing was touched"),
        ("ready", "rollback while in progress, none after the last domain"),
        ("ended", "none, it has ended"),
        ("rolling_back", "under way: rollback"),
        ("given:reverting", "under way: revert to web-2.4.0"),
        ("start:reverting", "under way: the status it had"),
        ("swap:swapping_back", "under way: swap back"),
        ("suspending", "under way: suspension"),
    ],
)
def test_the_way_back_is_said_in_every_place(story: Any, place: str, said: str) -> None:
    assert way_back(story.of(place).state) == said


def test_after_the_last_domain_the_way_back_is_gone_and_says_why(story: Any) -> None:
    told = last(story(2), until=3)
    assert way_back(told.state) == "none: the last domain was walked, and the platform's Rollback went with it"
    told.tell(told.observed(Finding.SETTLED), event.GatePassed(1, ()))
    assert "every domain was walked" in way_back(told.state)
    assert "every domain was walked" in told.denied("rollback").why


def test_what_was_only_queued_is_taken_up_as_it_was(story: Any) -> None:
    told = story()
    assert again(told.state, told.state.phase, 5.0) == told.state.phase


# --- resolve ---

LOOKS: dict[str, Callable[[Any], Any]] = {
    "old": lambda told: told.looks.running(),
    "new": lambda told: told.looks.running(told.ours),
    "under way": lambda told: told.looks.mid(1, told.ours),
    "locked": lambda told: told.looks.running(locked=True),
    "gone": lambda _: Absent("404"),
}
AGREES = {
    Claim.SUCCEEDED: {"new"},
    Claim.ROLLED_BACK: {"old"},
    Claim.FAILED: {"old"},
    Claim.LEFT: set(LOOKS),
}


@pytest.mark.parametrize("claim", Claim)
@pytest.mark.parametrize("seen", LOOKS)
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("place", ["held", "taken_over", "needs_operator"])
def test_a_claim_counts_when_the_deployment_agrees_or_it_is_forced(
    story: Any, place: str, claim: Claim, seen: str, force: bool
) -> None:
    told = story().go(place)
    before = told.phase
    told.granted("resolve", resolve_as=claim, force=force)
    assert told.action == Watch((LookAtDeployment(),), due_t=RESOLVE_LOOK_S_MAX)
    assert "bob says it is" in told.why
    told.look(LOOKS[seen](told))
    if seen in AGREES[claim] or force:
        ended = told.obey().state.ended
        assert (ended.outcome, ended.who) == (Outcome.RESOLVED, "bob")
        assert ended.reason.startswith(f"bob says it is {claim} (because); seen: the deployment is ")
    else:
        assert (told.phase, told.state.resolution, told.action) == (before, None, Wait(None))
        assert f"bob said it is {claim}, but the deployment is " in told.why


def test_a_claim_waits_for_a_look_and_is_dropped_when_nobody_can(story: Any) -> None:
    told = story().go("held")
    told.granted("resolve", resolve_as=Claim.LEFT, force=True)
    assert told.look(Unreachable("down")) is None
    assert told.look(Unreachable("down"), after_s=RESOLVE_LOOK_S_MAX).blind
    assert told.state.resolution is None
    assert "nobody could look" in told.why


def test_a_claim_about_a_lost_call_waits_out_the_quarantine(story: Any) -> None:
    told = story().go("reconciling")
    told.granted("resolve", resolve_as=Claim.LEFT)
    assert told.action == Wait(40.0)
    told.at(40.0).look(told.looks.mid(0, told.ours))
    assert told.obey().state.ended.outcome is Outcome.RESOLVED


def test_another_word_drops_a_claim_that_was_not_yet_looked_at(story: Any) -> None:
    told = story().go("held")
    told.granted("resolve", resolve_as=Claim.SUCCEEDED)
    assert isinstance(told.say("resolve", resolve_as=Claim.SUCCEEDED), NoOp)
    told.granted("rollback")
    assert (told.phase, told.state.resolution) == ("RollingBack", None)


def test_a_resolve_without_a_claim_is_refused(story: Any) -> None:
    assert "--as" in story().go("held").denied("resolve").instead
