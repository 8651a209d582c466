"""Who is next: shares in turn, deadlines within a share, and nobody forgotten."""

from hypothesis import given
from hypothesis import strategies as st

from rollout.engine.fair import Fair

joins = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1.0, 2.0, 3.0])), max_size=60)


def drained(line: Fair[tuple[str, float, int]]) -> list[tuple[str, float, int]]:
    out = []
    while (first := line.first()) is not None:
        assert first in set(line.firsts())
        popped = line.pop()
        assert popped == first
        out.append(popped)
    assert len(line) == 0
    return out


def joined(joins: list[tuple[str, float]]) -> Fair[tuple[str, float, int]]:
    line: Fair[tuple[str, float, int]] = Fair()
    for number, (share, deadline) in enumerate(joins):
        line.add(share, deadline, (share, deadline, number))
    return line


@given(joins=joins)
def test_everybody_gets_a_turn_and_each_share_by_deadline_then_by_arrival(joins: list[tuple[str, float]]) -> None:
    out = drained(joined(joins))
    assert sorted(number for _, _, number in out) == list(range(len(joins)))
    for share in "abc":
        mine = [(deadline, number) for name, deadline, number in out if name == share]
        assert mine == sorted(mine)


@given(joins=joins)
def test_no_share_gets_two_turns_while_another_waits_for_its_first(joins: list[tuple[str, float]]) -> None:
    order = [share for share, _, _ in drained(joined(joins))]
    present = set(order)
    assert set(order[: len(present)]) == present
