"""The rank test, against every arrangement there is, and against figures that were published."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.gates.mann_whitney import EXACT_MAX, p_larger

SMALL = st.lists(st.integers(0, 6), min_size=1, max_size=5)


def u_of(ones: tuple[float, ...], others: tuple[float, ...]) -> float:
    return sum((a > b) + 0.5 * (a == b) for a in ones for b in others)


def counted(ones: list[float], others: list[float]) -> float:
    """Try every way to deal the same numbers to the two groups."""
    values, size = ones + others, len(ones)
    least, deals = u_of(tuple(ones), tuple(others)), list(itertools.combinations(range(len(values)), size))
    as_large = 0
    for deal in deals:
        dealt = tuple(values[place] for place in deal)
        rest = tuple(values[place] for place in range(len(values)) if place not in deal)
        as_large += u_of(dealt, rest) >= least
    return as_large / len(deals)


@pytest.mark.parametrize("sizes", [(1, 1), (2, 3), (4, 4), (3, 5), (5, 2)])
def test_small_groups_without_ties_are_counted_exactly(sizes: tuple[int, int]) -> None:
    numbers = list(map(float, range(sum(sizes))))
    for deal in itertools.combinations(numbers, sizes[0]):
        rest = [each for each in numbers if each not in deal]
        assert p_larger(list(deal), rest) == pytest.approx(counted(list(deal), rest))


def test_a_published_example_comes_out_as_printed() -> None:
    # scipy's documentation: males and females at the onset of diabetes; U = 17, p = 0.1111 exact, one-sided the half.
    males, females = [19.0, 22.0, 16.0, 29.0, 24.0], [20.0, 11.0, 17.0, 12.0]
    assert p_larger(males, females) == pytest.approx(0.1111111 / 2, abs=1e-6)


@given(ones=SMALL, others=SMALL)
def test_it_is_a_chance_and_ties_move_it_only_a_little(ones: list[int], others: list[int]) -> None:
    p = p_larger([float(each) for each in ones], [float(each) for each in others])
    assert 0.0 <= p <= 1.0


@pytest.mark.parametrize("size", [EXACT_MAX, EXACT_MAX + 5])
def test_the_approximation_takes_over_without_a_jump(size: int) -> None:
    drawn = random.Random(7)  # noqa: S311 - numbers to compare, not secrets
    ones = [drawn.gauss(0.4, 1.0) for _ in range(size)]
    others = [drawn.gauss(0.0, 1.0) for _ in range(size)]
    tied = [*ones[:-1], others[0]]
    assert p_larger(ones, others) == pytest.approx(p_larger(tied, others), abs=0.06)


def test_groups_that_are_all_the_same_are_no_different() -> None:
    assert p_larger([1.0] * 8, [1.0] * 8) == 1.0


def test_far_larger_numbers_are_hardly_chance_and_smaller_ones_are_no_reason() -> None:
    large, small = [float(each) for each in range(50, 80)], [float(each) for each in range(30)]
    assert p_larger(large, small) < 1e-9
    assert p_larger(small, large) > 1 - 1e-9
