"""The old package is copied before anything is touched, so that there is something to revert to."""

from typing import Any

import pytest

from rollout.core import change_event, event
from rollout.core.action import LookAtDeployment, Prepare, Record, Submit
from rollout.core.deadline import deadline
from rollout.core.decide import LOST_REPEATS_MAX
from rollout.core.ending import Outcome
from rollout.core.event import Finding
from rollout.core.names import Digest
from rollout.core.operation import CapturePackage
from rollout.core.outcome import Failed, RefusedKind, Running, Unknown
from rollout.core.prepare import Order
from rollout.core.way_back import revert_source, way_back

CONTAINER, COPY = Digest("d" * 64), Digest("f" * 64)


def test_where_the_copy_will_lie_is_drawn_first_then_it_is_made_and_then_the_change_begins(story: Any) -> None:
    told = story.of("copied:preflight")
    told.look(told.looks.running(private_id="p-1"))
    order = told.action.order
    assert told.action == Prepare(
        Order(
            deployed=told.state.before.configuration,
            wanted=told.plan.change.configuration,
            counts={"Web": 6},
            container=CONTAINER,
            private_id="p-1",
        )
    )
    assert order.packages == ()
    told.tell(told.prepared)
    assert told.phase == "Capturing"
    assert told.action.sources == (LookAtDeployment(),)
    assert told.look(told.looks.running()).finding is Finding.CLEAR
    assert told.action == Submit(CapturePackage(CONTAINER), going_back=False)
    told.tell(told.intended(CapturePackage(CONTAINER)), told.accepted)
    assert "waits for the copy of the old package, which is under way" in told.why
    told.tell(told.succeeded)
    assert (told.phase, told.state.captured, told.state.begun) == ("Beginning", True, False)


@pytest.mark.parametrize("answer", ["lost", "forgotten"])
def test_a_copy_is_simply_asked_for_again_a_few_times(story: Any, answer: str) -> None:
    told = story.of("copied:capturing")
    for times in range(1, LOST_REPEATS_MAX + 2):
        told.look(told.looks.running())
        assert isinstance(told.action, Submit)
        told.tell(told.intended(CapturePackage(CONTAINER)))
        if answer == "lost":
            told.tell(told.lost())
        else:
            told.tell(told.accepted)
            told.poll(Unknown("404"), after_s=61.0)
        assert (told.phase, told.state.phase.step.losses) == ("Capturing", times)
    assert told.action == Record(event.Escalated("the copy of the old package was lost 4 times"))


def test_a_busy_platform_is_asked_later(story: Any) -> None:
    told = story.of("copied:capturing asked")
    told.tell(told.refused())
    assert told.state.phase.step.not_before_t == 7.0


def test_a_copy_that_fails_ends_it_before_anything_is_touched(story: Any) -> None:
    told = story.of("copied:capturing accepted")
    told.poll(Failed("StorageError", "no room"))
    ended = told.obey().state.ended
    assert ended.outcome is Outcome.FAILED
    assert ended.reason == "the copy of the old package failed: StorageError: no room; nothing was touched"


def test_a_copy_that_is_refused_ends_it_before_anything_is_touched(story: Any) -> None:
    told = story.of("copied:capturing asked")
    told.tell(told.refused(RefusedKind.REJECTED))
    ended = told.obey().state.ended
    assert ended.outcome is Outcome.FAILED
    assert ended.reason == "the platform refused the copy of the old package: said no; nothing was touched"


def test_a_copy_has_the_limit_of_a_begin(story: Any) -> None:
    told = story.of("copied:capturing accepted")
    assert deadline(told.state, 0.0).name == "operation_timeout.begin"
    told.poll(Running(), after_s=300.0)
    assert told.state.failure == "the copy of the old package took longer than operation_timeout.begin"
    assert told.obey().state.ended.outcome is Outcome.FAILED


@pytest.mark.parametrize("place", ["capturing", "capturing accepted"])
def test_a_word_to_go_back_finds_nothing_to_take_back(story: Any, place: str) -> None:
    told = story.of(f"copied:{place}")
    told.granted("rollback")
    assert told.obey().state.ended.outcome is Outcome.FAILED


def test_somebody_scaled_it_meanwhile_so_that_all_is_drawn_anew(story: Any) -> None:
    told = story.of("copied:capturing")
    fewer = told.looks.running(instances=told.looks.running().instances[:3])
    assert isinstance(told.look(fewer), change_event.Rescaled)
    assert told.phase == "Preflight"
    assert told.action.order.counts == {"Web": 3}


def test_a_copy_made_once_is_not_made_again(story: Any) -> None:
    told = story.of("copied:capturing accepted").tell(event.Succeeded(1))
    fewer = told.looks.running(instances=told.looks.running().instances[:3])
    told.later(31.0).look(fewer)
    told.tell(told.prepared)
    assert told.phase == "Beginning"


def source_of(told: Any) -> Digest | None:
    source = revert_source(told.state)
    return None if source is None else source.package


def test_a_copy_is_what_a_revert_is_made_of_once_it_was_made(story: Any) -> None:
    told = story.of("copied:capturing")
    assert source_of(told) == COPY
    assert way_back(told.state) == "rollback → revert to web-2.4.0"
    told = story.of("copied:capturing accepted").tell(event.Succeeded(1))
    told.tell(told.intended(told.upgrade()))
    assert source_of(told) == COPY


def test_retry_asks_for_the_copy_with_its_whole_time(story: Any) -> None:
    told = story(kind="copied", on_failure="hold").go("capturing").tell(event.Escalated("lost"))
    told.at(900.0).granted("retry")
    assert (told.phase, told.state.phase.step.began_t) == ("Capturing", 900.0)


def test_an_update_of_somebody_before_the_copy_is_left_to_them(story: Any) -> None:
    assert isinstance(story.of("copied:capturing").look(story().looks.mid(0, "web-9")), event.TakenOver)
