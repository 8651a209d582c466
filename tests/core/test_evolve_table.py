"""Which fact may follow in which place: the whole table, as data, each pair tried."""

from typing import Any

import pytest

from rollout.core import care_event, change_event, event, fleet_event, gate_event, sight_event, word_event
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Finding, HoldReason, Verdict
from rollout.core.evolve import IllegalFact, evolve
from rollout.core.names import Digest, Now, StreamName
from rollout.core.operation import (
    ActOnInstance,
    CapturePackage,
    Create,
    InstanceVerb,
    RollBack,
    SetStatus,
    StartConfigure,
    SwapSlots,
    Walk,
)
from rollout.core.outcome import Handle, RefusedKind
from rollout.core.phase import Ended, domain_of
from rollout.core.snapshot import sighting

WORDS = "held released stopped resumed taken_up"
ANSWERS = "accepted refused:not_sent refused:throttled refused:busy refused:rejected lost"
OPERATION_ENDS = "succeeded failed untracked"
GIVE_UP = "blinded held_on_failure taken_over escalated"

ANYWHERE = f"barrier_opened slow terms_changed {WORDS}"

LEGAL = {
    "queued": f"admitted turned_back closed {ANYWHERE}",
    "preflight": f"preflighted unfit turned_back closed {GIVE_UP} {ANYWHERE}",
    "beginning": (
        "intended:upgrade intended:configure rescaled observed:clear observed:overdue turned_back closed "
        f"{GIVE_UP} {ANYWHERE}"
    ),
    "beginning asked": f"{ANSWERS} observed:begun turned_back {ANYWHERE}",
    "beginning accepted": f"{OPERATION_ENDS} observed:begun observed:overdue turned_back {GIVE_UP} {ANYWHERE}",
    "ready": f"intended:walk observed:clear observed:overdue turned_back closed {GIVE_UP} {ANYWHERE}",
    "walking asked": f"{ANSWERS} turned_back {ANYWHERE}",
    "walking accepted": f"{OPERATION_ENDS} observed:overdue turned_back {GIVE_UP} {ANYWHERE}",
    "settling": f"observed:settled observed:overdue turned_back closed {GIVE_UP} {ANYWHERE}",
    "checking": f"probed gate_passed gate_failed turned_back advanced closed {GIVE_UP} {ANYWHERE}",
    "baking": f"probed gate_failed baked turned_back advanced closed {GIVE_UP} {ANYWHERE}",
    "reconciling": f"observed:applied observed:not_applied turned_back claimed closed {GIVE_UP} {ANYWHERE}",
    "rolling_back": (
        f"intended:rollback observed:clear observed:restored observed:no_way_back closed {GIVE_UP} {ANYWHERE}"
    ),
    "rolling_back asked": f"{ANSWERS} {ANYWHERE}",
    "rolling_back accepted": f"{OPERATION_ENDS} {GIVE_UP} {ANYWHERE}",
    "rolling_back settling": f"observed:restored observed:turned closed {GIVE_UP} {ANYWHERE}",
    "rolling_back restored": f"closed {GIVE_UP} {ANYWHERE}",
    "held": f"turned_back retried claimed closed {ANYWHERE}",
    "resolving": f"turned_back retried claimed witnessed closed {ANYWHERE}",
    "taken_over": f"turned_back:take_over retried claimed closed {ANYWHERE}",
    "needs_operator": f"turned_back retried claimed closed {ANYWHERE}",
    "ended": "",
    "configure:preflight": f"preflighted unfit turned_back closed {GIVE_UP} {ANYWHERE}",
    "configure:looked_at": f"unfit prepared turned_back closed {GIVE_UP} {ANYWHERE}",
    "copied:looked_at": f"unfit prepared turned_back closed {GIVE_UP} {ANYWHERE}",
    "swap:preflight": f"unfit surveyed turned_back closed {GIVE_UP} {ANYWHERE}",
    "swap:surveyed": f"preflighted unfit turned_back closed {GIVE_UP} {ANYWHERE}",
    "staged:surveyed": f"preflighted unfit vacant turned_back closed {GIVE_UP} {ANYWHERE}",
    "copied:capturing": (
        f"intended:capture rescaled observed:clear observed:overdue turned_back closed {GIVE_UP} {ANYWHERE}"
    ),
    "copied:capturing asked": f"{ANSWERS} turned_back {ANYWHERE}",
    "copied:capturing accepted": f"{OPERATION_ENDS} observed:overdue turned_back {GIVE_UP} {ANYWHERE}",
    "start:applying": (
        "intended:create intended:status intended:instance observed:clear observed:overdue turned_back "
        f"closed {GIVE_UP} {ANYWHERE}"
    ),
    "start:applying asked": f"{ANSWERS} turned_back {ANYWHERE}",
    "start:applying accepted": f"{OPERATION_ENDS} observed:overdue turned_back {GIVE_UP} {ANYWHERE}",
    "start:applying settling": f"observed:settled observed:overdue turned_back closed {GIVE_UP} {ANYWHERE}",
    "instance:applying": (
        "intended:create intended:status intended:instance observed:clear observed:overdue turned_back "
        f"closed {GIVE_UP} {ANYWHERE}"
    ),
    "vacant:applying": (
        "intended:create intended:status intended:instance observed:clear observed:overdue turned_back "
        f"closed {GIVE_UP} {ANYWHERE}"
    ),
    "vacant:applying asked": f"{ANSWERS} turned_back {ANYWHERE}",
    "vacant:applying accepted": f"{OPERATION_ENDS} observed:overdue turned_back {GIVE_UP} {ANYWHERE}",
    "vacant:applying settling": f"deployed observed:overdue turned_back closed {GIVE_UP} {ANYWHERE}",
    "configure:beginning": (
        "intended:upgrade intended:configure rescaled observed:clear observed:overdue turned_back closed "
        f"{GIVE_UP} {ANYWHERE}"
    ),
    "auto:beginning accepted": f"{OPERATION_ENDS} observed:begun observed:overdue turned_back {GIVE_UP} {ANYWHERE}",
    "auto:settling": f"observed:settled observed:overdue turned_back closed {GIVE_UP} {ANYWHERE}",
    "staged:staged": (
        f"intended:swap observed:whole observed:clear observed:overdue turned_back closed {GIVE_UP} {ANYWHERE}"
    ),
    "swap:swapping": (
        f"intended:swap observed:whole observed:clear observed:overdue turned_back closed {GIVE_UP} {ANYWHERE}"
    ),
    "staged:swapping asked": f"{ANSWERS} slow terms_changed turned_back {WORDS}",
    "swap:swapping accepted": f"{OPERATION_ENDS} observed:overdue turned_back {GIVE_UP} {ANYWHERE}",
    "swap:swapping settling": f"observed:settled observed:overdue turned_back closed {GIVE_UP} {ANYWHERE}",
    "swap:swap_baking": f"probed gate_failed baked turned_back advanced closed {GIVE_UP} {ANYWHERE}",
    "swap:swapping_back": f"intended:swap observed:clear observed:restored closed {GIVE_UP} {ANYWHERE}",
    "swap:swapping_back asked": f"{ANSWERS} {ANYWHERE}",
    "swap:swapping_back accepted": f"{OPERATION_ENDS} {GIVE_UP} {ANYWHERE}",
    "swap:swapping_back settling": f"observed:restored closed {GIVE_UP} {ANYWHERE}",
    "swap:swapping_back restored": f"closed {GIVE_UP} {ANYWHERE}",
    "suspending": f"intended:status observed:clear observed:restored closed {GIVE_UP} {ANYWHERE}",
    "suspending asked": f"{ANSWERS} {ANYWHERE}",
    "suspending accepted": f"{OPERATION_ENDS} {GIVE_UP} {ANYWHERE}",
    "suspending settling": f"observed:restored closed {GIVE_UP} {ANYWHERE}",
    "suspending restored": f"closed {GIVE_UP} {ANYWHERE}",
    "staged:walked": f"staged observed:clear observed:overdue turned_back closed {GIVE_UP} {ANYWHERE}",
    "given:complete": (
        "revert_begun intended:rollback observed:clear observed:restored observed:no_way_back closed "
        f"{GIVE_UP} {ANYWHERE}"
    ),
    "given:reverting": (
        f"intended:upgrade intended:configure observed:clear observed:restored closed {GIVE_UP} {ANYWHERE}"
    ),
    "given:reverting asked": f"{ANSWERS} observed:begun {ANYWHERE}",
    "given:reverting accepted": f"{OPERATION_ENDS} observed:begun {GIVE_UP} {ANYWHERE}",
    "given:ready_back": f"intended:walk observed:clear observed:restored closed {GIVE_UP} {ANYWHERE}",
    "given:walking_back": f"{ANSWERS} {ANYWHERE}",
    "given:walking_back accepted": f"{OPERATION_ENDS} {GIVE_UP} {ANYWHERE}",
    "given:settling_back": f"observed:settled observed:restored closed {GIVE_UP} {ANYWHERE}",
    "start:reverting": (
        "intended:create intended:status intended:instance observed:clear observed:restored closed "
        f"{GIVE_UP} {ANYWHERE}"
    ),
    "start:reverting asked": f"{ANSWERS} {ANYWHERE}",
    "start:reverting accepted": f"{OPERATION_ENDS} {GIVE_UP} {ANYWHERE}",
    "start:reverting settling": f"observed:restored closed {GIVE_UP} {ANYWHERE}",
    "manual:ready_back": f"intended:walk observed:clear observed:restored closed {GIVE_UP} {ANYWHERE}",
    "manual:walking_back asked": f"{ANSWERS} {ANYWHERE}",
    "manual:walking_back accepted": f"{OPERATION_ENDS} {GIVE_UP} {ANYWHERE}",
    "manual:settling_back": f"observed:settled observed:restored closed {GIVE_UP} {ANYWHERE}",
    "manual:rolling_back settling": f"observed:restored observed:turned closed {GIVE_UP} {ANYWHERE}",
}
"""Place -> what may follow there. A row is everything that is legal; all else raises and changes nothing."""

FLEET_FACTS = {"rollout_opened", "wave_opened", "service_admitted", "service_ended", "halted", "rollout_closed"}


def samples(told: Any) -> dict[str, event.ServiceFact]:
    """Give one fact of every kind, fitting the state in number and domain as well as it can."""
    state, plan, domain = told.state, told.plan, domain_of(told.state.phase) or 0
    number = max(state.calls, 1)
    facts: dict[str, event.ServiceFact] = {
        "opened": event.Opened(told.plan, 1),
        "admitted": event.Admitted("rest"),
        "preflighted": event.Preflighted(told.before, sighting(told.looks.running())),
        "unfit": event.Unfit("no"),
        "baselined": gate_event.Baselined((), ()),
        "intended:upgrade": told.intended(told.upgrade()),
        "intended:configure": told.intended(StartConfigure(Digest("e" * 64), "key-new")),
        "intended:create": told.intended(Create("web-new", Digest("a" * 64), Digest("b" * 64), "web-2.4.1 [ro:1]")),
        "intended:walk": told.intended(Walk(domain)),
        "intended:rollback": told.intended(RollBack()),
        "intended:swap": told.intended(SwapSlots("dep-0", "dep-1")),
        "intended:status": told.intended(SetStatus(running=False)),
        "intended:instance": told.intended(ActOnInstance(InstanceVerb.REBOOT, "Web_IN_0")),
        "intended:capture": told.intended(CapturePackage(Digest("d" * 64))),
        "surveyed": change_event.Surveyed(told.previous_one),
        "vacant": change_event.Vacant("staging is empty"),
        "prepared": told.prepared,
        "deployed": change_event.Deployed(told.before, sighting(told.looks.running())),
        "rescaled": change_event.Rescaled(told.before, "somebody scaled it", sighting(told.looks.running())),
        "staged": change_event.Staged("all of staging runs it"),
        "barrier_opened": change_event.BarrierOpened("all others are ready"),
        "revert_begun": change_event.RevertBegun("its Rollback is gone", "2.4.0"),
        "terms_changed": word_event.TermsChanged(plan.health, plan.walk, 300.0, 9_000.0, "ann", "slow disks"),
        "slow": change_event.Slow("Walking", "walk.domain_timeout", 5.0),
        "accepted": event.Accepted(number, Handle("sub-1", "op")),
        "lost": event.Lost(number, "reset"),
        "succeeded": event.Succeeded(number),
        "failed": event.Failed(number, "InternalError", "broke"),
        "untracked": event.Untracked(number, "gone"),
        "blinded": sight_event.Blinded("unreachable"),
        "sighted": sight_event.Sighted(),
        "probed": event.Probed(domain, Verdict.PASS, ()),
        "gate_passed": event.GatePassed(domain, ()),
        "gate_failed": event.GateFailed(domain, "sick", ()),
        "baked": event.Baked(domain, ()),
        "turned_back": event.TurnedBack("back"),
        "turned_back:take_over": event.TurnedBack("back", "ann", take_over=True),
        "advanced": word_event.Advanced(domain, "ann", "it is all right"),
        "retried": word_event.Retried("ann", "again"),
        "claimed": word_event.Claimed(Claim.LEFT, "ann", "it is all right"),
        "witnessed": word_event.Witnessed(agrees=True, detail="it is"),
        "taken_up": care_event.TakenUp(("held@1.000",), "ann", "on it"),
        "handed_back": care_event.HandedBack("ann", "off to bed"),
        "held_on_failure": event.HeldOnFailure("hold"),
        "held": told.held(),
        "released": event.Released(HoldReason.PAUSE, "ann"),
        "stopped": event.Stopped("ann", "wait"),
        "resumed": event.Resumed("ann", "go"),
        "taken_over": event.TakenOver("stranger"),
        "escalated": event.Escalated("odd"),
        "closed": event.Closed(Outcome.FAILED, "ann", "enough"),
    }
    facts |= {f"refused:{kind}": event.Refused(number, kind, "no", 1.0) for kind in RefusedKind}
    seen = told.looks.mid(domain, "web-2.4.0")
    return facts | {f"observed:{finding}": told.observed(finding, seen) for finding in Finding}


@pytest.mark.parametrize("place", LEGAL)
def test_exactly_the_facts_of_the_table_may_follow(story: Any, place: str) -> None:
    told = story.of(place)
    legal, refusals = set(), {}
    for name, fact in samples(told).items():
        try:
            evolve(told.state, told.entry(fact))
            legal.add(name)
        except IllegalFact:
            refusals[name] = told.refuses(fact)
    assert legal == set(LEGAL[place].split())
    for name, said in refusals.items():
        fact_name = name.partition(":")[0].title().replace("_", "")
        assert f"{told.state.stream} version {told.state.version + 1}: {fact_name} " in said
        assert said.endswith(f"while {told.phase}")


def test_the_table_knows_every_kind_of_fact(story: Any) -> None:
    kinds = {type(fact) for fact in samples(story()).values()}
    assert kinds == set(event.ServiceFact.__args__)
    used = {name for row in LEGAL.values() for name in row.split()}
    # Sight returns only where it was lost, what is handed back was taken up, and checks are asked before the change
    # only where there are such: these are no places of their own (test_evidence, test_claim, test_checks_in_gates).
    assert used | {"opened", "sighted", "baselined", "handed_back"} == set(samples(story()))


@pytest.mark.parametrize("place", [place for place in LEGAL if place != "ended"])
def test_a_version_out_of_order_is_refused_everywhere(story: Any, place: str) -> None:
    told = story.of(place)
    for version in (told.state.version, told.state.version + 2):
        with pytest.raises(IllegalFact, match=f"version {version} cannot follow"):
            evolve(told.state, told.entry(told.held(), version=version))


def test_an_entry_of_another_stream_is_refused(story: Any) -> None:
    told = story()
    entry = event.Entry(StreamName("web-1/web-02#1"), 2, Now(0.0, 0.0), "engine", event.Admitted("rest"))
    with pytest.raises(IllegalFact, match=r"web-1/web-02#1 version 2 cannot follow web-1/web-01#1 version 1"):
        evolve(told.state, entry)


def test_a_fact_of_the_fleet_means_nothing_to_a_service(story: Any) -> None:
    assert story().refuses(fleet_event.WaveOpened("rest")).endswith("WaveOpened cannot happen while Queued")


@pytest.mark.parametrize(("fact", "version"), [(event.Admitted("rest"), 1), (None, 2)])
def test_a_stream_begins_with_opened_version_1(story: Any, fact: event.ServiceFact | None, version: int) -> None:
    told = story()
    first = fact or event.Opened(told.plan, 1)
    with pytest.raises(IllegalFact, match=rf"begins with {type(first).__name__} version {version}, not with Opened"):
        evolve(None, told.entry(first, version=version))


@pytest.mark.parametrize("place", ["beginning asked", "walking asked", "rolling_back asked"])
def test_an_answer_to_another_call_is_refused(story: Any, place: str) -> None:
    told = story().go(place)
    number = told.state.calls
    for wrong in (number - 1, number + 1):
        for fact in (event.Accepted(wrong, Handle("s", "x")), event.Lost(wrong, "x"), event.Untracked(wrong, "x")):
            told.refuses(fact)
    told.tell(told.accepted())
    for wrong in (number - 1, number + 1):
        for end in (event.Succeeded(wrong), event.Failed(wrong, "x", "y"), event.Untracked(wrong, "x")):
            told.refuses(end)


@pytest.mark.parametrize("place", ["beginning", "ready", "rolling_back"])
def test_an_intent_that_skips_or_repeats_a_number_is_refused(story: Any, place: str) -> None:
    told = story().go(place)
    operation = {"beginning": told.upgrade(), "ready": Walk(0), "rolling_back": RollBack()}[place]
    for number in (told.state.calls, told.state.calls + 2):
        told.refuses(event.Intended(number, operation, 40.0))


def test_a_walk_out_of_order_is_refused_and_changes_nothing(story: Any) -> None:
    told = story().go("checking").tell(event.GatePassed(0, ()))
    for domain in (0, 2):
        assert told.refuses(told.intended(Walk(domain))).endswith("Intended cannot happen while Ready")
    assert told.state.walked == (0,)


@pytest.mark.parametrize(("place", "domain"), [("checking", 1), ("baking", 1)])
def test_a_verdict_on_another_domain_is_refused(story: Any, place: str, domain: int) -> None:
    told = story().go(place)
    for fact in (
        event.Probed(domain, Verdict.PASS, ()),
        event.GatePassed(domain, ()),
        event.GateFailed(domain, "x", ()),
        event.Baked(domain, ()),
    ):
        told.refuses(fact)


def test_going_back_is_asked_for_once(story: Any) -> None:
    told = story().go("walking asked").tell(event.TurnedBack("ann wants it back"))
    told.refuses(event.TurnedBack("bob too"))
    assert told.state.failure == "ann wants it back"


def test_an_attempt_ends_once_and_hears_nothing_more(story: Any) -> None:
    told = story().go("ended")
    assert told.state.ended == Ended(Outcome.FAILED, "ann", "no longer wanted")
    assert told.action is None
    assert told.refuses(told.held()).endswith("Held cannot happen while Ended")
