"""Timetables by their arithmetic: what is simulated agrees with what can be calculated."""

from statistics import fmean

import pytest

from bench.adaptive import SHAPES, believed, learned, timetables
from bench.shapes import Cost, Shape, best_product, fixed_with_delay, followed

WALK = SHAPES[0]


def test_durations_have_the_mean_and_the_order_of_their_shape() -> None:
    for shape in SHAPES:
        durations = shape.durations()
        assert durations == sorted(durations)
        assert fmean(durations) == pytest.approx(shape.mean_s, rel=0.01)


@pytest.mark.parametrize("interval_s", [1.0, 5.0, 12.0])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_fixed_interval_costs_what_its_delay_says(shape: Shape, interval_s: float) -> None:
    durations = shape.durations()
    simulated = followed(durations, lambda _age_s: interval_s)
    assert simulated.delay_s == pytest.approx(interval_s / 2, rel=0.05)
    calculated = fixed_with_delay(durations, interval_s / 2)
    assert simulated.polls == pytest.approx(calculated.polls, rel=0.01)


def test_an_operation_that_ends_between_two_questions_is_told_at_the_second() -> None:
    assert followed([12.0], lambda _age_s: 5.0) == Cost(4.0, 3.0)
    assert Cost(4.0, 3.0).product == 12.0


@pytest.mark.parametrize(("shape", "gain"), list(zip(SHAPES, (1.74, 1.23, 1.05), strict=True)))
def test_no_timetable_beats_a_fine_fixed_interval_by_more_than_the_bound(shape: Shape, gain: float) -> None:
    assert shape.mean_s / 2 / best_product(shape) == pytest.approx(gain, abs=0.01)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_no_timetable_is_better_than_the_best_one(shape: Shape) -> None:
    durations, bound = shape.durations(1_000), best_product(shape)
    for name, timetable in timetables(shape):
        assert followed(durations, timetable).product > 0.98 * bound, name


def test_what_is_learned_from_bounds_comes_near_to_what_is_known() -> None:
    durations = WALK.durations(1_000)
    known, guessed = (followed(durations, each).product for each in (believed(WALK, 0.25, 1.0), learned(WALK, 0.25)))
    assert guessed == pytest.approx(known, rel=0.15)
