"""An update that the platform walks by itself: one begin, one wait, and one gate over all domains."""

from typing import Any

from rollout.core import event
from rollout.core.action import LookAtDeployment, PollOperation, ProbeHealth, Submit
from rollout.core.deadline import deadline
from rollout.core.ending import Outcome
from rollout.core.event import Finding
from rollout.core.operation import Mode
from rollout.core.outcome import Failed, Running


def test_the_platform_walks_and_all_domains_are_judged_together(story: Any) -> None:
    told = story.of("auto:beginning")
    assert told.action.operation.mode is Mode.AUTO
    told._ask("beginning", "accepted")
    assert [type(each) for each in told.action.sources] == [PollOperation]
    assert told.state.walked == (0, 1, 2)
    told.tell(told.succeeded)
    assert told.action.sources == (LookAtDeployment(),)
    assert "waits for the deployment to settle" in told.why
    assert told.look(told.looks.mid(1, told.ours, manual=False)) is None
    assert told.look(told.whole) is None
    assert told.look(told.whole).finding is Finding.SETTLED
    assert told.action.sources == (ProbeHealth((0, 1, 2), 5.0, told.t + 10.0, ("instances",)),)
    told.tell(event.GatePassed(2, ()))
    assert told.obey().state.ended.outcome is Outcome.SUCCEEDED


def test_it_may_take_the_time_of_all_its_domains(story: Any) -> None:
    for place in ("beginning accepted", "settling", "checking"):
        told = story.of(f"auto:{place}")
        limit = deadline(told.state, 0.0)
        assert (limit.t, limit.name) == (300.0 + 3 * 600.0, "walk.domain_timeout for each domain")
    assert deadline(story.of("auto:beginning").state, 0.0).name == "operation_timeout.begin"


def test_a_lost_begin_may_take_that_long_to_be_found_out(story: Any) -> None:
    told = story.of("auto:beginning asked")
    told.tell(told.lost)
    assert deadline(told.state, 0.0).name == "walk.domain_timeout for each domain"
    told.later(40.0).look(told.looks.mid(0, told.ours, manual=False))
    assert told.phase == "Settling"


def test_a_begin_that_was_not_applied_walked_nothing(story: Any) -> None:
    told = story.of("auto:beginning asked")
    told.tell(told.lost).later(40.0)
    told.look(told.looks.running())
    assert told.state.walked == ()


def test_it_is_rolled_back_only_where_the_platform_still_works_at_it(story: Any) -> None:
    told = story.of("auto:settling")
    assert told.granted("rollback").said == "goes back now"
    assert told.look(told.looks.mid(1, told.ours, manual=False)).finding is Finding.CLEAR
    assert isinstance(told.action, Submit)


def test_what_the_platform_gives_up_has_failed_and_is_not_waited_for(story: Any) -> None:
    told = story.of("auto:beginning accepted")
    told.poll(Failed("InternalError", "it broke."))
    told.look(told.looks.mid(1, told.ours, manual=False))
    assert told.state.failure == "the upgrade failed: InternalError: it broke"
    assert told.obey().phase == "RollingBack"


def test_what_is_gone_before_it_was_complete_is_somebody_elses(story: Any) -> None:
    told = story.of("auto:settling")
    assert isinstance(told.look(told.looks.running()), event.TakenOver)


def test_a_gate_over_all_domains_ends_by_word_without_the_flag_of_the_last_walk(story: Any) -> None:
    told = story.of("auto:checking")
    told.granted("advance", accept_red=("instances",))
    assert told.phase == "Ready"


def test_a_begin_past_its_limit_turns_back(story: Any) -> None:
    told = story.of("auto:beginning accepted").later(2200.0)
    assert told.poll(Running()).finding is Finding.OVERDUE
    assert told.obey().phase == "RollingBack"
