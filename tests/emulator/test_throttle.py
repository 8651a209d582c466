"""Throttling by class of operation, and storms."""

from typing import Any

import pytest
from pydantic import ValidationError

from rollout.emulator.calls import Call
from rollout.emulator.knobs import Knobs, Throttling
from rollout.emulator.refusals import Refusal
from rollout.emulator.request_ids import RequestIds
from rollout.emulator.throttle import Throttle
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, Verb


def passed(throttle: Throttle, verb: str, *times: float) -> list[bool]:
    return [throttle.passes(verb, at) for at in times]


def test_nothing_is_limited_unless_it_is_named() -> None:
    assert all(passed(Throttle(Throttling()), "upgrade", *[0.0] * 1000))


def test_a_class_passes_its_rate_and_saves_one_second_at_most() -> None:
    throttle = Throttle(Throttling(calls_per_s={"poll": 2}))
    assert passed(throttle, "poll", 0, 0, 0, 0.25, 0.5, 100, 100, 100) == [
        True,
        True,
        False,
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_rate_below_one_passes_one_call_and_then_waits() -> None:
    assert passed(Throttle(Throttling(calls_per_s={"upgrade": 0.1})), "upgrade", 0, 5, 9, 10.5) == [
        True,
        False,
        False,
        True,
    ]


def test_each_class_is_limited_apart() -> None:
    throttle = Throttle(Throttling(calls_per_s={"upgrade": 1, "reads": 1}))
    assert passed(throttle, "upgrade", 0, 0) == [True, False]
    assert passed(throttle, "get", 0) == [True]
    assert passed(throttle, "poll", 0) == [False]
    assert passed(throttle, "walk", 0, 0, 0) == [True, True, True]


def test_a_call_counts_in_each_class_it_belongs_to_and_a_refused_one_in_none() -> None:
    throttle = Throttle(Throttling(calls_per_s={"writes": 2, "walk": 1}))
    assert passed(throttle, "walk", 0, 0, 0) == [True, False, False]
    assert passed(throttle, "upgrade", 0, 0) == [True, False]


def test_in_a_storm_nothing_of_a_limited_class_passes() -> None:
    throttle = Throttle(Throttling(calls_per_s={"reads": 100}, storm_every_s=60, storm_s=10))
    assert passed(throttle, "get", 0, 49, 50, 59.9, 60, 115) == [True, True, False, False, True, False]
    assert passed(throttle, "walk", 55) == [True]


def test_a_throttled_call_meets_too_many_requests_and_changes_nothing(make_stage: Any) -> None:
    stage = make_stage(throttle={"calls_per_s": {"upgrade": 0.01}})
    names = {"service": "svc-0001", "slot": "production"}
    for expected in (False, True):
        call = Call(stage.fabric, RequestIds(0), stage.next_id(), CLIENT_VERSION, names, b"")
        if not expected:
            call.meet_fault(Verb.UPGRADE)
            continue
        with pytest.raises(Refusal) as caught:
            call.meet_fault(Verb.UPGRADE)
        assert (caught.value.status, caught.value.code) == (503, "TooManyRequests")
    assert stage.log() == []


@pytest.mark.parametrize("rates", [{"everything": 1}, {"reads": 0}, {"reads": -1}, {"reads": "fast"}, ["reads"]])
def test_unknown_classes_and_senseless_rates_are_refused(rates: Any) -> None:
    with pytest.raises(ValidationError):
        Knobs.model_validate({"throttle": {"calls_per_s": rates}})
