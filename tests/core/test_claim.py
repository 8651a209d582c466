"""Who has what needs somebody: nothing of the rollout changes by it, it ends with its reason, and nobody is paged."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import event, fleet_event
from rollout.core.attention import alerts_of_service
from rollout.core.care_event import HandedBack
from rollout.core.caring import care_of_rollout, care_of_service, reasons_of_rollout, reasons_of_service
from rollout.core.command import NoOp, Told, Verb
from rollout.core.decide import consider
from rollout.core.event import HoldReason
from rollout.core.evolve import evolve
from rollout.core.fleet import consider_fleet
from rollout.core.news import REPAGE_S, Open, due, due_at, news_of_service, still_open
from rollout.core.notice import Notice, NoticeState
from rollout.core.reply import Kind
from rollout.core.summary import summarize
from tests.core.test_commands import ANSWERS
from tests.core.test_commands_fleet import NOW, OWN, Fleet

NEEDY = [place for place, answers in ANSWERS.items() if answers.split()[-1] == "yes"]
OPEN = [place for place in ANSWERS if place != "ended"]


def bare(state: Any) -> Any:
    """Give a state without what a claim may change."""
    return replace(state, care=None, version=0)


@pytest.mark.parametrize("place", OPEN)
def test_a_claim_changes_nothing_that_the_engine_decides_on(story: Any, place: str) -> None:
    for spoken in (None, "stop", "pause"):
        told = story.of(place)
        if spoken is not None and not isinstance(told.say(spoken), Told):
            continue
        before, decided, seen = told.state, consider(told.state, told.now), summarize(told.state, told.now)
        if not isinstance(told.say("claim"), Told):
            assert told.state == before
            continue
        assert told.state.care is not None
        for after in (told.state, (told.granted("claim", release=True), told.state)[1]):
            assert bare(after) == bare(before)
            assert consider(after, told.now) == decided
            assert summarize(after, told.now) == seen


@pytest.mark.parametrize("place", OPEN)
def test_whatever_needs_somebody_can_be_claimed_and_nothing_else_can(story: Any, place: str) -> None:
    for spoken in ("claim", "stop", "pause"):
        told = story.of(place)
        told.say(spoken)
        needs = summarize(told.state, told.now).for_person or bool(alerts_of_service(told.state, told.now))
        assert isinstance(told.say("claim"), Told | NoOp) == needs
        assert (care_of_service(told.state, told.now) is not None) == needs


@pytest.mark.parametrize("place", NEEDY)
def test_a_claim_ends_with_its_reason_and_a_new_reason_needs_a_new_one(story: Any, place: str) -> None:
    told = story.of(place)
    told.granted("claim")
    told.later(600.0)
    care = care_of_service(told.state, told.now)
    assert care is not None
    assert (care.who, care.note) == ("bob", "because")
    told.granted("stop")
    assert care_of_service(told.state, told.now) is None  # that was somebody's word since
    told.granted("claim")
    told.granted("resume")
    assert care_of_service(told.state, told.now) is None  # what was claimed last is over


def test_a_claim_ends_when_the_service_goes_on(story: Any) -> None:
    told = story.of("held")
    told.granted("claim")
    told.granted("retry")
    assert reasons_of_service(told.state, told.now) == ()
    assert care_of_service(told.state, told.now) is None


def test_others_are_told_who_has_it_and_may_take_it_over_but_not_hand_it_back(story: Any) -> None:
    told = story.of("held")
    assert isinstance(told.say("claim", release=True), NoOp)
    told.granted("claim")
    assert isinstance(told.say("claim"), NoOp)
    care = told.state.care
    told.state = replace(told.state, care=replace(care, who="ann"))  # somebody else was first
    assert told.denied("claim", release=True).instead == "claim takes it over from them"
    assert "until now ann has it since 2" in told.granted("claim").said
    assert told.state.care.who == "bob"
    told.granted("claim", release=True)
    assert told.state.care is None


# --- who is told ---


def spoken(told: Any, *words: tuple[str, dict[str, Any]]) -> list[list[Notice]]:
    """Give what each of these words tells."""
    found = []
    for verb, flags in words:
        before, now = told.state, told.later(60.0).now
        told.granted(verb, **flags)
        entry = event.Entry(told.stream, told.state.version, now, "bob", event.Resumed("", ""))
        found.append(news_of_service(before, told.state, entry, 100 + told.state.version))
    return found


def test_a_claimed_stop_is_not_told_again_until_it_is_handed_back(story: Any) -> None:
    told = story.of("ready")
    (raised,), (claimed,), (back,) = spoken(told, ("stop", {}), ("claim", {}), ("claim", {"release": True}))
    assert (claimed.state, claimed.alert) == (NoticeState.CLAIMED, raised.alert)
    assert claimed.sentence == f"bob has it: {raised.sentence}"
    assert (back.state, back.alert) == (NoticeState.AGAIN, raised.alert)
    assert len({raised.key, claimed.key, back.key}) == 3

    (alert,) = alerts_of_service(told.state, told.now)
    each = Open(alert, told.plan.rollout, told.plan.service, 0.0, 1)
    told.granted("claim")
    (kept,) = still_open({alert.key: each}, [], alerts_of_service(told.state, told.now)).values()
    assert due([kept], 3 * REPAGE_S) == []
    assert due_at(kept, REPAGE_S / 2) is None
    told.granted("claim", release=True)
    (again,) = still_open({alert.key: kept}, [], alerts_of_service(told.state, told.now)).values()
    assert again == each
    assert [notice.state for notice in due([again], 3 * REPAGE_S)] == [NoticeState.AGAIN]


def test_an_alert_that_is_over_is_resolved_whoever_had_it(story: Any) -> None:
    told = story.of("held")
    (raised,), (resolved,) = spoken(told, ("claim", {}), ("retry", {}))
    assert (raised.state, resolved.state, raised.alert) == (
        NoticeState.CLAIMED,
        NoticeState.RESOLVED,
        resolved.alert,
    )


# --- the rollout ---


def test_a_rollouts_id_claims_its_halt_and_every_service_that_needs_somebody(story: Any) -> None:
    fleet = Fleet(story, "queued", "held", "ready", "needs_operator")
    assert [each.about for each in fleet.say(Verb.CLAIM)[0].said] == ["web-01", "web-03"]
    fleet.tell(fleet_event.Halted("w0", "2 of 4 failed"))
    before = consider_fleet(fleet.state, fleet.summaries, NOW)
    said, drafts = fleet.say(Verb.CLAIM)
    assert [(each.about, each.kind) for each in said.said] == [
        (OWN, Kind.ACCEPTED),
        ("web-01", Kind.NO_OP),
        ("web-03", Kind.NO_OP),
    ]
    assert [str(stream) for stream, _ in drafts] == [OWN]
    assert consider_fleet(fleet.state, fleet.summaries, NOW) == before
    care = care_of_rollout(fleet.state)
    assert care is not None
    assert care.who == "ann"
    fleet.say(Verb.CLAIM, release=True)
    assert care_of_rollout(fleet.state) is None
    assert reasons_of_rollout(fleet.state)


def test_a_halt_that_comes_again_is_not_claimed(story: Any) -> None:
    fleet = Fleet(story, "held")
    fleet.tell(fleet_event.Halted("w0", "1 of 1 failed"))
    fleet.say(Verb.CLAIM)
    fleet.tell(fleet_event.HaltLifted("ann", "go on"))
    fleet.tell(fleet_event.Halted("w0", "1 of 1 failed"))
    assert care_of_rollout(fleet.state) is None


def test_where_nothing_needs_anybody_a_claim_says_so(story: Any) -> None:
    said, drafts = Fleet(story, "ready", "queued").say(Verb.CLAIM)
    assert (said.kind, drafts) == (Kind.REFUSED, ())
    assert "needs anybody" in said.said[0].text
    said, _ = Fleet(story, "ready", "held").say(Verb.CLAIM, only=("web-00", "web-01"))
    assert said.counts == {"accepted": 1, "no_op": 0, "refused": 1}


def test_what_nobody_has_cannot_be_handed_back_in_a_journal(story: Any) -> None:
    told = story.of("held")
    told.refuses(HandedBack("ann", "off"))
    told.tell(event.Held(HoldReason.PAUSE, "ann", "lunch"))
    told.granted("claim")
    assert evolve(told.state, told.entry(HandedBack("bob", "off"))).care is None
