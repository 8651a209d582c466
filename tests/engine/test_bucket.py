"""The arithmetic of permits: rates hold over every window, a fifth waits for going back, throttling teaches."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.engine.bucket import RETRY_AFTER_S_MAX, STOCK_MIN, Bucket, Lane, Pace, retry_after
from rollout.errors import InvariantBroken

STEADY = Pace(start=10.0, floor=10.0, ceiling=10.0, rise=0.0)
LEARNING = Pace(start=8.0, floor=1.0, ceiling=20.0, rise=0.5, window_s=10.0)

gaps = st.lists(st.floats(0, 3), min_size=1, max_size=60)
lanes = st.sampled_from(list(Lane))


def taken(bucket: Bucket, t: float, lane: Lane) -> int:
    count = 0
    while bucket.take(t, lane):
        count += 1
    return count


def test_a_full_bucket_keeps_a_fifth_for_going_back() -> None:
    bucket = Bucket(STEADY, 0.0)
    assert (taken(bucket, 0.0, Lane.URGENT), taken(bucket, 0.0, Lane.GOING_BACK)) == (8, 2)


def test_the_other_lanes_have_the_whole_rate_while_nothing_goes_back() -> None:
    bucket = Bucket(STEADY, 0.0)
    taken(bucket, 0.0, Lane.FORWARD)
    assert sum(taken(bucket, step / 10, Lane.FORWARD) for step in range(1, 101)) == 100


def test_what_going_back_took_from_the_fifth_is_refilled_before_others_get_any() -> None:
    bucket = Bucket(STEADY, 0.0)
    taken(bucket, 0.0, Lane.FORWARD)
    assert taken(bucket, 0.0, Lane.GOING_BACK) == 2
    assert bucket.ready_t(0.0, Lane.FORWARD) == pytest.approx(0.3)
    assert bucket.ready_t(0.0, Lane.GOING_BACK) == pytest.approx(0.1)


def test_a_slow_bucket_still_holds_one_whole_permit_for_going_back() -> None:
    bucket = Bucket(Pace(start=0.1, floor=0.1, ceiling=0.1, rise=0.0), 0.0)
    assert taken(bucket, 0.0, Lane.FORWARD) == STOCK_MIN - 1
    assert bucket.take(0.0, Lane.GOING_BACK)


def test_the_rate_rises_evenly_to_its_ceiling_while_nothing_throttles() -> None:
    bucket = Bucket(LEARNING, 0.0)
    rates = []
    for t in (4.0, 20.0, 100.0):
        bucket.take(t, Lane.FORWARD)
        rates.append(bucket.rate)
    assert rates == [10.0, 18.0, 20.0]


def test_throttling_halves_the_rate_once_per_window_and_never_below_the_floor() -> None:
    bucket = Bucket(LEARNING, 0.0)
    rates = []
    for t in (0.0, 1.0, 9.9, 10.0, 20.0, 30.0, 40.0):
        bucket.throttled(t, None)
        rates.append(bucket.rate)
    assert rates == [4.0, 4.0, 4.0, 2.0, 1.0, 1.0, 1.0]


def test_after_a_halving_the_rate_stands_still_for_a_window_and_then_rises_again() -> None:
    bucket = Bucket(LEARNING, 0.0)
    bucket.throttled(0.0, None)
    rates = []
    for t in (5.0, 10.0, 14.0):
        bucket.take(t, Lane.FORWARD)
        rates.append(bucket.rate)
    assert rates == [4.0, 4.0, 6.0]


def test_throttling_drops_the_stock_so_that_even_going_back_waits_for_one_new_permit() -> None:
    bucket = Bucket(STEADY, 0.0)
    bucket.throttled(0.0, None)
    assert not bucket.take(0.0, Lane.GOING_BACK)
    assert bucket.ready_t(0.0, Lane.GOING_BACK) == pytest.approx(0.1)


def test_retry_after_closes_the_bucket_for_every_lane_and_earns_nothing_meanwhile() -> None:
    bucket = Bucket(STEADY, 0.0)
    bucket.throttled(0.0, 60.0)
    assert not bucket.take(59.999, Lane.GOING_BACK)
    assert not bucket.take(60.0, Lane.GOING_BACK)
    assert bucket.ready_t(60.0, Lane.GOING_BACK) == pytest.approx(60.1)
    assert taken(bucket, 60.1, Lane.GOING_BACK) == 1


def test_a_shorter_retry_after_does_not_open_the_bucket_early() -> None:
    bucket = Bucket(STEADY, 0.0)
    bucket.throttled(0.0, 60.0)
    bucket.throttled(1.0, 2.0)
    assert not bucket.take(30.0, Lane.GOING_BACK)


def test_a_permit_given_back_can_be_taken_again_and_never_overfills_the_stock() -> None:
    bucket = Bucket(STEADY, 0.0)
    bucket.give_back(0.0)
    assert taken(bucket, 0.0, Lane.GOING_BACK) == 10
    bucket.give_back(0.0)
    assert taken(bucket, 0.0, Lane.GOING_BACK) == 1


def test_time_that_goes_back_earns_nothing() -> None:
    bucket = Bucket(STEADY, 10.0)
    taken(bucket, 10.0, Lane.GOING_BACK)
    assert not bucket.take(0.0, Lane.GOING_BACK)
    assert bucket.take(10.1, Lane.GOING_BACK)


@pytest.mark.parametrize(
    ("asked_s", "waited_s"),
    [(None, 0.0), (-1.0, 0.0), (math.nan, 0.0), (0.0, 0.0), (7.5, 7.5), (1e9, RETRY_AFTER_S_MAX), (math.inf, 300.0)],
)
def test_a_retry_after_counts_from_nought_to_five_minutes(asked_s: float | None, waited_s: float) -> None:
    assert retry_after(asked_s) == waited_s


@pytest.mark.parametrize(
    "numbers", [(0.0, 0.0, 1.0, 0.0), (1.0, 2.0, 3.0, 0.0), (4.0, 1.0, 3.0, 0.0), (1, 1, math.inf, 0), (1, 1, 1, -1)]
)
def test_a_pace_that_makes_no_sense_is_refused(numbers: tuple[float, float, float, float]) -> None:
    start, floor, ceiling, rise = numbers
    with pytest.raises(InvariantBroken, match="floor <= start <= ceiling"):
        Pace(start=start, floor=floor, ceiling=ceiling, rise=rise)


@given(steps=st.lists(st.tuples(st.floats(0, 3), lanes, st.integers(0, 20), st.booleans()), max_size=60))
def test_no_window_sees_more_permits_than_rate_times_time_and_one_stock(
    steps: list[tuple[float, Lane, int, bool]],
) -> None:
    bucket, t, given_at = Bucket(LEARNING, 0.0), 0.0, []
    for gap, lane, tries, throttled in steps:
        t += gap
        given_at += [t for _ in range(tries) if bucket.take(t, lane)]
        if throttled:
            bucket.throttled(t, None)
    stock = max(STOCK_MIN, LEARNING.ceiling * LEARNING.stock_s)
    for first, begin in enumerate(given_at):
        for last in range(first, len(given_at)):
            assert last - first + 1 <= LEARNING.ceiling * (given_at[last] - begin) + stock + 1e-6


@given(gaps=gaps, lane=st.sampled_from([lane for lane in Lane if lane is not Lane.GOING_BACK]))
def test_under_a_flood_of_others_going_back_finds_its_permit_at_once(gaps: list[float], lane: Lane) -> None:
    bucket, t = Bucket(LEARNING, 0.0), 0.0
    for gap in gaps:
        t += gap
        taken(bucket, t, lane)
        assert bucket.ready_t(t, Lane.GOING_BACK) == t
    assert bucket.take(t, Lane.GOING_BACK)


@given(steps=st.lists(st.tuples(st.floats(0, 3), lanes, st.integers(0, 20), st.booleans()), max_size=40))
def test_going_back_never_waits_longer_than_one_permit_takes(steps: list[tuple[float, Lane, int, bool]]) -> None:
    bucket, t = Bucket(LEARNING, 0.0), 0.0
    for gap, lane, tries, throttled in steps:
        t += gap
        for _ in range(tries):
            bucket.take(t, lane)
        if throttled:
            bucket.throttled(t, None)
        assert bucket.ready_t(t, Lane.GOING_BACK) <= t + 1 / bucket.rate + 1e-9


@given(gaps=gaps, lane=lanes)
def test_the_promised_moment_is_kept_and_nothing_is_given_before_it(gaps: list[float], lane: Lane) -> None:
    bucket, t = Bucket(STEADY, 0.0), 0.0
    taken(bucket, t, lane)
    for gap in gaps:
        ready_t = bucket.ready_t(t, lane)
        before = t + (ready_t - t) * 0.9
        assert ready_t - before < 1e-6 or not bucket.take(before, lane)
        assert bucket.take(ready_t + 1e-9, lane)
        t = ready_t + 1e-9 + gap
        taken(bucket, t, lane)


def test_lanes_are_ordered_by_importance() -> None:
    order = ["LISTING", "FORWARD", "NEAR_DEADLINE", "URGENT", "LOOK_BEFORE_WRITE", "GOING_BACK"]
    assert all(Lane[less] < Lane[more] for less, more in pairwise(order))
