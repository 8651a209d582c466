"""What people are told: no phase that waits for a person is silent, and the same journal gives the same notices."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import event, fleet_event
from rollout.core.action import Wait
from rollout.core.attention import KNOWN, alerts_of_rollout, alerts_of_service
from rollout.core.decide import decide
from rollout.core.ending import Outcome
from rollout.core.event import HoldReason
from rollout.core.evolve import IllegalFact, evolve
from rollout.core.names import Digest, Now, RolloutId, ServiceName, rollout_stream
from rollout.core.news import (
    REPAGE_S,
    Open,
    Progress,
    due,
    due_at,
    news_of_rollout,
    news_of_service,
    progressed,
    still_open,
)
from rollout.core.notice import Notice, NoticeEvent, NoticeState
from rollout.core.phase import Queued
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.stages import waits_at
from rollout.core.wave_plan import ApprovalPlan, BakePlan, Moment
from tests.core.conftest import Story
from tests.core.tables import _everywhere
from tests.core.test_evolve_table import samples

OWN = RolloutId("web-1")
A, B = ServiceName("web-01"), ServiceName("web-02")
WALL = 1_795_773_600.0
"""2026-11-27 10:00 UTC."""


# --- no phase can forget ---


def test_whatever_waits_for_a_person_has_an_alert_in_every_place_after_every_fact() -> None:
    seen = 0
    for told in _everywhere():
        for fact in (*samples(told).values(), event.Held(HoldReason.BASELINE, "policy", "nothing is asked")):
            try:
                after = evolve(told.state, told.entry(fact))
            except IllegalFact:
                continue
            if after.stop is None and decide(after, told.now) != Wait(None):
                assert not alerts_of_service(after, told.now)
                continue
            holds = {hold.reason for hold in after.holds}
            quiet = after.stop is None and holds <= KNOWN
            queued = isinstance(after.phase, Queued) or waits_at(after) is not None
            held = bool(holds) and type(after.phase).__name__ not in {"HeldForPerson", "ForeignChange", "NeedsOperator"}
            if not (quiet and (queued or held)):
                (alert,) = alerts_of_service(after, told.now)
                assert alert.event is NoticeEvent.NEEDS_ATTENTION
                assert "web-01" in alert.sentence
                seen += 1
    assert seen > 100


def heard(told: Story, *facts: Any) -> list[Notice]:
    """Give what these facts of one service tell, one after the other."""
    found: list[Notice] = []
    state = told.state
    for version, fact in enumerate(facts, start=state.version + 1):
        entry = event.Entry(state.stream, version, told.now, "engine", fact)
        after = evolve(state, entry)
        found += news_of_service(state, after, entry, 100 + version)
        state = after
    return found


def test_a_stop_is_raised_once_told_again_each_quarter_of_an_hour_and_resolved_by_a_resume(story: Any) -> None:
    told = story().go("ready")
    stop = event.Stopped("ann", "wait for the vendor")
    raised, resolved = heard(told, stop, event.Stopped("ann", "still"), event.Resumed("ann", "go"))
    assert (raised.state, raised.event) == (NoticeState.RAISED, NoticeEvent.NEEDS_ATTENTION)
    assert raised.sentence == "web-01 was stopped by ann: wait for the vendor"
    assert (resolved.state, resolved.alert) == (NoticeState.RESOLVED, raised.alert)
    assert resolved.key == f"{raised.key}:resolved"
    after = evolve(told.state, told.entry(stop))
    (alert,) = alerts_of_service(after, told.now)
    (each,) = still_open({}, [raised], [alert]).values()
    assert due([each], each.since_wall + REPAGE_S - 1) == []
    (again,) = due([each], each.since_wall + 2 * REPAGE_S + 5)
    assert (again.key, again.state, again.alert) == (f"{alert.key}+2", NoticeState.AGAIN, alert.key)
    assert due([each], each.since_wall + 3 * REPAGE_S - 1) == [again]
    assert due_at(each, each.since_wall + 5) == each.since_wall + REPAGE_S
    assert still_open({alert.key: each}, [], [alert]) == {alert.key: each}


def test_a_failure_is_told_once_and_what_it_then_waits_for_is_an_alert_of_its_own(story: Any) -> None:
    told = story(on_failure="hold").go("checking")
    failed, held = heard(told, event.GateFailed(0, "unhealthy", ()), event.HeldOnFailure("unhealthy"))
    assert (failed.event, failed.state, failed.sentence) == (
        NoticeEvent.SERVICE_FAILED,
        NoticeState.TOLD,
        "web-01 failed: unhealthy",
    )
    assert (held.event, held.sentence) == (
        NoticeEvent.NEEDS_ATTENTION,
        "web-01 held: unhealthy; waits for a person",
    )
    assert failed.instead == held.instead == "rollout why web-1/web-01"


@pytest.mark.parametrize("reason", sorted(KNOWN))
def test_a_hold_that_somebody_spoke_or_that_lifts_itself_pages_nobody(story: Any, reason: HoldReason) -> None:
    assert heard(story().go("ready"), event.Held(reason, "ann", "lunch")) == []


# --- the rollout as a whole ---

BAKE = BakePlan(60.0, 0.0, 10.0, 20.0, 30.0)
PLAN = RolloutPlan(
    OWN,
    Digest("a"),
    Digest("b"),
    (
        WavePlan("canary", (A,), 1, 0, strict=True, bake=BAKE),
        WavePlan("rest", (B,), 1, 0, strict=True, approval=ApprovalPlan("leads", Moment.START, 3600.0)),
    ),
    submitter="bob",
)


def told(*facts: Any) -> tuple[Progress, list[Notice]]:
    """Fold the rollout's own stream, a second of people's clock apart, and give all it tells."""
    progress, found = None, list[Notice]()
    for version, fact in enumerate((fleet_event.RolloutOpened(PLAN), *facts), start=1):
        entry = event.Entry(rollout_stream(OWN), version, Now(version, WALL + version), "engine", fact)
        after = progressed(progress, entry)
        found += news_of_rollout(progress, after, entry, 10 * version)
        progress = after
    assert progress is not None
    return progress, found


BEGUN = (fleet_event.WaveOpened("canary"), fleet_event.ServiceAdmitted(A))
ENDED = fleet_event.ServiceEnded(A, Outcome.SUCCEEDED)
WATCHED = (*BEGUN, ENDED, fleet_event.BakeBegan("canary", False, (A,)))  # noqa: FBT003 - the fact's own order
ASKED = fleet_event.ApprovalAsked("rest", "leads", WALL + 3600, "d" * 64)


def test_a_rollout_tells_its_start_its_waves_and_its_end() -> None:
    last = (fleet_event.WaveOpened("rest"), fleet_event.ServiceAdmitted(B), fleet_event.ServiceEnded(B, Outcome.FAILED))
    _, found = told(*WATCHED, fleet_event.BakeEnded("canary"), *last, fleet_event.RolloutClosed(1, "1 of 2 run it"))
    assert [(notice.event, notice.sentence) for notice in found] == [
        (NoticeEvent.STARTED, "web-1 was started by bob: 2 services in 2 waves"),
        (NoticeEvent.WAVE_FINISHED, "wave canary of web-1 is finished: 1 of 1 ended well"),
        (NoticeEvent.WAVE_FINISHED, "wave rest of web-1 is finished: 0 of 1 ended well"),
        (NoticeEvent.FINISHED, "web-1 is finished: 1 of 2 run it"),
    ]
    assert len({notice.key for notice in found}) == 4


def test_a_wave_that_is_still_watched_is_not_finished_and_one_without_anything_to_watch_is() -> None:
    assert len(told(*WATCHED)[1]) == 1
    failed = fleet_event.ServiceEnded(A, Outcome.ROLLED_BACK)
    assert told(*BEGUN, failed)[1][-1].event is NoticeEvent.WAVE_FINISHED


def test_an_approval_is_asked_for_resolved_by_an_answer_and_told_again_where_it_lapsed() -> None:
    progress, found = told(ASKED)
    asked = found[-1]
    assert (asked.event, asked.state, asked.wave) == (NoticeEvent.APPROVAL_NEEDED, NoticeState.RAISED, "rest")
    assert asked.sentence == "wave rest of web-1 waits for leads to approve it, until 2026-11-27 11:00:00Z"
    assert asked.instead.startswith("rollout approve web-1 --wave rest --plan ")
    assert told(ASKED, fleet_event.Approved("rest", "ann", "fine"))[1][-1].key == f"{asked.key}:resolved"
    (each,) = still_open({}, found, alerts_of_rollout(progress.state)).values()
    assert (due_at(each, WALL), due_at(each, WALL + 3600)) == (WALL + 3600, None)
    (lapsed,) = due([each], WALL + 3600)
    assert (lapsed.event, lapsed.key, lapsed.alert) == (NoticeEvent.NEEDS_ATTENTION, f"{asked.key}:lapsed", asked.key)
    assert lapsed.sentence.endswith("nobody did; resume asks again")


def test_whoever_was_told_of_a_lapse_is_told_when_it_is_over() -> None:
    progress, _ = told(ASKED)
    again = fleet_event.ApprovalAsked("rest", "leads", WALL + 9000, "d" * 64)
    entry = event.Entry(rollout_stream(OWN), progress.state.version + 1, Now(9.0, WALL + 4000), "ann", again)
    raised, resolved, lapsed = news_of_rollout(progress, progressed(progress, entry), entry, 99)
    assert (raised.state, resolved.state, lapsed.state) == (
        NoticeState.RAISED,
        NoticeState.RESOLVED,
        NoticeState.RESOLVED,
    )
    assert (resolved.event, lapsed.event) == (NoticeEvent.APPROVAL_NEEDED, NoticeEvent.NEEDS_ATTENTION)


def test_a_halt_by_the_policy_is_an_alert_until_it_is_lifted_and_one_by_a_person_is_her_own_word() -> None:
    halted = fleet_event.Halted("canary", "1 of 1 services failed")
    _, found = told(*BEGUN, halted, fleet_event.HaltLifted("ann", "go on"), halted)
    first, over, second = found[1:]
    assert first.sentence == "web-1 is halted: 1 of 1 services failed"
    assert (over.alert, over.state) == (first.key, NoticeState.RESOLVED)
    assert second.key != first.key
    assert told(*BEGUN, fleet_event.Halted("canary", "lunch", "ann"))[1][1:] == []
    aborted = told(*BEGUN, halted, fleet_event.Aborted("ann", "enough"))[1]
    assert aborted[-1].state is NoticeState.RESOLVED


def test_an_alert_that_was_raised_before_is_not_opened_anew() -> None:
    progress, _ = told(ASKED)
    alerts = alerts_of_rollout(progress.state)
    assert still_open({}, [], alerts) == {}
    known = {alerts[0].key: Open(alerts[0], OWN, None, WALL, 1)}
    assert still_open(known, [], alerts) == known
    assert still_open(known, [], [replace(alerts[0], until_wall=None)]) == {}
