"""The small words of the core: names, operations, sightings, drafts, sentences."""

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from rollout.core import event, fleet_event
from rollout.core.cells import undo
from rollout.core.change_event import Installed
from rollout.core.change_plan import configuration_sent, package_shown
from rollout.core.command import Command, Verb
from rollout.core.drafts import opening, voice, with_companions
from rollout.core.ending import Outcome
from rollout.core.event import Finding
from rollout.core.explain import spell
from rollout.core.found import applied, not_applied
from rollout.core.installed import installed
from rollout.core.names import (
    ENGINE_STREAM,
    Digest,
    RolloutId,
    ServiceName,
    Slot,
    StreamName,
    Target,
    is_rollout_stream,
    is_service_stream,
    parse_service_stream,
    rollout_stream,
    service_stream,
    standing_in,
)
from rollout.core.operation import SetStatus, Walk, attempt_token, describe, token_of
from rollout.core.operations import call_of_change, copy_of_old, start_of, swap_back_of, swap_of
from rollout.core.phase import Call, Reconciling, Step, domain_of, step_of
from rollout.core.plan import RolloutPlan
from rollout.core.shows import as_before, may_be_ours, ours
from rollout.core.snapshot import NOT_READY_SHOWN_MAX, sighting
from rollout.errors import InvariantBroken

if TYPE_CHECKING:
    from rollout.core.service import ServiceRollout

ROLLOUT, SERVICE = RolloutId("web-1"), ServiceName("web-01")


def test_a_service_stream_and_its_parts_are_one() -> None:
    stream = service_stream(ROLLOUT, SERVICE, 3)
    assert stream == "web-1/web-01#3"
    assert parse_service_stream(stream) == (ROLLOUT, SERVICE, 3)
    assert is_service_stream(stream)
    assert not is_service_stream(rollout_stream(ROLLOUT))
    assert [is_rollout_stream(each) for each in (stream, rollout_stream(ROLLOUT), ENGINE_STREAM)] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("text", ["web-1", "web-1/web-01", "web-1/#1", "/web-01#1", "web-1/web-01#", "web-1/web-01#x"])
def test_what_is_no_service_stream_is_our_own_mistake(text: str) -> None:
    with pytest.raises(InvariantBroken, match="is not the stream of a service"):
        parse_service_stream(StreamName(text))


def test_a_token_differs_with_every_rollout_service_attempt_and_call() -> None:
    one = attempt_token(ROLLOUT, SERVICE, 1, 1)
    others = {
        attempt_token(RolloutId("web-2"), SERVICE, 1, 1),
        attempt_token(ROLLOUT, ServiceName("web-02"), 1, 1),
        attempt_token(ROLLOUT, SERVICE, 2, 1),
        attempt_token(ROLLOUT, SERVICE, 1, 2),
    }
    assert len(others | {one}) == 5
    assert token_of(f"web 2.4.1 {one}") == one
    assert len(one) == 17


NAMED = {
    "beginning": "upgrade",
    "configure:beginning": "change of configuration",
    "vacant:applying": "creation of the deployment",
    "rolling_back": "rollback",
    "swap:swapping": "swap",
    "start:applying": "start",
    "suspending": "suspension",
    "instance:applying": "reboot of Web_IN_0",
    "copied:capturing": "copy of the old package",
}


@pytest.mark.parametrize("place", NAMED)
def test_operations_have_names_for_people(story: Any, place: str) -> None:
    told = story.of(place)
    assert describe(told.call(place.rpartition(":")[2])) == NAMED[place]
    assert describe(Walk(3)) == "walk of domain 3"


@pytest.mark.parametrize(
    ("asked", "place", "what"),
    [
        (start_of, "start:applying", "begin: StatusPlan"),
        (call_of_change, "configure:beginning", "create: ConfigurePlan"),
        (copy_of_old, "beginning", "copy: UpgradePlan"),
        (swap_of, "swap:preflight", "swap: SwapPlan"),
        (swap_back_of, "swap:preflight", "swap: SwapPlan"),
    ],
)
def test_an_operation_that_a_change_does_not_have_is_our_own_mistake(
    story: Any, asked: Any, place: str, what: str
) -> None:
    with pytest.raises(InvariantBroken, match=f"has nothing to {what}"):
        asked(story.of(place).state)


def test_a_call_made_where_it_cannot_be_made_is_our_own_mistake(story: Any) -> None:
    state = story.of("ready").state
    call = Call(1, SetStatus(running=True), 0.0, 40.0)
    phase = Reconciling(Step(0.0), call, 0.0, state.phase)
    with pytest.raises(InvariantBroken, match="no call without domains is made while Ready"):
        applied(state, phase, 0.0)
    with pytest.raises(InvariantBroken, match="no call without domains is made while Ready"):
        not_applied(state, phase)


@pytest.mark.parametrize(
    ("kind", "package", "configuration"),
    [("upgrade", True, True), ("staged", True, True), ("configure", False, False), ("swap", False, False)],
)
def test_a_change_says_what_it_brings(story: Any, kind: str, package: bool, configuration: bool) -> None:
    change = story(kind=kind).plan.change
    assert package_shown(change) == ("https://store.example/web.cspkg" if package else "")
    assert configuration_sent(change) == ("b" * 64 if configuration else None)


def test_a_slot_is_named_whatever_stands_in_it(story: Any) -> None:
    target = story.of("swap:swapping").state.target
    assert (target.slot, target.deployment) == (Slot.STAGING, "dep-1")
    assert standing_in(target, Slot.PRODUCTION) == Target("sub-1", SERVICE, Slot.PRODUCTION)


def test_a_sighting_keeps_a_few_names_and_all_the_numbers(story: Any) -> None:
    looks = story(6).looks
    seen = looks.mid(2, "web-9")
    for domain in range(5):
        seen = looks.sick(seen, domain)
    kept = sighting(seen)
    assert (kept.ready, kept.instances, kept.pointer, kept.during) == (2, 12, 2, False)
    assert len(kept.not_ready) == NOT_READY_SHOWN_MAX
    assert kept.not_ready[0] == "Web_IN_0 (BusyRole)"
    assert sighting(looks.running()).pointer is None


def test_readiness_of_a_domain_is_its_instances_alone_and_an_empty_one_is_ready(story: Any) -> None:
    looks = story(3).looks
    seen = looks.sick(looks.running(), 1)
    assert [seen.domain_ready(domain) for domain in range(4)] == [True, False, True, True]
    assert not looks.running(instances=()).all_ready
    assert looks.running().instance_counts() == {"Web": 6}


def test_nothing_is_ours_before_we_asked_and_nothing_as_before_before_we_looked(story: Any) -> None:
    told = story()
    seen = told.looks.mid(0, "web-2.4.0")
    assert not ours(told.state, seen)
    assert not as_before(told.state, seen)
    assert not may_be_ours(told.state, seen)
    assert (told.state.target.deployment, told.state.domain_count) == (None, 0)


@pytest.mark.parametrize(("place", "domain"), [("reconciling", 0), ("rolling_back", None), ("baking", 2)])
def test_a_phase_knows_its_domain(story: Any, place: str, domain: int | None) -> None:
    assert domain_of(story().go(place).state.phase) == domain


@pytest.mark.parametrize("place", ["queued", "baking", "held", "taken_over", "needs_operator", "ended"])
def test_where_nothing_is_attempted_there_is_no_step(story: Any, place: str) -> None:
    assert step_of(story().go(place).state.phase) is None


def test_a_phase_is_as_old_as_its_domain_and_not_as_its_last_fact(story: Any) -> None:
    told = story().go("checking").at(50.0).tell(story().held())
    assert told.state.phase_since_t == 0.0
    assert told.tell(event.GatePassed(0, ())).state.phase_since_t == 50.0


def test_opening_writes_the_rollout_and_every_service_at_once(make_plan: Any) -> None:
    services = (make_plan("web-01"), make_plan("web-02"))
    plan = RolloutPlan(ROLLOUT, Digest("a"), Digest("b"), ())
    runs = Installed("[ro:1]", Digest("c"), "web.cspkg", Digest("d"))
    assert opening(plan, services, {SERVICE: runs}) == (
        ("web-1", fleet_event.RolloutOpened(plan)),
        ("web-1/web-01#1", event.Opened(services[0], 1, runs)),
        ("web-1/web-02#1", event.Opened(services[1], 1)),
    )


def test_an_ending_is_written_to_both_streams_and_nothing_else_is(story: Any) -> None:
    state: ServiceRollout = story().go("ready").state
    closed = event.Closed(Outcome.SUCCEEDED, "policy", "done")
    assert with_companions(state, closed) == (
        (state.stream, closed),
        ("web-1", fleet_event.ServiceEnded(SERVICE, Outcome.SUCCEEDED)),
    )
    assert with_companions(state, story().held()) == ((state.stream, story().held()),)


def test_an_attempt_that_takes_back_is_admitted_with_its_opening(story: Any) -> None:
    told = story.of("swap:swap_baking").tell(event.Baked(2, ()), story().observed(Finding.CLEAR)).obey()
    opened = told.granted("rollback").facts[0]
    assert with_companions(told.state, opened) == (
        ("web-1/web-01#2", opened),
        ("web-1", fleet_event.ServiceReopened(SERVICE, 2)),
        ("web-1", fleet_event.ServiceAdmitted(SERVICE)),
    )
    told.state = replace(told.state, before=None)
    with pytest.raises(InvariantBroken, match="succeeded without having been looked at"):
        undo(told.state, Command("k", Verb.ROLLBACK, "ann", "back"))


def test_what_an_attempt_left_running_is_known_by_its_mark(story: Any) -> None:
    told = story.of("given:ready_back")
    token, old = told.state.token, Digest("c" * 64)
    told.tell(told.observed(Finding.RESTORED)).obey()
    before = told.state.before
    assert installed(told.state) == Installed(token, old, "web-2.4.0", before.configuration)
    new = story.of("walked").obey()
    change = new.plan.change
    assert installed(new.state) == Installed(
        new.state.token, change.package, change.package_shown, change.configuration
    )
    for place in ("ready", "ended", "start:applying"):
        assert installed(story.of(place).state) is None
    plain = story.of("rolling_back restored").obey()
    assert installed(plain.state) is None


def test_what_the_policy_demands_is_told_in_its_name() -> None:
    policy = (
        event.TurnedBack("x"),
        event.HeldOnFailure("x"),
        event.Closed(Outcome.FAILED, "x", "y"),
        fleet_event.Halted("rest", "x"),
        fleet_event.RolloutClosed(0, "x"),
    )
    assert {voice(fact) for fact in policy} == {"policy"}
    assert voice(event.Admitted("rest")) == voice(fleet_event.WaveOpened("rest")) == "engine"


@pytest.mark.parametrize(("seconds", "text"), [(-3.0, "0s"), (0.04, "0s"), (9.94, "9s900ms"), (89.6, "1m30s")])
def test_durations_are_told_in_tenths_below_ten_seconds(seconds: float, text: str) -> None:
    assert spell(seconds) == text


def test_a_limit_in_the_past_is_told_as_coming_with_the_next_look(story: Any) -> None:
    told = story().go("settling").later(601.0)
    assert told.why.endswith("; gives up (walk.domain_timeout) with the next look.")
