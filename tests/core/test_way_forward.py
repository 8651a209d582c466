"""The way forward, step by step: what is asked for, what has to be seen first, and what ends it."""

from typing import Any

import pytest

from rollout.core import change_event, event
from rollout.core.action import LookAtDeployment, PollOperation, ProbeHealth, Record, Submit, Wait, Watch
from rollout.core.check_plan import Moment
from rollout.core.decide import FRESH_S, LOST_REPEATS_MAX
from rollout.core.ending import Outcome
from rollout.core.event import Finding, Verdict
from rollout.core.interpret import YOUNG_OPERATION_S
from rollout.core.names import RolloutId, ServiceName
from rollout.core.operation import USER_LABEL_CHARS_MAX, StartUpgrade, Walk, attempt_token, token_of
from rollout.core.outcome import Failed, Handle, RefusedKind, Running, Succeeded, Unknown
from rollout.core.phase import Ready, Reconciling
from rollout.core.snapshot import Absent
from rollout.core.word_event import Advanced


def test_a_service_of_three_domains_succeeds_after_three_walks_three_gates_and_one_bake(story: Any) -> None:
    told = story(3, stable_s=5.0, bake_s=30.0)
    looks, submitted = told.looks, []
    told.tell(event.Admitted("rest"))
    assert isinstance(told.look(looks.running()), event.Preflighted)
    for domain in (None, 0, 1, 2):
        if told.phase == "Ready":
            assert told.look(looks.mid(domain, told.ours)).finding is Finding.CLEAR
        submitted.append(told.action.operation)
        told.tell(told.intended(told.action.operation), told.accepted)
        assert told.poll(Running()) is None
        told.poll(Succeeded())
        if domain is None:
            continue
        after = looks.running(told.ours) if domain == 2 else looks.mid(domain + 1, told.ours)
        assert told.look(after) is None
        assert told.look(after).finding is Finding.SETTLED
        while told.phase in {"Checking", "Baking"}:
            told.probe(Verdict.PASS)
    assert submitted[1:] == [Walk(0), Walk(1), Walk(2)]
    assert isinstance(submitted[0], StartUpgrade)
    assert told.action == Record(event.Closed(Outcome.SUCCEEDED, "policy", "all 3 domains run the new release"))
    assert told.obey().why == "web-01 ended as succeeded: all 3 domains run the new release."
    assert told.state.walked == (0, 1, 2)


def test_a_queued_service_waits_for_the_fleet_and_says_so(story: Any) -> None:
    told = story().later(90)
    assert told.action == Wait(None)
    assert told.why == "web-01 queued until its wave has room, for 1m30s."


# --- preflight ---


def test_preflight_keeps_what_going_back_is_measured_against(story: Any) -> None:
    told = story(3).go("preflight")
    assert told.action == Watch((LookAtDeployment(),), due_t=300.0)
    told.look(told.looks.running())
    assert told.state.before == told.before
    assert told.state.target.deployment == "dep-1"
    assert told.state.domain_count == 3


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda _: Absent("404"), "there is no deployment in production: 404"),
        (lambda looks: looks.mid(0, "web-9"), "an update that is not ours is in progress on the deployment"),
        (lambda looks: looks.running(domain_count=1), "it has one upgrade domain, so no way back"),
    ],
)
def test_a_deployment_that_cannot_be_changed_is_skipped_untouched(story: Any, spoil: Any, reason: str) -> None:
    told = story().go("preflight")
    fact = told.look(spoil(told.looks))
    assert isinstance(fact, event.Unfit)
    assert fact.reason.startswith(reason)
    assert "skipped, nothing was touched" in told.why
    assert told.obey().state.ended.outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    "spoil",
    [
        lambda looks: looks.running(locked=True),
        lambda looks: looks.running(domain_count=0),
        lambda looks: looks.running(instances=()),
        lambda looks: looks.running(activity="suspended"),
        lambda looks: looks.sick(looks.running(), 1),
    ],
)
def test_preflight_waits_for_a_settled_deployment_and_gives_up_in_time(story: Any, spoil: Any) -> None:
    told = story().go("preflight")
    seen = spoil(told.looks)
    assert told.look(seen) is None
    assert isinstance(told.look(seen, after_s=297.0), change_event.Slow)
    assert told.look(seen) is None
    fact = told.look(seen)
    assert isinstance(fact, event.Unfit)
    assert fact.reason.startswith("becoming fit for the change took longer than operation_timeout.begin")


def test_one_domain_is_walked_without_a_bake_when_the_policy_allows_it(story: Any) -> None:
    told = story(1, allow_no_rollback=True).go("preflight")
    told.look(told.looks.running())
    told.tell(told.intended(told.upgrade()), told.accepted, told.succeeded)
    told.look(told.looks.mid(0, told.ours))
    assert told.action == Submit(Walk(0), going_back=False)
    told.walk(0).tell(event.GatePassed(0, ()))
    assert told.obey().state.ended.outcome is Outcome.SUCCEEDED


# --- beginning ---


def test_the_begin_carries_the_token_of_its_own_call_and_the_running_counts(story: Any) -> None:
    told = story().go("beginning")
    operation = told.action.operation
    token = attempt_token(RolloutId("web-1"), ServiceName("web-01"), 1, 1)
    assert operation.label == f"web-2.4.1 {token}"
    assert operation.instance_counts == {"Web": 6}
    told.tell(told.intended(operation), told.refused).later(8)
    told.look(told.looks.running())
    assert token_of(told.action.operation.label) == attempt_token(RolloutId("web-1"), ServiceName("web-01"), 1, 2)


def test_a_label_of_82_characters_and_its_token_fit_into_100(story: Any) -> None:
    told = story(label="x" * USER_LABEL_CHARS_MAX).go("beginning")
    label = told.action.operation.label
    assert len(label) <= 100
    assert label.startswith("x" * 82 + " [ro:")


@pytest.mark.parametrize("seen", ["mid", "running"])
def test_somebody_who_begins_first_is_left_alone(story: Any, seen: str) -> None:
    told = story().go("beginning").later(FRESH_S + 1)
    stranger = told.looks.mid(0, "web-9") if seen == "mid" else told.looks.running("web-9")
    fact = told.look(stranger)
    assert isinstance(fact, event.TakenOver)
    assert fact.detail.startswith("somebody began another change before ours; the deployment is labelled 'web-9'")
    assert told.action == Wait(None)
    assert "taken over by somebody else's change" in told.why


def test_a_lock_before_the_begin_is_waited_for(story: Any) -> None:
    told = story().go("beginning").later(FRESH_S + 1)
    assert told.look(told.looks.running(locked=True)) is None
    assert told.look(told.looks.running()).finding is Finding.CLEAR
    assert isinstance(told.action, Submit)


def test_a_begin_is_done_when_its_operation_succeeded_or_the_deployment_waits_for_walk_0(story: Any) -> None:
    polled = story().go("beginning accepted")
    assert polled.action.sources == (PollOperation(1, Handle("sub-1", "op-1")), LookAtDeployment())
    assert isinstance(polled.poll(Succeeded()), event.Succeeded)
    assert (polled.phase, polled.state.phase.domain) == ("Ready", 0)
    looked = story().go("beginning accepted")
    assert looked.look(looked.looks.mid(0, looked.ours)).finding is Finding.BEGUN
    assert looked.phase == "Ready"


def test_a_begin_is_not_done_while_the_deployment_shows_less(story: Any) -> None:
    told = story().go("beginning accepted")
    looks, ours = told.looks, told.ours
    shows = (
        looks.running(),
        looks.running(ours),
        looks.mid(0, "web-9"),
        looks.mid(0, ours, locked=True),
        looks.mid(0, ours, during=True),
        looks.mid(1, ours),
        looks.mid(0, ours, manual=False),
    )
    assert [told.look(seen) for seen in shows] == [None] * len(shows)


def test_a_begin_that_fails_unseen_changed_nothing_and_ends_as_failed(story: Any) -> None:
    told = story().go("beginning accepted")
    told.poll(Failed("BadRequest", "no such role"))
    told.look(told.looks.running())
    assert told.state.failure == "the upgrade failed: BadRequest: no such role"
    assert told.obey().state.ended.outcome is Outcome.FAILED


# --- ready and walking ---


def test_no_call_is_made_on_a_look_older_than_thirty_seconds(story: Any) -> None:
    told = story().go("ready")
    assert told.action.sources == (LookAtDeployment(),)
    told.look(told.looks.mid(0, told.ours))
    assert told.later(FRESH_S).action == Submit(Walk(0), going_back=False)
    assert told.later(0.1).action.sources == (LookAtDeployment(),)
    begin = story().go("beginning")
    assert isinstance(begin.later(FRESH_S).action, Submit)
    assert begin.later(0.1).action.sources == (LookAtDeployment(),)


@pytest.mark.parametrize("kind", [RefusedKind.NOT_SENT, RefusedKind.THROTTLED, RefusedKind.BUSY])
@pytest.mark.parametrize("place", ["beginning", "walking"])
def test_a_refused_call_waits_then_looks_before_it_is_made_anew(story: Any, place: str, kind: RefusedKind) -> None:
    told = story().go(f"{place} asked")
    told.tell(told.refused(kind, retry_in_s=7.0))
    assert told.state.walked == ()
    assert told.action == Wait(7.0)
    assert told.why.endswith("was not taken (said no), for 0s; asks again in 7s.")
    assert told.later(7.0).action.sources == (LookAtDeployment(),)
    assert told.state.phase.step.refusals == 1


@pytest.mark.parametrize("place", ["beginning", "walking"])
def test_a_platform_that_is_always_busy_is_given_up_within_the_steps_limit(story: Any, place: str) -> None:
    told = story().go(f"{place} asked")
    clear = told.looks.running() if place == "beginning" else told.looks.mid(0, told.ours)
    calls = 0
    while told.state.failure is None:
        calls += 1
        assert told.t < 700
        told.tell(told.refused(retry_in_s=20.0)).later(20.0)
        told.look(clear)
        if isinstance(told.action, Submit):
            told.tell(told.intended(told.action.operation))
    assert calls > 10
    limit = {"beginning": "operation_timeout.begin", "walking": "walk.domain_timeout"}[place]
    assert f"took longer than {limit}" in told.state.failure
    assert "said no" in told.state.failure


def test_a_walk_that_is_lost_four_times_needs_an_operator(story: Any) -> None:
    told = story().go("ready")
    for _ in range(LOST_REPEATS_MAX + 1):
        told.look(told.looks.mid(0, told.ours))
        assert told.action == Submit(Walk(0), going_back=False)
        told.tell(told.intended(Walk(0)), told.lost).later(40)
        assert told.look(told.looks.mid(0, told.ours)).finding is Finding.NOT_APPLIED
    assert told.action == Record(event.Escalated("the walk of domain 0 was lost 4 times"))
    assert "needs an operator" in told.obey().why


def test_a_begin_that_is_lost_four_times_needs_an_operator(story: Any) -> None:
    told = story().go("beginning")
    for _ in range(LOST_REPEATS_MAX + 1):
        told.look(told.looks.running())
        told.tell(told.intended(told.action.operation), told.lost).later(40)
        assert told.look(told.looks.running()).finding is Finding.NOT_APPLIED
        assert told.state.token is None
    assert told.action == Record(event.Escalated("the upgrade was lost 4 times"))


def test_the_next_domain_starts_with_no_losses_against_it(story: Any) -> None:
    told = story().go("walking asked")
    told.tell(told.lost()).later(40)
    told.look(told.looks.mid(0, told.ours, during=True))
    assert told.state.phase.step.losses == 1
    told.tell(told.observed(Finding.SETTLED), event.GatePassed(0, ()))
    assert told.state.phase == Ready(1, told.state.phase.step)
    assert told.state.phase.step.losses == 0


def test_looks_before_a_walk_tell_ours_from_a_strangers(story: Any) -> None:
    told = story().go("ready")
    looks, ours = told.looks, told.ours
    waits = (looks.mid(0, ours, during=True), looks.mid(0, ours, locked=True))
    assert [told.look(seen) for seen in waits] == [None, None]
    foreign = {
        "our change is gone before domain 0 was walked": looks.running(),
        "another change has taken the place of ours": looks.mid(0, "web-9"),
        "somebody walked domain 0": looks.mid(1, ours),
    }
    for why, seen in foreign.items():
        fact = story().go("ready").look(seen)
        assert isinstance(fact, event.TakenOver)
        assert fact.detail.startswith(why)
    automatic = story().go("ready").look(looks.mid(0, ours, manual=False))
    assert isinstance(automatic, event.TakenOver)
    assert isinstance(told.look(Absent("404")), event.TakenOver)


def test_a_pointer_behind_the_next_domain_is_waited_for(story: Any) -> None:
    told = story().go("checking").tell(event.GatePassed(0, ()))
    assert told.look(told.looks.mid(0, told.ours)) is None


def test_the_old_label_under_our_update_is_ours_until_our_own_was_seen(story: Any) -> None:
    late = story().go("ready")
    assert late.look(late.looks.mid(0, "web-2.4.0")).finding is Finding.CLEAR
    assert not late.state.mark_seen
    seen = story().go("ready")
    seen.look(seen.looks.mid(0, seen.ours))
    assert seen.state.mark_seen
    assert isinstance(seen.look(seen.looks.mid(0, "web-2.4.0")), event.TakenOver)


def test_a_failed_walk_turns_back_or_holds_as_the_policy_says(story: Any) -> None:
    for on_failure, fact in (("rollback", event.TurnedBack), ("hold", event.HeldOnFailure)):
        told = story(on_failure=on_failure).go("walking accepted")
        told.poll(Failed("InternalError", "role crashed"))
        assert told.action == Record(fact("walk of domain 0 failed: InternalError: role crashed"))


# --- operations the platform knows nothing of ---


@pytest.mark.parametrize(("place", "phase"), [("beginning", "Reconciling"), ("walking", "Settling")])
def test_an_unknown_operation_is_young_for_a_minute_and_then_the_deployment_is_asked(
    story: Any, place: str, phase: str
) -> None:
    told = story().go(f"{place} accepted")
    assert told.poll(Unknown("404"), after_s=YOUNG_OPERATION_S - 1) is None
    assert isinstance(told.poll(Unknown("404")), event.Untracked)
    assert told.phase == phase


def test_an_answer_about_another_call_means_nothing(story: Any) -> None:
    from rollout.core.interpret import interpret_poll

    told = story().go("walking accepted")
    assert interpret_poll(told.state, 1, Succeeded(), told.now) is None
    asked = story().go("walking asked")
    assert interpret_poll(asked.state, 2, Succeeded(), asked.now) is None
    assert interpret_poll(story().go("settling").state, 2, Succeeded(), told.now) is None


# --- settling ---


def test_a_domain_is_settled_when_two_looks_in_a_row_show_it(story: Any) -> None:
    told = story().go("settling")
    done, sick = told.looks.mid(1, told.ours), told.looks.sick(told.looks.mid(1, told.ours), 0)
    for seen in (sick, done, sick, told.looks.mid(1, told.ours, locked=True), done):
        assert told.look(seen) is None
    assert told.look(done).finding is Finding.SETTLED


@pytest.mark.parametrize("spoil", ["lag", "changing", "sick"])
def test_the_last_domain_is_settled_only_when_nothing_at_all_is_under_way(story: Any, spoil: str) -> None:
    told = story(2).go("baking").tell(event.Baked(1, ()))
    told.tell(told.intended(Walk(1)))
    told.tell(told.accepted, told.succeeded)
    looks, ours = told.looks, told.ours
    shows = {
        "lag": looks.mid(1, ours),
        "changing": looks.running(ours, activity="changing"),
        "sick": looks.sick(looks.running(ours), 0),
    }
    assert [told.look(shows[spoil]), told.look(shows[spoil]), told.look(looks.running(ours))] == [None] * 3
    assert told.look(looks.running(ours)).finding is Finding.SETTLED


def test_looks_while_settling_tell_ours_from_a_strangers(story: Any) -> None:
    early = story().go("settling")
    assert "before it was complete" in early.look(early.looks.running(early.ours)).detail
    other = story().go("settling")
    assert "another change" in other.look(other.looks.mid(1, "web-9")).detail
    last = story(1, allow_no_rollback=True).go("settling")
    assert "another release" in last.look(last.looks.running("web-9")).detail


def test_a_dangling_intent_is_lost_before_anything_else_is_thought_of(story: Any) -> None:
    for place in ("beginning asked", "walking asked", "rolling_back asked"):
        told = story().go(place).tell(story().held(), event.Stopped("ann", "wait"))
        number = told.state.calls
        assert told.action == Record(event.Lost(number, "the engine ended before an answer was recorded"))
        assert "is missing" in told.why
        told.at(100.0).obey()
        assert isinstance(told.state.phase, Reconciling)
        assert told.action == Wait(140.0)
        assert told.at(140.0).action.sources == (LookAtDeployment(),)


def test_checks_are_asked_about_the_walked_domain_and_in_the_bake_about_all(story: Any) -> None:
    checking = story(3).go("checking").tell(event.GatePassed(0, ())).walk(1)
    assert checking.action.sources == (ProbeHealth((1,), 5.0, 10.0, ("instances",)),)
    assert story(3).go("baking").action.sources == (ProbeHealth((0, 1), 5.0, 0.0, ("instances",), Moment.BAKE),)


def test_a_walked_domain_that_fell_again_holds_up_the_next_walk_until_it_is_back(story: Any) -> None:
    told = story(4).go("checking").tell(event.GatePassed(0, ()))
    fallen = told.looks.sick(told.looks.mid(1, told.ours), 0)

    assert told.look(fallen) is None
    assert told.look(told.looks.mid(1, told.ours)).finding is Finding.CLEAR


def test_a_domain_taken_as_it_is_holds_nobody_up(story: Any) -> None:
    told = story(4).go("checking").tell(Advanced(0, "ann", "known", ("instances",)))
    assert told.state.red_accepted == (0,)

    assert told.look(told.looks.sick(told.looks.mid(1, told.ours), 0)).finding is Finding.CLEAR
