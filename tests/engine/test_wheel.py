"""Records come out when their slot has come: never early, in order, each once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.engine.wheel import TICK_S, Wheel

times = st.lists(st.floats(0, 1e6), max_size=50)


def test_an_empty_wheel_has_no_next_time_and_nothing_due() -> None:
    wheel: Wheel[str] = Wheel()
    assert wheel.next_t() is None
    assert wheel.take_slot(1e9) == []


def test_records_of_one_slot_come_out_together_in_the_order_of_putting() -> None:
    wheel: Wheel[str] = Wheel()
    for name, t in (("b", 1.004), ("late", 2.0), ("a", 1.001)):
        wheel.put(t, name)
    assert wheel.next_t() == pytest.approx(1.005)
    assert wheel.take_slot(1.0049) == []
    assert wheel.take_slot(1.006) == ["b", "a"]
    assert wheel.next_t() == pytest.approx(2.0)


def test_a_record_put_while_taking_comes_out_in_its_turn_if_it_is_due() -> None:
    wheel: Wheel[int] = Wheel()
    wheel.put(1.0, 1)
    seen = []
    while slot := wheel.take_slot(5.0):
        seen += slot
        if seen[-1] < 3:
            wheel.put(2.0 + seen[-1], seen[-1] + 1)
    assert seen == [1, 2, 3]


@given(times=times)
def test_each_record_comes_once_never_early_and_less_than_a_tick_late(times: list[float]) -> None:
    wheel: Wheel[float] = Wheel()
    for t in times:
        wheel.put(t, t)
    seen = []
    while (now := wheel.next_t()) is not None:
        due = wheel.take_slot(now)
        assert due
        assert all(t <= now < t + TICK_S + 1e-6 for t in due)
        seen += due
    assert sorted(seen) == sorted(times)
