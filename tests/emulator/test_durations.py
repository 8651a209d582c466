"""The drawn durations and the keyed chance behind them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.emulator import chance
from rollout.emulator.agenda import Agenda
from rollout.emulator.durations import Durations, Recorded
from rollout.errors import InvariantBroken


@pytest.mark.parametrize("recorded", list(Recorded))
def test_the_line_goes_through_the_recorded_points(recorded: Recorded) -> None:
    assert tuple(recorded.at(quantile) for quantile in (0.0, 0.5, 0.9, 1.0)) == recorded.value


def test_between_two_points_the_line_is_straight() -> None:
    assert Recorded.UPGRADE.at(0.25) == (393 + 543) / 2
    assert Recorded.FAILURE.at(0.95) == pytest.approx((34 + 64) / 2)


def test_a_quantile_above_one_is_our_own_mistake() -> None:
    with pytest.raises(InvariantBroken):
        Recorded.SWAP.at(1.1)


@given(st.floats(0, 1))
def test_no_draw_leaves_the_recorded_range(quantile: float) -> None:
    for recorded in Recorded:
        assert recorded.value[0] <= recorded.at(quantile) <= recorded.value[-1]


@given(st.permutations(["svc-0001"] * 3 + ["svc-0002"] * 3), st.integers(0, 5))
def test_the_draws_of_a_service_do_not_depend_on_what_others_draw_between(order: list[str], seed: int) -> None:
    mixed, alone = Durations(seed), Durations(seed)
    drawn = [(name, mixed.draw(Recorded.UPGRADE, name, "walk", 0)) for name in order]
    expected = [alone.draw(Recorded.UPGRADE, "svc-0001", "walk", 0) for _ in range(3)]
    assert [seconds for name, seconds in drawn if name == "svc-0001"] == expected


def test_each_part_of_the_key_counts() -> None:
    keys = [(0, "a", "walk", 0), (1, "a", "walk", 0), (0, "b", "walk", 0), (0, "a", "upgrade", 0), (0, "a", "walk", 1)]
    drawn = {Durations(seed).draw(Recorded.UPGRADE, service, verb, domain) for seed, service, verb, domain in keys}
    assert len(drawn) == len(keys)


def test_keyed_chance_is_the_same_for_ever() -> None:
    assert chance.hex_id(0, "request", 1) == chance.hex_id(0, "request", 1)
    assert chance.hex_id(0, "ab", "c") != chance.hex_id(0, "a", "bc")
    assert chance.hex_id(0, "1") != chance.hex_id(0, 1)
    assert chance.hex_id(7, "pinned") == "2ba334e901125ca3ff8c990d86ac7732"


@given(st.integers(), st.text(), st.integers())
def test_a_unit_draw_lies_in_the_unit_interval(seed: int, text: str, number: int) -> None:
    assert 0 <= chance.unit(seed, text, number) < 1


def test_events_happen_in_the_order_of_their_dates_and_of_their_planning() -> None:
    agenda = Agenda()
    seen: list[tuple[str, float]] = []
    for name, after_s in (("late", 5.0), ("first", 1.0), ("second", 1.0), ("never", 50.0)):
        agenda.plan(after_s, lambda name=name: seen.append((name, agenda.now)))  # type: ignore[misc] # a default binds it
    agenda.run_until(10.0)
    assert seen == [("first", 1.0), ("second", 1.0), ("late", 5.0)]
    assert (agenda.now, agenda.next_date()) == (10.0, 50.0)


def test_an_event_may_plan_one_that_is_due_already() -> None:
    agenda = Agenda()
    seen: list[float] = []

    def again() -> None:
        seen.append(agenda.now)
        if len(seen) < 4:
            agenda.plan(2.0, again)

    agenda.plan(1.0, again)
    agenda.run_until(6.0)
    assert seen == [1.0, 3.0, 5.0]
