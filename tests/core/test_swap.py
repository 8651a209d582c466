"""Staging becomes production: what is looked at, what counts as swapped, and how a swap is taken back."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import change_event, event
from rollout.core.action import LookAtDeployment, ProbeHealth, Record, Submit, Wait, Watch
from rollout.core.check_plan import Moment
from rollout.core.command import FOR_SERVICES, NoOp, Refused, Told
from rollout.core.deadline import deadline
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Finding, Verdict
from rollout.core.names import Slot
from rollout.core.operation import SwapSlots
from rollout.core.outcome import Failed, RefusedKind, Running, Succeeded, Unknown
from rollout.core.snapshot import Absent, sighting
from rollout.core.way_back import way_back

THERE = LookAtDeployment(Slot.PRODUCTION)


def swapped(looks: Any, **changed: Any) -> Any:
    """What production shows once staging has become it."""
    return looks.running(deployment="dep-1", **changed)


def test_a_swap_surveys_both_slots_swaps_sees_it_twice_bakes_and_succeeds(story: Any) -> None:
    told = story.of("swap:preflight")
    looks = told.looks
    assert told.action.sources == (THERE,)
    assert told.look(looks.production()) == change_event.Surveyed(told.previous_one, sighting(looks.production()))
    assert told.action.sources == (LookAtDeployment(),)
    assert isinstance(told.look(looks.running()), event.Preflighted)
    assert told.action == Watch((LookAtDeployment(),), due_t=402.0)
    assert told.look(looks.running()).finding is Finding.WHOLE
    assert told.action == Watch((THERE,), due_t=402.0)
    assert told.look(looks.production()).finding is Finding.CLEAR
    assert told.action == Submit(SwapSlots("dep-0", "dep-1"), going_back=False)
    told.tell(told.intended(SwapSlots("dep-0", "dep-1")), told.accepted)
    assert (
        told.why == "web-01 waits for the swap, which is under way, for 2s; gives up (operation_timeout.swap) in 6m40s."
    )
    told.poll(Succeeded())
    assert told.action.sources == (THERE,)
    shows = (looks.production(), swapped(looks, locked=True), swapped(looks))
    assert [told.look(seen) for seen in shows] == [None] * 3
    assert told.look(swapped(looks)).finding is Finding.SETTLED
    assert told.phase == "SwapBaking"
    assert told.state.swapped
    assert told.action.sources == (ProbeHealth((0, 1, 2), 5.0, told.t, ("instances",), Moment.BAKE),)
    assert "bakes after the swap" in told.why
    assert told.probe(Verdict.PASS).verdict is Verdict.PASS
    assert isinstance(told.probe(Verdict.PASS, after_s=50.0), event.Baked)
    assert told.action.sources == (THERE,)
    assert told.look(swapped(looks)).finding is Finding.CLEAR
    reason = "production runs what was in staging"
    assert told.action == Record(event.Closed(Outcome.SUCCEEDED, "policy", reason))


def test_without_a_bake_a_swap_is_over_once_it_shows(story: Any) -> None:
    change = replace(story.of("swap:queued").plan.change, bake_s=0.0)
    told = story(kind="swap", change=change).go("swapping settling")
    told.tell(told.observed(Finding.SETTLED))
    assert told.phase == "Ready"
    assert told.obey().state.ended.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("seen", [lambda looks: looks.production(), lambda _: Absent("404")])
def test_what_somebody_swapped_away_during_the_bake_has_not_succeeded(story: Any, seen: Any) -> None:
    told = story.of("swap:swap_baking").tell(event.Baked(2, ()))
    fact = told.look(seen(told.looks))
    assert isinstance(fact, event.TakenOver)
    assert fact.detail.startswith("somebody swapped production after us")


# --- before it ---


@pytest.mark.parametrize(
    ("seen", "means"),
    [
        (lambda _: Absent("404"), "Surveyed"),
        (lambda looks: looks.mid(0, "web-9"), "Unfit"),
        (lambda looks: looks.production(locked=True), "NoneType"),
        (lambda looks: looks.sick(looks.production(), 0), "NoneType"),
    ],
)
def test_production_is_surveyed_first(story: Any, seen: Any, means: str) -> None:
    told = story.of("swap:preflight")
    assert type(told.look(seen(told.looks))).__name__ == means


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (lambda _: Absent("404"), "there is no deployment in staging: 404"),
        (lambda looks: looks.suspended(), "it is suspended: start it first"),
    ],
)
def test_a_staging_that_cannot_be_swapped_is_refused_untouched(story: Any, seen: Any, reason: str) -> None:
    told = story.of("swap:surveyed")
    assert told.look(seen(told.looks)) == event.Unfit(reason)
    assert told.obey().state.ended.outcome is Outcome.SKIPPED


def test_one_domain_is_no_obstacle_to_a_swap(story: Any) -> None:
    told = story(1, kind="swap").go("surveyed")
    assert isinstance(told.look(told.looks.running()), event.Preflighted)


@pytest.mark.parametrize(
    ("seen", "means"),
    [
        (lambda looks: looks.production(), Finding.CLEAR),
        (lambda looks: looks.production(locked=True), None),
        (lambda looks: looks.mid(0, "web-9", deployment="dep-0"), "somebody began a change in production"),
        (lambda looks: looks.running(deployment="dep-7"), "another deployment stands in production"),
        (swapped, "another deployment stands in production than the plan found there, dep-1"),
        (
            lambda _: Absent("404"),
            "another deployment stands in production than the plan found there: it is empty (404)",
        ),
    ],
)
def test_a_swap_is_asked_for_only_where_production_is_what_it_was(story: Any, seen: Any, means: Any) -> None:
    told = story.of("swap:swapping")
    told.look(told.looks.running())
    fact = told.look(seen(told.looks))
    if means is None or isinstance(means, Finding):
        assert (fact and fact.finding) is means
    else:
        assert isinstance(fact, event.TakenOver)
        assert fact.detail.startswith(means)


@pytest.mark.parametrize(
    ("seen", "means"),
    [
        (lambda looks: looks.running(), Finding.WHOLE),
        (lambda looks: looks.running(locked=True), None),
        (lambda looks: looks.sick(looks.running(), 1), None),
        (lambda looks: looks.suspended(), None),
        (lambda looks: looks.mid(0, "web-9"), "somebody began a change on what was to be swapped"),
        (lambda looks: looks.running("web-9"), "another release has taken the place of what was to be swapped"),
        (lambda _: Absent("404"), "what was to be swapped is gone: 404"),
    ],
)
def test_only_a_staging_that_serves_is_swapped_however_long_it_has_waited(story: Any, seen: Any, means: Any) -> None:
    told = story.of("swap:swapping")
    assert told.action.sources == (LookAtDeployment(),)
    fact = told.look(seen(told.looks))
    if means is None or isinstance(means, Finding):
        assert (fact and fact.finding) is means
    else:
        assert isinstance(fact, event.TakenOver)
        assert fact.detail.startswith(means)


def test_staging_is_looked_at_again_where_that_look_has_grown_old(story: Any) -> None:
    told = story.of("swap:swapping")
    told.look(told.looks.running())
    told.later(20.0).look(told.looks.production())
    assert told.later(5.0).action == Submit(SwapSlots("dep-0", "dep-1"), going_back=False)
    assert told.later(10.0).action.sources == (LookAtDeployment(),)
    told.look(told.looks.running())
    assert isinstance(told.action, Submit)


def test_an_empty_production_is_swapped_into_and_emptied_again(story: Any) -> None:
    told = story.of("swap:preflight")
    told.look(Absent("404"))
    told.look(told.looks.running())
    told.look(told.looks.running())
    assert told.look(Absent("404")).detail == "production is empty"
    assert told.action == Submit(SwapSlots(None, "dep-1"), going_back=False)
    told.tell(told.intended(SwapSlots(None, "dep-1")), told.accepted, told.succeeded, told.observed(Finding.SETTLED))
    told.tell(event.TurnedBack("sick"))
    told.look(swapped(told.looks))
    assert told.action == Submit(SwapSlots(None, "dep-1"), going_back=True)
    told.tell(told.intended(SwapSlots(None, "dep-1")), told.accepted, told.succeeded)
    assert told.look(Absent("404")) is None
    assert told.look(Absent("404")).finding is Finding.RESTORED


# --- when the answer is lost or bad ---

ROWS: dict[str, tuple[Any, Any]] = {
    "swapped": (swapped, True),
    "as it was": (lambda looks: looks.production(), False),
    "locked": (lambda looks: looks.production(locked=True), None),
    "somebody else's": (lambda looks: looks.running(deployment="dep-7"), "ForeignChange"),
    "empty": (lambda _: Absent("404"), "ForeignChange"),
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("place", ["swapping", "swapping_back"])
def test_a_lost_swap_is_known_by_the_name_in_production(story: Any, place: str, row: str) -> None:
    told = story.of(f"swap:{place} asked").tell(story.of(f"swap:{place} asked").lost()).later(40.0)
    assert told.action.sources == (THERE,)
    seen, done = ROWS[row]
    told.look(seen(told.looks))
    if done is None:
        assert told.phase == "Reconciling"
    elif isinstance(done, str):
        assert told.phase == done
    else:
        assert told.phase == ("Swapping" if place == "swapping" else "SwappingBack")
        assert told.state.phase.settling is (done if place == "swapping" else not done)


def test_a_swap_that_took_no_effect_was_never_made(story: Any) -> None:
    told = story.of("swap:swapping asked")
    told.tell(told.lost).later(40.0)
    told.look(told.looks.production())
    assert not told.state.begun
    assert told.look(told.looks.running()).finding is Finding.WHOLE
    assert told.look(told.looks.production()).finding is Finding.CLEAR
    assert isinstance(told.action, Submit)


@pytest.mark.parametrize("answer", ["rejected", "failed"])
def test_a_refused_swap_ends_as_failed_with_nothing_changed(story: Any, answer: str) -> None:
    told = story.of("swap:swapping asked")
    if answer == "rejected":
        told.tell(told.refused(RefusedKind.REJECTED))
    else:
        told.tell(told.accepted)
        told.poll(Failed("InternalError", "it broke"))
    told.look(told.looks.production())
    assert told.state.failure.startswith(
        "the platform refused the swap: " if answer == "rejected" else "the swap failed: InternalError: "
    )
    assert told.obey().state.ended.outcome is Outcome.FAILED


def test_a_busy_swap_is_asked_for_again_after_a_look(story: Any) -> None:
    told = story.of("swap:swapping asked")
    told.tell(told.refused())
    assert told.action == Wait(7.0)
    assert told.at(7.0).action.sources == (LookAtDeployment(),)


def test_a_swap_that_nobody_follows_any_more_is_judged_by_what_shows(story: Any) -> None:
    told = story.of("swap:swapping accepted")
    assert isinstance(told.poll(Unknown("404"), after_s=61.0), event.Untracked)
    told.look(swapped(told.looks))
    assert told.look(swapped(told.looks)).finding is Finding.SETTLED


@pytest.mark.parametrize("place", ["accepted", "settling"])
def test_a_swap_has_a_limit_of_its_own(story: Any, place: str) -> None:
    told = story.of(f"swap:swapping {place}")
    assert deadline(told.state, 0.0).name == "operation_timeout.swap"
    told.later(500.0)
    if place == "accepted":
        told.poll(Running())
    else:
        told.look(told.looks.production())
        told.look(told.looks.production())
    assert told.state.failure.startswith("the swap took longer than operation_timeout.swap")
    assert told.obey().phase == ("Swapping" if place == "accepted" else "SwappingBack")


def test_a_suspension_is_of_the_deployment_that_was_swapped_in(story: Any) -> None:
    told = story(kind="swap", on_failure="suspend").go("swap_baking").tell(event.GateFailed(2, "sick", ())).obey()
    assert told.phase == "Suspending"
    assert told.state.target.deployment == "dep-1"


# --- the way back ---


def test_a_red_bake_swaps_back(story: Any) -> None:
    told = story.of("swap:swap_baking")
    told.probe(Verdict.FAIL)
    assert "is not healthy in the bake" in told.why
    assert isinstance(told.probe(Verdict.FAIL, after_s=60.0), event.GateFailed)
    assert told.obey().phase == "SwappingBack"
    assert told.action.sources == (THERE,)
    told.look(swapped(told.looks))
    assert told.action == Submit(SwapSlots("dep-1", "dep-0"), going_back=True)
    told.tell(told.intended(SwapSlots("dep-1", "dep-0")), told.accepted, told.succeeded)
    assert told.look(swapped(told.looks)) is None
    assert told.look(told.looks.production()) is None
    assert told.look(told.looks.production()).finding is Finding.RESTORED
    assert told.obey().state.ended.outcome is Outcome.ROLLED_BACK


def test_what_somebody_swapped_back_already_is_only_seen(story: Any) -> None:
    told = story.of("swap:swapping_back")
    assert told.look(told.looks.production()) is None
    assert told.look(told.looks.production()).finding is Finding.RESTORED


def test_a_red_bake_is_held_where_the_policy_says_so_and_can_be_taken_as_it_is(story: Any) -> None:
    told = story(kind="swap", on_failure="hold").go("swap_baking").tell(event.GateFailed(2, "sick", ())).obey()
    assert told.phase == "HeldForPerson"
    told.denied("advance")
    told.granted("advance", accept_red=("instances",))
    told.look(swapped(told.looks))
    assert told.obey().state.ended.outcome is Outcome.SUCCEEDED


def test_a_retry_bakes_anew(story: Any) -> None:
    told = story(kind="swap", on_failure="hold").go("swap_baking").tell(event.GateFailed(2, "sick", ())).obey()
    told.at(900.0).granted("retry")
    assert told.state.phase.gate.began_t == 900.0


def test_a_bake_of_a_swap_ends_by_word_without_the_flag_of_the_last_walk(story: Any) -> None:
    told = story.of("swap:swap_baking")
    told.granted("advance", accept_red=("instances",))
    assert (told.phase, told.state.domain_count, told.state.phase.domain) == ("Ready", 3, 3)
    assert told.state.red_accepted == ()


def test_a_swap_back_that_is_refused_is_held_and_can_be_tried_again(story: Any) -> None:
    told = story.of("swap:swapping_back asked")
    told.tell(told.refused(RefusedKind.REJECTED))
    told.look(swapped(told.looks))
    assert told.obey().phase == "HeldForPerson"
    assert "it cannot go back: the platform refused the swap: said no" in told.why
    told.granted("retry")
    assert (told.phase, told.state.no_way_back) == ("SwappingBack", None)
    assert deadline(told.state, told.t).name == "operation_timeout.swap"


@pytest.mark.parametrize("place", ["swapping", "swapping asked", "swapping accepted", "swap_baking"])
def test_a_word_to_go_back_never_overtakes_a_swap_that_is_under_way(story: Any, place: str) -> None:
    told = story.of(f"swap:{place}")
    told.granted("rollback")
    if place == "swapping":
        assert told.obey().state.ended.outcome is Outcome.FAILED
        return
    if place == "swapping asked":
        told.tell(told.accepted)
    if place != "swap_baking":
        assert told.phase == "Swapping"
        assert "waits for the swap" in told.why
        assert isinstance(told.say("rollback"), NoOp)
        told.poll(Succeeded())
    assert told.phase == "SwappingBack"
    assert told.look(swapped(told.looks)).finding is Finding.CLEAR
    assert isinstance(told.action, Submit)


def test_going_back_waits_for_a_swap_under_way_no_longer_than_its_limit(story: Any) -> None:
    told = story.of("swap:swapping accepted").tell(event.TurnedBack("ann wants it back"))
    told.poll(Running(), after_s=401.0)
    assert (told.phase, told.state.failure) == ("SwappingBack", "ann wants it back")


# --- after the end ---


def succeeded(story: Any) -> Any:
    told = story.of("swap:swap_baking").tell(event.Baked(2, ()))
    told.look(swapped(told.looks))
    return told.obey()


def test_a_succeeded_swap_is_swapped_back_as_a_new_attempt_while_the_previous_one_is_kept(story: Any) -> None:
    told = succeeded(story)
    opened = told.later(999.0).granted("rollback").facts[0]
    assert isinstance(opened, event.Opened)
    assert opened.attempt == 2
    told.anew(opened)
    assert (told.phase, told.state.turned_back, told.state.turned_by) == ("SwappingBack", True, "bob")
    told.look(swapped(told.looks))
    assert told.action == Submit(SwapSlots("dep-1", "dep-0"), going_back=True)


def test_once_the_previous_deployment_is_not_kept_any_more_nothing_is_swapped_back(story: Any) -> None:
    told = succeeded(story).later(1000.5)
    assert "was kept until 500ms ago" in told.denied("rollback").why


@pytest.mark.parametrize("place", ["swap:swapping_back restored", "ended", "swap:swapping"])
def test_only_a_swap_that_succeeded_is_swapped_back_after_its_end(story: Any, place: str) -> None:
    told = story.of(place)
    if told.state.ended is None:
        told.tell(event.Closed(Outcome.ROLLED_BACK, "policy", "sick"))
    assert isinstance(told.say("rollback"), Refused)


# --- what people are told and may say ---


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("swap:preflight", "nothing was touched"),
        ("swap:swapping", "swap back"),
        ("swap:swap_baking", "swap back"),
        ("staged:ready", "rollback of staging → swap back"),
    ],
)
def test_the_way_back_of_a_swap_is_said(story: Any, place: str, said: str) -> None:
    assert way_back(story.of(place).state) == said


@pytest.mark.parametrize(
    ("claim", "seen", "agrees"),
    [
        (Claim.SUCCEEDED, swapped, True),
        (Claim.SUCCEEDED, lambda looks: looks.production(), False),
        (Claim.ROLLED_BACK, lambda looks: looks.production(), True),
        (Claim.ROLLED_BACK, swapped, False),
        (Claim.FAILED, lambda looks: looks.production(locked=True), False),
    ],
)
def test_a_claim_about_a_swap_is_held_against_production(story: Any, claim: Claim, seen: Any, agrees: bool) -> None:
    told = story.of("swap:swapping settling").tell(event.HeldOnFailure("odd"))
    told.granted("resolve", resolve_as=claim)
    assert told.action.sources == (THERE,)
    assert told.look(seen(told.looks)).agrees is agrees


def test_every_word_has_an_answer_in_the_bake_of_a_swap(story: Any) -> None:
    told = story.of("swap:swap_baking")
    assert {type(story.of("swap:swap_baking").say(verb)) for verb in FOR_SERVICES} == {
        Told,
        NoOp,
        Refused,
    }
    assert told.phase == "SwapBaking"
