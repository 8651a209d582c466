"""Who is next among those that wait for the same thing: shares in turn, and within a share by deadline."""

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")


class Fair(Generic[T]):
    """A line of several shares. Each share that has somebody waiting gets its turn; none can crowd out another.

    Within a share the earliest deadline goes first, and among equal ones who came first.
    """

    def __init__(self) -> None:
        self._shares: dict[str, list[tuple[float, int, T]]] = {}
        self._turns: deque[str] = deque()
        """Shares with somebody waiting, the next one first."""
        self._count = 0
        self._number = 0

    def __len__(self) -> int:
        return self._count

    def add(self, share: str, deadline_t: float, item: T) -> None:
        """Let somebody join."""
        waiting = self._shares.get(share)
        if waiting is None:
            waiting = self._shares[share] = []
            self._turns.append(share)
        self._number += 1
        heappush(waiting, (deadline_t, self._number, item))
        self._count += 1

    def first(self) -> T | None:
        """Give who is next."""
        return self._shares[self._turns[0]][0][2] if self._turns else None

    def firsts(self) -> Iterator[T]:
        """Give who is next in each share."""
        return (waiting[0][2] for waiting in self._shares.values())

    def pop(self) -> T:
        """Take who is next; there is somebody."""
        share = self._turns.popleft()
        waiting = self._shares[share]
        item = heappop(waiting)[2]
        if waiting:
            self._turns.append(share)
        else:
            del self._shares[share]
        self._count -= 1
        return item
