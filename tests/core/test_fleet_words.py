"""Approvals, freezes, holds by rule, two rollouts that want the same: each answer and each sentence by example."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import event, fleet_event
from rollout.core.admission import Scene
from rollout.core.approvals import Standing, approvers, owed_at, owed_at_start, plan_digest, said, standing
from rollout.core.around import ALONE, Around, Taken
from rollout.core.command import Ask, Command, NoOp, Refused, Told, Verb
from rollout.core.conflict import Claim, handover, refusal, taken_by_others
from rollout.core.ending import Outcome
from rollout.core.event import HoldReason
from rollout.core.evolve import IllegalFact
from rollout.core.fleet import consider_fleet, decide_fleet
from rollout.core.fleet_action import AskApproval, OpenWave, Release
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState, Summary
from rollout.core.freeze import NO_FREEZE, EngineState, Freeze, answer_freeze, evolve_engine
from rollout.core.freeze_event import Frozen, Restored, Unfrozen
from rollout.core.holding import hold_before, keeps
from rollout.core.names import ENGINE_STREAM, Digest, Now, RolloutId, ServiceName, rollout_stream
from rollout.core.operation import StartUpgrade, Walk
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.reply import Kind, reply, reply_engine
from rollout.core.summary import summarize
from rollout.core.waiting import waits_for
from rollout.core.wave_plan import ApprovalPlan, Moment, OnConflict, WindowPlan, WindowsPlan

OWN = RolloutId("web-1")
A, B = ServiceName("web-01"), ServiceName("web-02")
FRIDAY_10 = 1_795_773_600.0
"""2026-11-27 10:00 UTC."""
NOW = Now(1000.0, FRIDAY_10)
START = ApprovalPlan("leads", Moment.START, within_s=3600.0)
LAST = ApprovalPlan("leads", Moment.LAST, within_s=3600.0)
GROUPS = {"leads": ("ann", "bob")}
UNTIL = "2026-11-27 11:00:00Z"


def wave(name: str, *services: ServiceName, **changes: Any) -> WavePlan:
    return replace(WavePlan(name, services, 3, 3, strict=False), **changes)


def plan(*waves: WavePlan, **changes: Any) -> RolloutPlan:
    return replace(RolloutPlan(OWN, Digest("a"), Digest("b"), waves), **changes)


def told(of: RolloutPlan, *facts: Any, now: Now = NOW) -> RolloutState:
    state: RolloutState | None = None
    for fact in (fleet_event.RolloutOpened(of), *facts):
        entry = event.Entry(rollout_stream(OWN), state.version + 1 if state else 1, now, "engine", fact)
        state = evolve_fleet(state, entry)
    assert state is not None
    return state


def asking(of: RolloutPlan, scope: str = "", *facts: Any) -> RolloutState:
    return told(of, fleet_event.ApprovalAsked(scope, "leads", FRIDAY_10 + 3600, plan_digest(of)), *facts)


def queued(service: ServiceName) -> Summary:
    return Summary(service, admitted=False, outcome=None, failed=False, for_person=False)


TWO = plan(wave("a", A), wave("b", B, approval=START), approval=START)
BOTH = {A: queued(A), B: queued(B)}
LATE = Now(1000.0, FRIDAY_10 + 3600)


# --- approvals: asked, given, refused, lapsed ---


def test_the_rollouts_own_approval_comes_before_its_first_wave_and_a_waves_before_its_own() -> None:
    assert approvers(plan(wave("a", A), wave("b", B, approval=replace(LAST, by="ops")), approval=START)) == (
        "leads",
        "ops",
    )
    state = told(TWO)
    assert [owed.scope for owed in owed_at_start(state, TWO.waves[0])] == [""]
    assert [owed.scope for owed in owed_at_start(state, TWO.waves[1])] == ["", "b"]
    assert decide_fleet(state, BOTH, NOW) == AskApproval("", "leads", FRIDAY_10 + 3600, plan_digest(TWO))
    pending = asking(TWO)
    assert decide_fleet(pending, BOTH, NOW) is None
    given = asking(TWO, "", fleet_event.Approved("", "ann", "fine"))
    assert decide_fleet(given, BOTH, NOW) == OpenWave("a")
    done = replace(BOTH[A], admitted=True, outcome=Outcome.SUCCEEDED)
    begun = asking(TWO, "", fleet_event.Approved("", "ann", "fine"), fleet_event.WaveOpened("a"))
    following = decide_fleet(begun, BOTH | {A: done}, NOW)
    assert following == AskApproval("b", "leads", FRIDAY_10 + 3600, plan_digest(TWO))


def test_an_approval_stands_as_it_was_answered_and_lapses_at_its_date() -> None:
    (owed,) = owed_at_start(told(TWO), TWO.waves[0])
    assert standing(told(TWO), owed, NOW) is Standing.UNASKED
    assert said(told(TWO), owed, NOW) == "for leads to approve the rollout"
    assert standing(asking(TWO), owed, NOW) is Standing.PENDING
    assert said(asking(TWO), owed, NOW) == f"for leads to approve the rollout, until {UNTIL}"
    assert standing(asking(TWO), owed, LATE) is Standing.EXPIRED
    assert said(asking(TWO), owed, LATE) == (
        f"for leads to approve the rollout: nobody did until {UNTIL}; resume asks again"
    )
    no = asking(TWO, "", fleet_event.Rejected("", "bob", "not on a friday"))
    assert standing(no, owed, NOW) is Standing.REJECTED
    assert said(no, owed, NOW) == (
        "for leads to approve the rollout: bob rejected it: not on a friday; resume asks again"
    )
    assert standing(asking(TWO, "", fleet_event.Approved("", "bob", "")), owed, LATE) is Standing.GIVEN


def test_after_a_rejection_no_later_wave_opens_not_even_one_without_approval() -> None:
    of = plan(wave("a", A), wave("b", B, needs=(), approval=START))
    state = asking(of, "b", fleet_event.Rejected("b", "bob", "no"))
    assert decide_fleet(state, BOTH, NOW) is None


def test_what_is_queued_behind_an_approval_says_whose_and_until_when() -> None:
    def kept(state: RolloutState, *done: ServiceName) -> str:
        members = {name: replace(BOTH[name], admitted=True, outcome=Outcome.SUCCEEDED) for name in done}
        return waits_for(Scene(state, BOTH | members, NOW, ALONE), B).said

    assert kept(asking(TWO)) == "for wave a to end"
    assert kept(asking(TWO, "", fleet_event.Rejected("", "bob", "no"))).startswith(
        "for leads to approve the rollout: bob"
    )
    given = (fleet_event.Approved("", "ann", "fine"), fleet_event.WaveOpened("a"))
    assert kept(asking(TWO, "", *given), A) == "for leads to approve wave b"
    more = fleet_event.ApprovalAsked("b", "leads", FRIDAY_10 + 3600, "d")
    assert kept(asking(TWO, "", *given, more), A) == f"for leads to approve wave b, until {UNTIL}"
    assert kept(asking(TWO, "", *given, more, fleet_event.Approved("b", "ann", "fine")), A) == "for wave a to end"


@pytest.mark.parametrize(
    ("facts", "fact"),
    [
        ((), fleet_event.Approved("", "ann", "")),
        ((fleet_event.ApprovalAsked("", "leads", 1.0, "d"), fleet_event.Approved("", "ann", "")), None),
        (
            (fleet_event.ApprovalAsked("", "leads", 1.0, "d"), fleet_event.Rejected("", "ann", "")),
            fleet_event.Approved("", "ann", ""),
        ),
    ],
)
def test_an_answer_without_a_question_or_a_second_one_is_refused(facts: tuple[Any, ...], fact: Any) -> None:
    with pytest.raises(IllegalFact):
        told(TWO, *facts, fact or fleet_event.ApprovalAsked("", "leads", 2.0, "d"))


def say(state: RolloutState, verb: Verb, actor: str = "ann", *, now: Now = NOW, **flags: Any) -> Any:
    ask = Ask(OWN, None, Command("k", verb, actor, "because", **flags))
    found, drafts = reply(state, {}, ask, now, GROUPS)
    return next(iter(found.said), None), [fact for _, fact in drafts]


def test_only_somebody_of_the_group_who_did_not_submit_approves_the_plan_as_it_is() -> None:
    state = asking(replace(TWO, submitter="bob"))
    digest = plan_digest(state.plan)
    yes, facts = say(state, Verb.APPROVE, plan=digest)
    assert (yes.kind, yes.text, facts) == (Kind.ACCEPTED, "approved", [fleet_event.Approved("", "ann", "because")])
    stranger, facts = say(state, Verb.APPROVE, "eve", plan=digest)
    assert (stranger.kind, stranger.text, facts) == (Kind.REFUSED, "eve is not in group leads of the settings", [])
    own, _ = say(state, Verb.APPROVE, "bob", plan=digest)
    assert (own.text, own.instead) == (
        "bob submitted it, and nobody approves what is his own",
        "somebody else of group leads",
    )
    blind, _ = say(state, Verb.APPROVE)
    assert blind.text == f"the plan is {digest[:12]}, and not nothing"
    other, _ = say(state, Verb.APPROVE, plan="f" * 64)
    assert other.instead == f"look at it again, then --plan {digest[:12]}"
    late, _ = say(state, Verb.APPROVE, plan=digest, now=LATE)
    assert (late.text, late.instead) == ("it was not given in time", "resume, which asks again, and then the same")


def test_whoever_submitted_may_reject_and_a_resume_asks_for_what_lapsed_or_was_refused() -> None:
    state = asking(replace(TWO, submitter="bob"))
    no, facts = say(state, Verb.REJECT, "bob")
    assert (no.kind, facts) == (Kind.ACCEPTED, [fleet_event.Rejected("", "bob", "because")])
    assert say(state, Verb.RESUME)[1] == []
    digest = plan_digest(state.plan)
    again = fleet_event.ApprovalAsked("", "leads", FRIDAY_10 + 7200, digest)
    heard, facts = say(state, Verb.RESUME, now=LATE)
    assert (heard.text, facts) == ("approval is asked for again", [again])
    refused = asking(state.plan, "", fleet_event.Rejected("", "bob", "no"))
    assert say(refused, Verb.RESUME)[1] == [replace(again, until_wall=FRIDAY_10 + 3600)]


def test_a_wave_is_named_where_several_wait_and_what_waits_for_nothing_says_so() -> None:
    state = asking(TWO, "b")
    assert say(state, Verb.APPROVE, plan=plan_digest(TWO), wave="b")[0].about == "wave b"
    other, _ = say(state, Verb.APPROVE, plan=plan_digest(TWO), wave="a")
    assert (other.about, other.text) == ("wave a", "it waits for no approval now")
    assert say(told(TWO), Verb.APPROVE)[0].about == OWN


def test_a_plans_digest_changes_with_the_plan_and_with_nothing_else() -> None:
    assert plan_digest(TWO) == plan_digest(replace(TWO))
    assert plan_digest(TWO) != plan_digest(replace(TWO, waves=(replace(TWO.waves[0], max_parallel=4), TWO.waves[1])))


# --- holds by rule ---

HOURS = WindowsPlan((WindowPlan((4,), 9 * 60, 11 * 60, "UTC"),), hold_mid_service=True)
UPGRADE = StartUpgrade(Digest("a"), Digest("b"), "x", {})


def flying(story: Any, of: RolloutPlan, *facts: Any) -> tuple[RolloutState, Any]:
    return told(of, fleet_event.WaveOpened("a"), *facts), story().go("ready")


def test_a_service_holds_before_its_last_domain_until_that_is_approved(story: Any) -> None:
    of = plan(wave("a", A), approval=LAST)
    state, one = flying(story, of)
    assert hold_before(state, one.state, Walk(1), NOW, ALONE) is None
    held = hold_before(state, one.state, Walk(2), NOW, ALONE)
    assert held == event.Held(
        HoldReason.APPROVAL, "policy", "waits for leads to approve the rollout, before the last domain"
    )
    given = asking(of, "", fleet_event.Approved("", "ann", "fine"))
    assert hold_before(given, one.state, Walk(2), NOW, ALONE) is None
    own = told(plan(wave("a", A, approval=replace(LAST, by="ops")), approval=LAST))
    owed = owed_at(own, A, Moment.LAST)
    assert owed is not None
    assert (owed.scope, owed.plan.by) == ("a", "ops")
    assert owed_at(told(plan(wave("a", A), approval=START)), A, Moment.LAST) is None


def test_a_service_under_way_holds_outside_its_windows_only_where_it_is_to(story: Any) -> None:
    state, one = flying(story, plan(wave("a", A, windows=HOURS)))
    closed = Now(1000.0, FRIDAY_10 + 3600)
    assert hold_before(state, one.state, Walk(1), NOW, ALONE) is None
    held = hold_before(state, one.state, Walk(1), closed, ALONE)
    assert held is not None
    assert (held.reason, held.until_wall) == (HoldReason.WINDOW, FRIDAY_10 + 7 * 86_400 - 3600)
    runs_on, _ = flying(story, plan(wave("a", A, windows=replace(HOURS, hold_mid_service=False))))
    assert hold_before(runs_on, one.state, Walk(1), closed, ALONE) is None


def test_a_freeze_of_domains_holds_every_forward_call_and_one_of_admissions_none(story: Any) -> None:
    state, one = flying(story, plan(wave("a", A)))
    frozen = Around(freeze=Freeze("ann", "black friday", FRIDAY_10, domains=True, until_wall=FRIDAY_10 + 60))
    assert hold_before(state, one.state, UPGRADE, NOW, frozen) == event.Held(
        HoldReason.FREEZE, "ann", "black friday", FRIDAY_10 + 60
    )
    admissions = Around(freeze=Freeze("ann", "black friday", FRIDAY_10))
    assert hold_before(state, one.state, UPGRADE, NOW, admissions) is None
    assert keeps(state, A, HoldReason.PAUSE, NOW, frozen) is None


def test_a_hold_by_rule_is_lifted_when_its_reason_is_gone_and_waited_for_until_its_date(story: Any) -> None:
    state, one = flying(story, plan(wave("a", A, windows=HOURS)), fleet_event.ServiceAdmitted(A))
    closed = Now(1000.0, FRIDAY_10 + 3600)
    held = hold_before(state, one.state, Walk(1), closed, ALONE)
    member = summarize(one.tell(held).state, closed)
    assert not member.for_person
    course = consider_fleet(state, {A: member}, closed)
    opens = FRIDAY_10 + 7 * 86_400 - 3600
    assert (course.action, course.until_wall) == (None, opens)
    assert decide_fleet(state, {A: member}, Now(1000.0, opens)) == Release(((A, HoldReason.WINDOW),))


def test_whoever_is_held_for_an_approval_has_it_asked_for_once(story: Any) -> None:
    of = plan(wave("a", A), approval=LAST)
    state, one = flying(story, of, fleet_event.ServiceAdmitted(A))
    held = hold_before(state, one.state, Walk(2), NOW, ALONE)
    member = summarize(one.tell(held).state, NOW)
    assert member.for_person
    asked = decide_fleet(state, {A: member}, NOW)
    assert asked == AskApproval("", "leads", FRIDAY_10 + 3600, plan_digest(of))
    pending = told(of, fleet_event.WaveOpened("a"), fleet_event.ApprovalAsked("", "leads", FRIDAY_10 + 3600, "d"))
    assert decide_fleet(pending, {A: member}, NOW) is None
    other = replace(member, holds=frozenset({HoldReason.PAUSE}))
    assert decide_fleet(state, {A: other}, NOW) is None


def test_a_resume_lifts_what_people_said_and_not_what_a_rule_holds(story: Any) -> None:
    one = story().go("ready").tell(event.Held(HoldReason.WINDOW, "policy", "no window is open", FRIDAY_10))
    from rollout.core.commands import answer

    word = Command("k", Verb.RESUME, "ann", "go")
    refused = answer(one.state, word, one.now)
    assert isinstance(refused, Refused)
    assert refused.why == "window: no window is open"
    both = answer(one.tell(one.held()).state, word, one.now)
    assert isinstance(both, Told)
    assert both.facts == (event.Released(HoldReason.PAUSE, "ann"),)


# --- freezes ---


def frozen(*facts: Any) -> EngineState:
    state = NO_FREEZE
    for fact in facts:
        state = evolve_engine(state, event.Entry(ENGINE_STREAM, state.version + 1, NOW, "ann", fact))
    return state


def test_a_restored_state_is_quiet_for_its_quarantine_and_a_second_one_never_shortens_that() -> None:
    state = frozen(Restored("ann", "from a copy", 120.0), Restored("ann", "from another", 60.0))
    assert state.quiet_until_t == NOW.t + 120.0
    assert "nothing is called for 120 s more" in state.said(NOW)
    assert state.said(Now(NOW.t + 120.0, NOW.wall)) == ""
    assert state.freeze_at(NOW) is None


def test_a_freeze_holds_until_it_is_lifted_or_its_date_has_come() -> None:
    assert frozen().freeze_at(NOW) is None
    held = frozen(Frozen("ann", "black friday", until_wall=FRIDAY_10 + 60))
    assert held.freeze_at(NOW) == Freeze("ann", "black friday", FRIDAY_10, until_wall=FRIDAY_10 + 60)
    assert held.freeze_at(Now(0.0, FRIDAY_10 + 60)) is None
    assert frozen(Frozen("ann", "x"), Unfrozen("bob", "y")).freeze_at(NOW) is None


@pytest.mark.parametrize(
    "entry",
    [
        event.Entry(ENGINE_STREAM, 1, NOW, "ann", Unfrozen("ann", "x")),
        event.Entry(ENGINE_STREAM, 2, NOW, "ann", Frozen("ann", "x")),
        event.Entry(ENGINE_STREAM, 1, NOW, "ann", event.Admitted("x")),
    ],
)
def test_a_fact_that_cannot_follow_in_the_engines_stream_is_refused(entry: event.Entry) -> None:
    with pytest.raises(IllegalFact, match="@engine version"):
        evolve_engine(None, entry)


def test_a_freeze_is_answered_with_what_goes_on_and_said_twice_it_is_nothing_new() -> None:
    fact, answered = answer_freeze(NO_FREEZE, Command("k", Verb.FREEZE, "ann", "lunch"), NOW)
    assert fact == Frozen("ann", "lunch")
    assert answered == Told(
        (), "nothing is begun until an unfreeze; services under way go on, and going back is never frozen"
    )
    held = frozen(fact)
    assert answer_freeze(held, Command("k", Verb.FREEZE, "bob", "again"), NOW) == (
        None,
        NoOp("it is frozen already, by ann: lunch"),
    )
    more, answered = answer_freeze(held, Command("k", Verb.FREEZE, "bob", "all", domains=True), NOW)
    assert more == Frozen("bob", "all", domains=True)
    assert isinstance(answered, Told)
    assert "no service goes further" in answered.said
    over, answered = answer_freeze(NO_FREEZE, Command("k", Verb.FREEZE, "ann", "x", until_wall=FRIDAY_10), NOW)
    assert (over, answered) == (None, Refused("that time is over already", "a later --for"))


def test_an_unfreeze_lifts_what_is_frozen_and_is_nothing_to_do_otherwise() -> None:
    word = Command("k", Verb.UNFREEZE, "bob", "go")
    assert answer_freeze(NO_FREEZE, word, NOW) == (None, NoOp("nothing is frozen"))
    said_, drafts = reply_engine(frozen(Frozen("ann", "x")), word, NOW)
    assert (said_.kind, drafts) == (Kind.ACCEPTED, ((ENGINE_STREAM, Unfrozen("bob", "go")),))
    assert reply_engine(NO_FREEZE, word, NOW)[0].kind is Kind.NO_OP
    late = Command("k", Verb.FREEZE, "ann", "x", until_wall=1.0)
    assert reply_engine(NO_FREEZE, late, NOW)[0].kind is Kind.REFUSED


# --- two rollouts that want the same ---


def claim(story: Any, rollout: str, **places: str) -> Claim:
    """Give an open rollout whose services stand at these places."""
    services = {}
    for name, place in places.items():
        state = story(name=name).go(place).state
        services[ServiceName(name)] = replace(state, plan=replace(state.plan, rollout=RolloutId(rollout)))
    of = RolloutPlan(RolloutId(rollout), Digest("a"), Digest("b"), (wave("all", *services),))
    opened = event.Entry(rollout_stream(RolloutId(rollout)), 1, NOW, "t", fleet_event.RolloutOpened(of))
    return Claim(evolve_fleet(None, opened), services)


def plans(make_plan: Any, *names: str) -> list[Any]:
    return [make_plan(name) for name in names]


def test_a_rollout_is_refused_what_another_has_and_told_what_would_work(story: Any, make_plan: Any) -> None:
    old = claim(story, "old", **{f"web-{n:02}": "queued" for n in range(1, 8)})
    wanted = plans(make_plan, *(f"web-{n:02}" for n in range(1, 8)))
    why = refusal(plan(), wanted, [old])
    assert why is not None
    assert why.startswith(
        "web-1 wants what another rollout has: old, which is not over, has web-01, web-02, web-03, web-04, web-05 and 2"
    )
    assert "`rollout abort old`" in why
    assert refusal(plan(), plans(make_plan, "web-09"), [old]) is None
    assert refusal(plan(), plans(make_plan, "web-01"), [claim(story, "old", **{"web-01": "ended"})]) is None
    assert refusal(plan(on_conflict=OnConflict.QUEUE), wanted, [old]) is None


def test_a_superseding_rollout_takes_at_once_what_was_not_begun_and_the_rest_as_it_ends(
    story: Any, make_plan: Any
) -> None:
    old = claim(story, "old", **{"web-01": "walking asked", "web-02": "queued", "web-03": "queued", "web-04": "ended"})
    wanted = plans(make_plan, "web-01", "web-02", "web-04")
    drafts = handover(plan(on_conflict=OnConflict.SUPERSEDE), wanted, [old], "ann")
    facts = [fact for _, fact in drafts]
    assert facts[0] == fleet_event.Superseded(OWN, "ann", (A, B))
    assert facts[1] == event.Closed(Outcome.EXCLUDED, "ann", "superseded by web-1")
    assert facts[2] == fleet_event.ServiceEnded(B, Outcome.EXCLUDED)
    assert len(facts) == 3
    assert handover(plan(), wanted, [old], "ann") == ()


def test_what_another_has_is_what_is_under_way_there_or_was_wanted_there_first(story: Any) -> None:
    first = claim(story, "first", **{"web-01": "queued", "web-02": "ended", "web-03": "walking asked"})
    own = claim(story, "own", **{"web-01": "queued", "web-02": "queued", "web-03": "queued", "web-04": "queued"})
    later = claim(story, "later", **{"web-02": "walking asked", "web-04": "queued"})
    found = taken_by_others(RolloutId("own"), [first, own, later])
    assert found == {
        A: Taken(RolloutId("first"), driven=True),
        ServiceName("web-03"): Taken(RolloutId("first"), driven=True),
        B: Taken(RolloutId("later"), driven=True),
    }
    assert taken_by_others(RolloutId("gone"), [first]) == {}


def test_what_was_handed_over_is_not_tried_again_where_it_was(story: Any) -> None:
    of = plan(wave("a", A), wave("b", B))
    state = told(of, fleet_event.Superseded(RolloutId("web-2"), "ann", (A,)))
    services = {A: story(name=A).go("ended").state, B: story(name=B).go("ended").state}
    one = Ask(OWN, A, Command("k", Verb.RETRY, "ann", "again"))
    refused, drafts = reply(state, services, one, NOW)
    assert (refused.said[0].text, drafts) == ("web-2 took its place", ())
    both, _ = reply(state, services, Ask(OWN, None, Command("k", Verb.RETRY, "ann", "again")), NOW)
    assert [each.about for each in both.said] == [B]
