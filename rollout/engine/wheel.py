"""A hashed wheel: dated records in slots of one tick, so that a hundred thousand of them cost one timer."""

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

T = TypeVar("T")

TICK_S: Final = 0.005
"""Records due within one tick of each other share a slot."""


class Wheel(Generic[T]):
    """Records by due time. Putting is O(1) for a slot that exists; only slots are kept in order, never records."""

    def __init__(self) -> None:
        self._slots: dict[int, list[T]] = {}
        self._order: list[int] = []

    def put(self, t: float, record: T) -> None:
        """Keep `record` until its slot comes: at `t` or less than a tick after, never before."""
        self.put_all(((t, record),))

    def put_all(self, dated: Iterable[tuple[float, T]]) -> None:
        """Keep each record as `put` does, for less."""
        slots, order = self._slots, self._order
        for t, record in dated:
            slot = int(t / TICK_S)
            while slot * TICK_S < t:
                slot += 1
            records = slots.get(slot)
            if records is None:
                slots[slot] = [record]
                heappush(order, slot)
            else:
                records.append(record)

    def take_slot(self, t: float) -> list[T]:
        """Hand out the records of the next slot, in the order of putting, if it has come by `t`; else none."""
        if self._order and self._order[0] * TICK_S <= t:
            return self._slots.pop(heappop(self._order))
        return []

    def next_t(self) -> float | None:
        """Give the time of the next filled slot, if there is one."""
        return self._order[0] * TICK_S if self._order else None
