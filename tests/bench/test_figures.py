"""Percentiles are values that were measured; medians come with the lowest and the highest."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.clients.histogram import STEP_S, Histogram
from bench.figures import figure, percentile

SECONDS = st.floats(min_value=0.0, max_value=0.9)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.01, 1.0), (0.5, 50.0), (0.501, 51.0), (0.99, 99.0), (1.0, 100.0)]
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    assert percentile([float(each) for each in range(1, 101)], share) == expected


def test_a_percentile_of_nothing_is_no_number() -> None:
    assert math.isnan(percentile([], 0.99))
    assert math.isnan(Histogram(1.0).percentile(0.99))


@given(st.lists(SECONDS, min_size=1), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_histogram_gives_the_percentile_to_its_step(values: list[float], share: float) -> None:
    histogram = Histogram(1.0)
    for value in values:
        histogram.add(value)
    exact = percentile(sorted(values), share)
    assert exact - 1e-12 <= histogram.percentile(share) <= exact + STEP_S + 1e-12
    assert (histogram.total, histogram.max_s) == (len(values), max(values))


def test_a_histogram_keeps_what_lies_beyond_its_ends_at_its_edges() -> None:
    histogram = Histogram(0.01)
    for value in (-1.0, 0.005, 7.0):
        histogram.add(value)
    assert histogram.total == 3
    assert histogram.max_s == 7.0
    assert histogram.percentile(0.1) <= STEP_S
    assert histogram.percentile(1.0) >= 0.01


def test_a_figure_is_the_median_between_lowest_and_highest() -> None:
    summed = figure([3.0, 1.0, 2.0, 10.0])
    assert (summed.median, summed.low, summed.high) == (2.5, 1.0, 10.0)
    assert summed.spread == pytest.approx(9.0 / 2.5)
    assert figure([0.0]).spread == 0.0
