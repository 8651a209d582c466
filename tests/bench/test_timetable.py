"""The open loop's book: what falls due when, and what counts as held. The timetable never slips."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.clients.open_loop import Course
from bench.clients.order import Order
from bench.clients.timetable import Book, due_within, held, next_due
from bench.ids import NEVER_NS, ends_ns

EIGHTHS = st.integers(0, 400).map(lambda each: each / 8)


@given(EIGHTHS, st.sampled_from([0.5, 1.0, 5.0]), EIGHTHS, EIGHTHS)
def test_instants_within_a_window_are_counted_as_if_one_by_one(
    first: float, period: float, begin: float, end: float
) -> None:
    instants = [first + number * period for number in range(200)]
    assert due_within(first, period, begin, end) == sum(begin <= each < end for each in instants)


@given(EIGHTHS, st.sampled_from([0.5, 1.0, 5.0]), EIGHTHS)
def test_the_next_instant_is_the_first_one_later(first: float, period: float, now: float) -> None:
    following = next_due(first, period, now)
    assert following == first if now < first else now < following <= now + period
    assert ((following - first) / period).is_integer()


def test_a_poll_missed_altogether_moves_no_later_one() -> None:
    assert next_due(0.0, 1.0, 3.7) == 4.0


def test_lateness_counts_within_the_window_only() -> None:
    book = Book(1.0, 10.0, 12.0)
    for due, now in ((9.9, 9.95), (10.0, 10.02), (11.5, 11.51), (12.0, 12.5)):
        book.made(due, now)
    book.expect(0.5, math.inf)
    book.ended(10.5, 11.5)
    book.ended(3.0, 11.5)
    reading = book.reading()
    assert (reading["made"], reading["due"], reading["detected"]) == (2, 2, 1)
    assert reading["late_p99_s"] == pytest.approx(0.02, abs=1e-4)
    assert reading["detection_p50_s"] == pytest.approx(1.0, abs=1e-4)
    assert reading["held"] == 1.0


def test_an_operation_is_due_no_more_once_its_end_was_to_be_found() -> None:
    book = Book(1.0, 10.0, 20.0)
    book.expect(10.25, 13.0)
    assert book.due == 4


@pytest.mark.parametrize(("late", "made", "expected"), [(0.09, 0.97, True), (0.1, 1.0, False), (0.01, 0.96, False)])
def test_n_is_held_while_the_late_are_few_and_the_polls_are_made(late: float, made: float, expected: bool) -> None:
    assert held(late, made, 1.0) is expected


def test_nothing_measured_is_nothing_held() -> None:
    assert held(math.nan, 1.0, 1.0) is False
    assert Book(1.0, 0.0, 1.0).reading()["held"] == 0.0


@pytest.mark.parametrize("operations", [10, 137, 1_000])
def test_a_course_spreads_first_polls_over_the_span_and_endings_over_the_window(operations: int) -> None:
    course = Course(Order("", operations=operations, period_s=2.0, periods=5, ending_share=0.1), 100.0, 4.0)
    given_ones = list(course.operations())
    firsts = [first for _, first, _ in given_ones]
    assert firsts == sorted(firsts)
    assert (firsts[0], firsts[-1] < 104.0) == (100.0, True)
    begin, end = course.window
    assert (begin, end, course.end_s) == (106.0, 116.0, 118.0)
    ending = [(operation, ends) for operation, _, ends in given_ones if ends < math.inf]
    assert len(ending) == operations // 10
    assert all(begin <= ends < end for _, ends in ending)
    assert all(ends_ns(operation) / 1e9 == pytest.approx(ends) for operation, ends in ending)
    assert sum(ends_ns(operation) == NEVER_NS for operation, _, _ in given_ones) == operations - len(ending)
