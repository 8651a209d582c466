"""The search for the largest N that holds: doubling, bisecting, and a second try of what it found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.search import Found, bisected, doubled, largest

PRECISION = 0.15


class Limit:
    """Holds up to a number; some tries are spoilt by luck."""

    def __init__(self, limit: int, lucky: tuple[int, ...] = ()) -> None:
        self.limit = limit
        self.tried: list[int] = []
        self._lucky = list(lucky)

    def __call__(self, count: int) -> bool:
        self.tried.append(count)
        if count in self._lucky:
            self._lucky.remove(count)
            return True
        return count <= self.limit


@given(st.integers(1, 200_000), st.integers(1, 5_000))
def test_what_is_found_holds_and_lies_within_the_precision_of_the_limit(limit: int, first: int) -> None:
    holds = Limit(limit)
    found = largest(holds, first, 100_000, precision=PRECISION)
    if found.missed is None:
        assert found.held == 100_000 <= limit
    else:
        assert found.held <= limit < found.missed
        assert found.missed - found.held <= max(1, PRECISION * found.held)
    assert holds.tried.count(found.held) >= 2
    assert len(holds.tried) < 40


def test_doubling_stops_at_the_first_miss_and_never_goes_over_the_limit() -> None:
    assert doubled(Limit(3_000), 1_000, 100_000) == Found(2_000, 4_000)
    assert doubled(Limit(10**9), 1_000, 5_000) == Found(5_000, None)


def test_a_first_try_that_is_too_much_is_halved() -> None:
    assert doubled(Limit(300), 1_000, 100_000) == Found(250, 500)


def test_nothing_is_found_where_not_even_one_holds() -> None:
    assert largest(Limit(0), 64, 1_000, precision=PRECISION) == Found(0, 1)


def test_bisecting_narrows_to_the_precision_it_is_given() -> None:
    assert bisected(Limit(1_500), Found(1_000, 2_000), 0.01).held == pytest.approx(1_500, rel=0.01)


def test_luck_is_not_believed_when_the_second_try_misses() -> None:
    holds = Limit(1_000, lucky=(2_000,))
    found = largest(holds, 1_000, 2_000, precision=PRECISION)
    assert found.held <= 1_000
    assert holds.tried[:3] == [1_000, 2_000, 2_000]
