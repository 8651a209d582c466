"""Who follows the events just now: bounded in all and for each token, and told when the daemon closes."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

from rollout.daemon.auth.person import Person
from rollout.daemon.http.problem import Refused


class Streams:
    """Seats for streams."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._taken = Counter[str]()
        self.closing = asyncio.Event()

    @property
    def count(self) -> int:
        """How many there are."""
        return self._taken.total()

    @contextlib.contextmanager
    def seat(self, person: Person) -> Iterator[None]:
        """Take a seat for the time of a block. Raises Refused (429)."""
        if self.count >= self._most:
            raise _full(f"{self.count} streams of events are open already")
        if self._taken[person.token] >= self._most_of_one:
            raise _full(f"{self._taken[person.token]} streams of events are open with this token already")
        self._taken[person.token] += 1
        try:
            yield
        finally:
            self._taken[person.token] -= 1
            self._taken += Counter()  # nobody without a seat is remembered


def _full(detail: str) -> Refused:
    return Refused(429, detail, headers={"Retry-After": "10"}, instead="close one of them")
