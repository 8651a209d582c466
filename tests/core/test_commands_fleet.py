"""Words for a whole rollout: halt, resume and abort, several services at once, and how a rollout ends by them."""

from collections.abc import Callable
from typing import Any

import pytest

from rollout.core import event, fleet_event
from rollout.core.command import Ask, Command, Verb
from rollout.core.drafts import Draft
from rollout.core.ending import Outcome
from rollout.core.event import HoldReason
from rollout.core.evolve import IllegalFact
from rollout.core.fleet import decide_fleet
from rollout.core.fleet_action import Admit, CloseRollout, Halt
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.names import Digest, Now, RolloutId, ServiceName, StreamName, is_service_stream, rollout_stream
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.reply import SAID_MAX, Kind, Reply, reply
from rollout.core.result import ExitCode, Result, is_over, result
from rollout.core.summary import summarize

OWN = RolloutId("web-1")
NOW = Now(0.0, 0.0)


class Fleet:
    """A rollout of services in given places, all in one open wave unless `waves` says otherwise."""

    def __init__(self, story: Any, *places: str, tolerance: int = 5, waves: int = 1) -> None:
        self.told = {ServiceName(f"web-{n:02}"): story.of(at, name=f"web-{n:02}") for n, at in enumerate(places)}
        names = tuple(self.told)
        cut = len(names) if waves == 1 else 1
        parts = [part for part in (names[:cut], names[cut:]) if part]
        plans = tuple(WavePlan(f"w{n}", part, 5, tolerance, strict=False) for n, part in enumerate(parts))
        opened = fleet_event.RolloutOpened(RolloutPlan(OWN, Digest("a"), Digest("b"), plans))
        self.state = evolve_fleet(None, self._entry(1, opened))
        for number in range(len(plans)):
            self.tell(fleet_event.WaveOpened(f"w{number}"))
        for name, told in self.told.items():
            if told.phase != "Queued":
                self.tell(fleet_event.ServiceAdmitted(name))
            if told.state.ended:
                self.tell(fleet_event.ServiceEnded(name, told.state.ended.outcome))

    @staticmethod
    def _entry(version: int, fact: fleet_event.FleetFact) -> event.Entry:
        return event.Entry(rollout_stream(OWN), version, NOW, "t", fact)

    def tell(self, fact: Any) -> None:
        self.state = evolve_fleet(self.state, self._entry(self.state.version + 1, fact))

    def say(
        self, verb: Verb, service: str | None = None, only: tuple[str, ...] = (), **flags: Any
    ) -> tuple[Reply, tuple[Draft, ...]]:
        """Speak, and record what is accepted."""
        services = {name: told.state for name, told in self.told.items()}
        command = Command("k", verb, "ann", "because", **flags)
        about = None if service is None else ServiceName(service)
        ask = Ask(OWN, about, command, tuple(ServiceName(each) for each in only))
        said, drafts = reply(self.state, services, ask, NOW)
        for stream, fact in drafts:
            if not is_service_stream(stream):
                self.tell(fact)
            elif not isinstance(fact, event.Opened):
                next(told for told in self.told.values() if told.state.stream == stream).tell(fact)
        return said, drafts

    @property
    def phases(self) -> list[str]:
        return [told.phase for told in self.told.values()]

    @property
    def summaries(self) -> dict[ServiceName, Any]:
        return {name: summarize(told.state, NOW) for name, told in self.told.items()}

    @property
    def action(self) -> Any:
        return decide_fleet(self.state, self.summaries, NOW)

    def result(self, *, strict_exit: bool = False) -> Result:
        services = {name: told.state for name, told in self.told.items()}
        return result(self.state, self.summaries, services, strict_exit=strict_exit)


@pytest.fixture
def fleet(story: Any) -> Callable[..., Fleet]:
    return lambda *places, **options: Fleet(story, *places, **options)


def test_an_abort_turns_every_place_as_the_table_says(fleet: Callable[..., Fleet]) -> None:
    places = ["queued", "preflight", "ready", "walking asked", "held", "needs_operator", "rolling_back", "taken_over"]
    told = fleet(*places)
    said, _ = told.say(Verb.ABORT)
    turned = ["RollingBack", "Walking", "RollingBack", "RollingBack", "RollingBack"]
    assert told.phases == ["Ended", "Ended", *turned, "ForeignChange"]
    assert said.counts == {"accepted": 7, "no_op": 1, "refused": 0}
    assert told.state.aborted
    assert all(told.told[ServiceName(f"web-{n:02}")].state.ended.outcome is Outcome.CANCELLED for n in (0, 1))


def test_an_abort_does_not_lift_a_stop_and_a_resume_then_lets_it_go_back(fleet: Callable[..., Fleet]) -> None:
    told = fleet("ready")
    told.say(Verb.STOP, "web-00")
    said, _ = told.say(Verb.ABORT)
    (service,) = told.told.values()
    assert service.state.stop is not None
    assert service.state.turned_back
    assert "once the stop by ann is lifted" in said.said[1].text
    told.say(Verb.RESUME)
    assert (service.state.stop, told.state.halted) == (None, "because")


FINISHED = event.Closed(Outcome.SUCCEEDED, "policy", "done")


def finished(fleet: Callable[..., Fleet], *places: str) -> Fleet:
    told = fleet(*places)
    for each in told.told.values():
        each.tell(FINISHED)
        told.tell(fleet_event.ServiceEnded(each.plan.service, Outcome.SUCCEEDED))
    return told


def test_an_abort_takes_back_what_has_finished_only_where_that_is_said(fleet: Callable[..., Fleet]) -> None:
    told = finished(fleet, "given:walked", "walked", "swap:swap_baking", "instance:applying settling")
    _, drafts = told.say(Verb.ABORT)
    assert [fact for _, fact in drafts if isinstance(fact, event.Opened)] == []
    said, drafts = told.say(Verb.ABORT, including_finished=True)
    opened = {stream: fact for stream, fact in drafts if isinstance(fact, event.Opened)}
    assert set(opened) == {"web-1/web-00#2", "web-1/web-02#2"}
    assert all(fact.undoing is not None and fact.undoing.who == "ann" for fact in opened.values())
    assert "nothing is at hand for a revert" in str(said)
    assert "a word to an instance cannot be taken back" in str(said)
    again = next(iter(told.told.values())).anew(opened[StreamName("web-1/web-00#2")])
    assert (again.phase, again.state.turned_by, again.state.mark_seen) == ("RollingBack", "ann", True)


def test_what_ended_otherwise_has_nothing_to_be_taken_back(fleet: Callable[..., Fleet]) -> None:
    told = fleet("ended")
    _, drafts = told.say(Verb.ABORT, including_finished=True)
    assert [type(fact) for _, fact in drafts] == [fleet_event.Aborted]


def test_an_abort_is_said_once_and_not_taken_back(fleet: Callable[..., Fleet]) -> None:
    told = fleet("ready", "queued")
    told.say(Verb.ABORT)
    again, drafts = told.say(Verb.ABORT)
    assert (again.kind, drafts) == (Kind.NO_OP, ())
    refused, _ = told.say(Verb.RETRY, "web-01")
    assert (refused.kind, refused.said[0].instead) == (Kind.REFUSED, "a new rollout")


def test_an_abort_names_whom_it_cannot_take_back(fleet: Callable[..., Fleet]) -> None:
    told = fleet("baking", "ready")
    service = told.told[ServiceName("web-00")].tell(event.Baked(2, ())).walk(2)
    said, _ = told.say(Verb.ABORT)
    assert said.counts == {"accepted": 2, "no_op": 0, "refused": 1}
    assert said.said[0].about == "web-00"
    assert "Rollback went with it" in said.said[0].text
    assert service.phase == "Checking"


def test_a_halt_holds_who_moves_forward_and_nobody_else(fleet: Callable[..., Fleet]) -> None:
    told = fleet("queued", "checking", "rolling_back", "held", "ended")
    said, drafts = told.say(Verb.HALT)
    assert said.kind is Kind.ACCEPTED
    assert [type(fact) for _, fact in drafts] == [fleet_event.Halted, event.Held]
    assert told.action is None
    assert told.say(Verb.HALT)[0].kind is Kind.NO_OP


def test_a_resume_lifts_a_halt_and_forgives_what_had_failed(fleet: Callable[..., Fleet]) -> None:
    told = fleet("held", "queued", tolerance=0)
    first = told.action
    assert isinstance(first, Halt)
    told.tell(fleet_event.Halted("w0", "1 of 2 failed"))
    assert told.action is None
    said, _ = told.say(Verb.RESUME)
    assert "1 that failed count no more" in next(each.text for each in said.said if each.about == OWN)
    assert told.state.forgiven == {"web-00"}
    assert told.action == Admit("w0", (ServiceName("web-01"),))


def test_a_resume_without_a_halt_speaks_to_each_service(fleet: Callable[..., Fleet]) -> None:
    told = fleet("ready", "checking")
    told.say(Verb.PAUSE)
    said, _ = told.say(Verb.RESUME)
    assert said.counts == {"accepted": 2, "no_op": 0, "refused": 0}


def test_a_word_for_some_services_is_heard_by_these_alone(fleet: Callable[..., Fleet]) -> None:
    told = fleet("ready", "ready", "ready")
    said, drafts = told.say(Verb.PAUSE, only=("web-02", "web-00"))
    assert [each.about for each in said.said] == ["web-02", "web-00"]
    assert {stream for stream, _ in drafts} == {told.told[ServiceName(f"web-0{n}")].state.stream for n in (0, 2)}


def test_a_resume_of_some_services_lifts_no_halt_of_the_rollout(fleet: Callable[..., Fleet]) -> None:
    told = fleet("ready", "ready")
    told.say(Verb.HALT)
    told.say(Verb.RESUME, only=("web-00", "web-01"))
    assert told.state.halted is not None


@pytest.mark.parametrize(
    ("verb", "said"),
    [(Verb.PAUSE, "has no such service"), (Verb.HALT, "is for a whole rollout"), (Verb.RETRY, "has no such service")],
)
def test_nothing_is_done_where_one_of_several_services_does_not_fit(
    fleet: Callable[..., Fleet], verb: Verb, said: str
) -> None:
    answer, drafts = fleet("ready", "ready").say(verb, only=("web-00", "web-7"))
    assert (answer.kind, drafts) == (Kind.REFUSED, ())
    assert said in answer.said[0].text


def test_a_retry_of_all_takes_up_what_failed_and_leaves_the_rest(fleet: Callable[..., Fleet]) -> None:
    told = fleet("held", "ready", "ended")
    said, drafts = told.say(Verb.RETRY)
    assert said.counts == {"accepted": 2, "no_op": 0, "refused": 1}
    assert said.said[0].kind is Kind.REFUSED
    assert fleet_event.ServiceReopened(ServiceName("web-02"), 2) in [fact for _, fact in drafts]


def test_a_reopened_service_of_an_earlier_wave_is_admitted_again(fleet: Callable[..., Fleet], story: Any) -> None:
    told = fleet("ended", "ready", waves=2)
    told.say(Verb.RETRY, "web-00")
    told.told[ServiceName("web-00")] = story(name="web-00")
    assert told.action == Admit("w0", (ServiceName("web-00"),))
    told.tell(fleet_event.ServiceAdmitted(ServiceName("web-00")))


def test_a_rollout_whose_services_were_all_taken_out_is_closed(fleet: Callable[..., Fleet]) -> None:
    told = fleet("queued", "queued", waves=2)
    told.say(Verb.EXCLUDE)
    assert isinstance(told.action, CloseRollout)


@pytest.mark.parametrize(
    ("verb", "service", "said"),
    [
        (Verb.HALT, "web-00", "for a whole rollout"),
        (Verb.PAUSE, "web-0", "no such service"),
    ],
)
def test_what_does_not_fit_is_refused(fleet: Callable[..., Fleet], verb: Verb, service: str, said: str) -> None:
    answer, drafts = fleet("ready").say(verb, service)
    assert (answer.kind, drafts) == (Kind.REFUSED, ())
    assert said in answer.said[0].text
    assert answer.said[0].instead


def test_an_unknown_or_closed_rollout_hears_nothing(fleet: Callable[..., Fleet]) -> None:
    ask = Ask(OWN, None, Command("k", Verb.PAUSE, "ann", "because"))
    assert reply(None, {}, ask, NOW)[0].kind is Kind.REFUSED
    told = fleet("ended")
    told.tell(fleet_event.RolloutClosed(1, "done"))
    for verb in Verb:
        assert told.say(verb)[0].said[0].text == "it is over: done"


def test_an_answer_names_only_so_many_services_and_counts_all(fleet: Callable[..., Fleet]) -> None:
    told = fleet(*["ready"] * (SAID_MAX + 5))
    said, _ = told.say(Verb.PAUSE)
    assert (len(said.said), said.counts["accepted"]) == (SAID_MAX, SAID_MAX + 5)


# --- how it ends ---


def over(told: Fleet) -> bool:
    return is_over(told.state, told.summaries, NOW)


def test_an_aborted_rollout_ends_by_a_person(fleet: Callable[..., Fleet]) -> None:
    told = fleet("queued", "preflight")
    told.say(Verb.ABORT)
    assert isinstance(told.action, CloseRollout)
    ended = told.result()
    assert (ended.code, ended.outcome, ended.reason.startswith("by ann: because")) == (7, "aborted", True)


def test_a_rollout_halted_by_a_person_waits_for_one(fleet: Callable[..., Fleet]) -> None:
    told = fleet("queued")
    told.say(Verb.HALT)
    assert over(told)
    assert told.result().code is ExitCode.FOR_PERSON


def test_exclusions_alone_are_as_allowed_and_cancellations_are_a_persons_end(fleet: Callable[..., Fleet]) -> None:
    for verb, code in ((Verb.EXCLUDE, ExitCode.AS_ALLOWED), (Verb.ROLLBACK, ExitCode.BY_PERSON)):
        told = fleet("queued", "ready")
        told.told[ServiceName("web-01")].tell(event.Closed(Outcome.SUCCEEDED, "policy", "done"))
        told.say(verb, "web-00")
        assert told.result().code is code


def test_a_queued_service_under_a_hold_is_not_admitted_and_waits_for_a_person(fleet: Callable[..., Fleet]) -> None:
    told = fleet("queued", "queued")
    told.say(Verb.PAUSE, "web-00")
    assert told.action == Admit("w0", (ServiceName("web-01"),))
    told.say(Verb.PAUSE, "web-01")
    assert told.action is None
    assert over(told)
    assert told.result().code is ExitCode.FOR_PERSON
    assert "held before its wave (pause by ann: because)" in told.told[ServiceName("web-00")].why


@pytest.mark.parametrize(
    "fact",
    [
        fleet_event.HaltLifted("ann", "x"),
        fleet_event.ServiceReopened(ServiceName("web-00"), 2),
        fleet_event.ServiceEnded(ServiceName("web-09"), Outcome.EXCLUDED),
        fleet_event.ServiceEnded(ServiceName("web-01"), Outcome.FAILED),
    ],
)
def test_a_word_that_cannot_follow_is_an_illegal_fact(fleet: Callable[..., Fleet], fact: Any) -> None:
    told = fleet("ready", "queued")
    with pytest.raises(IllegalFact):
        told.tell(fact)


def test_a_held_services_halt_hold_is_lifted_by_its_own_resume(fleet: Callable[..., Fleet]) -> None:
    told = fleet("ready")
    told.say(Verb.HALT)
    (service,) = told.told.values()
    assert [hold.reason for hold in service.state.holds] == [HoldReason.HALT]
    told.say(Verb.RESUME, "web-00")
    assert service.state.holds == ()
    assert told.state.halted == "because"
