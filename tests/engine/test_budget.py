"""Repeats made in vain stay a tenth of the calls; after an outage they hold nobody up."""

from hypothesis import given
from hypothesis import strategies as st

from rollout.engine.budget import FLOOR_S, SHARE, STOCK_MAX, Budget


def spent(budget: Budget, t: float) -> int:
    """Repeat in vain at `t` until the budget says no; give how often."""
    count = 0
    while budget.affords(t):
        budget.called(t)
        budget.spend(t)
        count += 1
    return count


def test_a_small_fleet_may_repeat_a_few_times_at_once_and_then_once_a_minute() -> None:
    budget = Budget(0.0)
    assert spent(budget, 0.0) == STOCK_MAX
    assert [spent(budget, minute * FLOOR_S) for minute in range(1, 5)] == [1, 1, 1, 1]


def test_ten_first_tries_earn_one_repeat() -> None:
    budget = Budget(0.0)
    spent(budget, 0.0)
    for _ in range(30):
        budget.called(0.0)
    assert spent(budget, 0.0) == 3


def test_what_was_saved_up_is_bounded() -> None:
    budget = Budget(0.0)
    for _ in range(10_000):
        budget.called(0.0)
    assert spent(budget, 1e6) == STOCK_MAX


def test_a_repeat_that_is_answered_pays_for_the_next_so_a_whole_fleet_returns_from_an_outage() -> None:
    budget = Budget(0.0)
    spent(budget, 0.0)
    t = budget.ready_t(0.0)
    for _ in range(1_000):
        assert budget.affords(t)
        budget.called(t)
        budget.spend(t)
        budget.repay(t)


def test_the_promised_moment_is_kept_and_not_early() -> None:
    budget = Budget(100.0)
    spent(budget, 100.0)
    ready_t = budget.ready_t(100.0)
    assert 100.0 < ready_t <= 100.0 + FLOOR_S
    assert not budget.affords(ready_t - 0.1)
    assert budget.affords(ready_t)


def test_time_that_goes_back_earns_nothing() -> None:
    budget = Budget(100.0)
    spent(budget, 100.0)
    assert not budget.affords(0.0)
    assert budget.ready_t(0.0) > 100.0


@given(steps=st.lists(st.tuples(st.floats(0, 30), st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_in_an_outage_repeats_are_at_most_a_tenth_of_first_tries_and_the_floor(
    steps: list[tuple[float, int, int]],
) -> None:
    budget, t, firsts, repeats = Budget(0.0), 0.0, 0, 0
    for gap, tries, again in steps:
        t += gap
        for _ in range(tries):
            budget.called(t)
            firsts += 1
        for _ in range(again):
            if budget.affords(t):
                budget.called(t)
                budget.spend(t)
                repeats += 1
        assert repeats <= SHARE * firsts + STOCK_MAX + t / FLOOR_S + 1e-6
