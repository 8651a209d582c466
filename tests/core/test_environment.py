"""The environment is to blame where checks turn red on services that nothing was done to; then no change is."""

from collections.abc import Callable
from typing import Any

import pytest

from rollout.core import environment, event, fleet_event
from rollout.core.check_plan import CheckPlan, Moment
from rollout.core.command import Ask, Command, Verb
from rollout.core.ending import Outcome
from rollout.core.environment import Seen, blamed, clear, controls, noticed
from rollout.core.environment_event import EnvironmentHeld, EnvironmentLifted
from rollout.core.event import Entry, Evidence, HoldReason, Verdict
from rollout.core.evolve import IllegalFact
from rollout.core.fleet import decide_fleet
from rollout.core.fleet_action import Admit
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState
from rollout.core.names import Digest, Now, RolloutId, ServiceName, rollout_stream
from rollout.core.plan import HealthPlan, RolloutPlan, WavePlan
from rollout.core.reply import reply
from rollout.core.result import is_over
from rollout.core.summary import summarize

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
NAMES = tuple(ServiceName(f"web-0{n}") for n in range(1, 6))
ROLLOUT = RolloutId("web-1")


def heard(*rounds: tuple[str, float, dict[str, Verdict]]) -> environment.Memory:
    memory: environment.Memory = {}
    for service, t, said in rounds:
        evidence = [Evidence(check, verdict, "") for check, verdict in said.items()]
        memory = noticed(memory, ServiceName(service), evidence, t)
    return memory


# --- what turned red, and when ---


def test_a_check_that_fails_from_the_first_look_on_did_not_turn_red() -> None:
    assert heard(("a", 0.0, {"http": FAIL}), ("a", 5.0, {"http": FAIL}))[ServiceName("a"), "http"] == Seen(FAIL)


def test_a_check_is_red_since_it_first_failed_after_a_pass() -> None:
    memory = heard(*(("a", t, {"http": v}) for t, v in ((0.0, PASS), (5.0, FAIL), (10.0, UNKNOWN), (15.0, FAIL))))
    assert memory == {(ServiceName("a"), "http"): Seen(FAIL, 5.0)}
    assert not clear(memory)
    assert clear(noticed(memory, ServiceName("a"), [Evidence("http", PASS, "")], 20.0))


def test_nobody_asked_is_not_healthy() -> None:
    assert not clear({})


@pytest.mark.parametrize(("second_t", "to_blame"), [(5.0, True), (35.0, True), (35.1, False)])
def test_two_untouched_services_that_turn_red_within_two_intervals_blame_the_environment(
    second_t: float, *, to_blame: bool
) -> None:
    memory = heard(
        ("a", 0.0, {"http": PASS}),
        ("b", 0.0, {"http": PASS}),
        ("a", 5.0, {"http": FAIL}),
        ("b", second_t, {"http": FAIL}),
    )
    reason = blamed(memory, {}, interval_s=15.0)
    assert (reason is not None) is to_blame
    if to_blame:
        assert reason == "http turned red on a and b, where nothing was changed"


def test_untouched_services_that_pass_blame_nobody() -> None:
    assert blamed(heard(("a", 0.0, {"http": PASS}), ("b", 0.0, {"http": PASS})), {}, interval_s=15.0) is None


def test_one_untouched_service_or_two_different_checks_blame_nobody() -> None:
    one = heard(("a", 0.0, {"http": PASS, "metric": PASS}), ("a", 5.0, {"http": FAIL, "metric": FAIL}))
    assert blamed(one, {}, interval_s=15.0) is None
    two = heard(
        ("a", 0.0, {"http": PASS}),
        ("b", 0.0, {"metric": PASS}),
        ("a", 5.0, {"http": FAIL}),
        ("b", 5.0, {"metric": FAIL}),
    )
    assert blamed(two, {}, interval_s=15.0) is None


@pytest.mark.parametrize(("apart_s", "to_blame"), [(30.0, True), (31.0, False)])
def test_several_changes_that_turn_red_at_once_blame_the_environment(apart_s: float, *, to_blame: bool) -> None:
    changes = {RolloutId("web-1"): 100.0, RolloutId("api-7"): 100.0 + apart_s}
    reason = blamed({}, changes, interval_s=15.0)
    assert reason == ("several changes turned red at once: web-1 and api-7" if to_blame else None)
    assert blamed({}, {RolloutId("web-1"): 100.0}, interval_s=15.0) is None


# --- who is asked what ---


def test_the_last_untouched_services_in_line_are_asked(story: Callable[..., Any]) -> None:
    services = {name: story(name=name).state for name in NAMES}
    services[NAMES[4]] = story(name=NAMES[4]).go("checking").state
    assert [each.plan.service for each in controls(services)] == list(NAMES[1:4])
    assert environment.under_watch(services)
    assert not environment.under_watch({NAMES[0]: services[NAMES[0]]})


def test_they_are_asked_what_counts_after_a_walk_but_for_the_platforms_own_word() -> None:
    checks = (
        CheckPlan("instances", "instances", 1.0),
        CheckPlan("http", "http", 1.0),
        CheckPlan("shown", "http", 1.0, advisory=True),
        CheckPlan("baked", "http", 1.0, moments=(Moment.BAKE,)),
    )
    assert environment.asked(HealthPlan(0.0, 1.0, 1.0, 1.0, checks)) == ("http",)


def test_a_change_is_red_while_one_of_its_gates_is(story: Callable[..., Any]) -> None:
    told = story().go("checking").at(10.0)
    assert not environment.is_red({NAMES[0]: told.state})
    told.probe(FAIL)
    assert environment.is_red({NAMES[0]: told.state})


# --- holding, lifting, handing over ---


class Rollout:
    """One rollout's stream beside its services."""

    def __init__(self, story: Callable[..., Any], *places: str) -> None:
        self.told = {name: story(name=name).go(place) for name, place in zip(NAMES, places, strict=False)}
        wave = WavePlan("rest", tuple(self.told), 10, 9, strict=False)
        plan = RolloutPlan(ROLLOUT, Digest("a" * 64), Digest("b" * 64), (wave,))
        self.state = evolve_fleet(
            None, Entry(rollout_stream(ROLLOUT), 1, Now(0.0, 0.0), "e", fleet_event.RolloutOpened(plan))
        )
        self.tell(fleet_event.WaveOpened("rest"))
        for name, place in zip(NAMES, places, strict=False):
            if place != "queued":
                self.tell(fleet_event.ServiceAdmitted(name))

    @property
    def services(self) -> environment.Services:
        return {name: each.state for name, each in self.told.items()}

    def tell(self, fact: event.Fact) -> None:
        entry = Entry(rollout_stream(ROLLOUT), self.state.version + 1, Now(0.0, 0.0), "e", fact)
        self.state = evolve_fleet(self.state, entry)

    def write(self, drafts: list[Any]) -> None:
        by_stream = {each.state.stream: each for each in self.told.values()}
        for stream, fact in drafts:
            if stream in by_stream:
                by_stream[stream].tell(fact)
            else:
                self.tell(fact)

    def decide(self) -> object:
        return decide_fleet(self.state, self._summaries(), Now(0.0, 0.0))

    def is_over(self) -> bool:
        return is_over(self.state, self._summaries(), Now(0.0, 0.0))

    def _summaries(self) -> dict[ServiceName, Any]:
        return {name: summarize(each, Now(0.0, 0.0)) for name, each in self.services.items()}

    def holds(self) -> list[set[HoldReason]]:
        return [{hold.reason for hold in each.holds} for each in self.services.values()]


def test_a_held_rollout_begins_nothing_and_is_not_over(story: Callable[..., Any]) -> None:
    rollout = Rollout(story, "checking", "ready", "rolling_back", "ended", "queued")
    rollout.tell(fleet_event.ServiceEnded(NAMES[3], Outcome.FAILED))
    assert isinstance(rollout.decide(), Admit)
    rollout.write(environment.holding(rollout.state, rollout.services, "red elsewhere"))
    assert rollout.holds() == [{HoldReason.ENVIRONMENT}, {HoldReason.ENVIRONMENT}, set(), set(), set()]
    assert rollout.decide() is None
    assert not rollout.is_over()
    assert not summarize(rollout.services[NAMES[1]], Now(0.0, 0.0)).for_person, "it lifts itself"
    with pytest.raises(IllegalFact):
        rollout.tell(EnvironmentHeld("again"))


def test_it_lifts_itself_and_goes_on(story: Callable[..., Any]) -> None:
    rollout = Rollout(story, "checking", "ready", "queued")
    rollout.write(environment.holding(rollout.state, rollout.services, "red elsewhere"))
    rollout.write(environment.lifting(rollout.state, rollout.services, "healthy again"))
    assert rollout.holds() == [set(), set(), set()]
    assert isinstance(rollout.decide(), Admit)
    with pytest.raises(IllegalFact):
        rollout.tell(EnvironmentLifted("policy", "again"))


@pytest.mark.parametrize("halted", [False, True])
def test_what_lasts_too_long_is_handed_to_a_person(story: Callable[..., Any], *, halted: bool) -> None:
    rollout = Rollout(story, "checking", "ready", "queued")
    rollout.write(environment.holding(rollout.state, rollout.services, "red elsewhere"))
    if halted:
        rollout.tell(fleet_event.Halted("rest", "enough", "ann"))
    rollout.write(environment.handing_over(rollout.state, rollout.services, "red for too long"))
    assert rollout.holds() == [{HoldReason.HALT}, {HoldReason.HALT}, set()]
    assert rollout.state.halted == ("enough" if halted else "red for too long")
    assert summarize(rollout.services[NAMES[1]], Now(0.0, 0.0)).for_person


def test_a_person_may_let_it_go_on_whatever_its_environment_shows(story: Callable[..., Any]) -> None:
    rollout = Rollout(story, "checking", "ready", "queued")
    rollout.write(environment.holding(rollout.state, rollout.services, "red elsewhere"))
    ask = Ask(ROLLOUT, None, Command("key-1", Verb.RESUME, "ann", "we know of it"))
    said, drafts = reply(rollout.state, rollout.services, ask, Now(0.0, 0.0))
    assert any("goes on, whatever its environment shows" in each.text for each in said.said)
    rollout.write(list(drafts))
    assert rollout.state.environment is None
    assert rollout.holds() == [set(), set(), set()]


def test_before_the_first_wave_it_can_be_handed_over_too() -> None:
    plan = RolloutPlan(ROLLOUT, Digest("a" * 64), Digest("b" * 64), (WavePlan("rest", NAMES, 1, 0, strict=True),))
    drafts = environment.handing_over(RolloutState(plan, 1), {}, "red")
    assert drafts[0][1] == fleet_event.Halted("", "red")
