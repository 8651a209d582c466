"""Which fact may follow in which place: the whole table, as data, each pair tried."""

from typing import Any

import pytest

from rollout.core import event, fleet_event, sight_event, word_event
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Finding, HoldReason, Verdict
from rollout.core.evolve import IllegalFact, evolve
from rollout.core.names import Now, StreamName
from rollout.core.operation import RollBack, Walk
from rollout.core.outcome import Handle, RefusedKind
from rollout.core.phase import Ended, domain_of
from rollout.core.snapshot import sighting

WORDS = "held released stopped resumed"
ANSWERS = "accepted refused:not_sent refused:throttled refused:busy refused:rejected lost"
OPERATION_ENDS = "succeeded failed untracked"
GIVE_UP = "blinded held_on_failure taken_over escalated"

LEGAL = {
    "queued": f"admitted turned_back closed {WORDS}",
    "preflight": f"preflighted unfit turned_back closed {GIVE_UP} {WORDS}",
    "beginning": f"intended:upgrade observed:clear observed:overdue turned_back closed {GIVE_UP} {WORDS}",
    "beginning asked": f"{ANSWERS} observed:begun turned_back {WORDS}",
    "beginning accepted": f"{OPERATION_ENDS} observed:begun observed:overdue turned_back {GIVE_UP} {WORDS}",
    "ready": f"intended:walk observed:clear observed:overdue turned_back closed {GIVE_UP} {WORDS}",
    "walking asked": f"{ANSWERS} turned_back {WORDS}",
    "walking accepted": f"{OPERATION_ENDS} observed:overdue turned_back {GIVE_UP} {WORDS}",
    "settling": f"observed:settled observed:overdue turned_back closed {GIVE_UP} {WORDS}",
    "checking": f"probed gate_passed gate_failed advanced turned_back closed {GIVE_UP} {WORDS}",
    "baking": f"probed baked gate_failed advanced turned_back closed {GIVE_UP} {WORDS}",
    "reconciling": f"observed:applied observed:not_applied claimed turned_back closed {GIVE_UP} {WORDS}",
    "rolling_back": f"intended:rollback observed:clear observed:restored observed:no_way_back closed {GIVE_UP} {WORDS}",
    "rolling_back asked": f"{ANSWERS} {WORDS}",
    "rolling_back accepted": f"{OPERATION_ENDS} {GIVE_UP} {WORDS}",
    "rolling_back settling": f"observed:restored closed {GIVE_UP} {WORDS}",
    "rolling_back restored": f"closed {GIVE_UP} {WORDS}",
    "held": f"turned_back retried claimed closed {WORDS}",
    "resolving": f"turned_back retried claimed witnessed closed {WORDS}",
    "taken_over": f"turned_back:take_over retried claimed closed {WORDS}",
    "needs_operator": f"turned_back retried claimed closed {WORDS}",
    "ended": "",
}
"""Place -> what may follow there. A row is everything that is legal; all else raises and changes nothing."""

FLEET_FACTS = {"rollout_opened", "wave_opened", "service_admitted", "service_ended", "halted", "rollout_closed"}


def samples(told: Any) -> dict[str, event.ServiceFact]:
    """Give one fact of every kind, fitting the state in number and domain as well as it can."""
    state, domain = told.state, domain_of(told.state.phase) or 0
    number = max(state.calls, 1)
    facts: dict[str, event.ServiceFact] = {
        "opened": event.Opened(told.plan, 1),
        "admitted": event.Admitted("rest"),
        "preflighted": event.Preflighted(told.before, sighting(told.looks.running())),
        "unfit": event.Unfit("no"),
        "intended:upgrade": told.intended(told.upgrade()),
        "intended:walk": told.intended(Walk(domain)),
        "intended:rollback": told.intended(RollBack()),
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
    return facts | {f"observed:{finding}": told.observed(finding) for finding in Finding}


@pytest.mark.parametrize("place", LEGAL)
def test_exactly_the_facts_of_the_table_may_follow(story: Any, place: str) -> None:
    told = story().go(place)
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
    # Sight returns only where it was lost, which is no place of its own (test_evidence).
    assert used | {"opened", "sighted"} == set(samples(story()))


@pytest.mark.parametrize("place", [place for place in LEGAL if place != "ended"])
def test_a_version_out_of_order_is_refused_everywhere(story: Any, place: str) -> None:
    told = story().go(place)
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
