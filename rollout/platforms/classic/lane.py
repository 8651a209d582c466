"""One lane: a keep-alive connection that carries one kind of request, Get Operation Status, and knows nothing else."""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol, cast

from rollout.core.outcome import Running
from rollout.platforms.classic.fast_path import all_say_in_progress, says_in_progress
from rollout.platforms.classic.lane_parser import Arrived, Garbled, Replies
from rollout.platforms.classic.lane_questions import Questions
from rollout.platforms.classic.vocabulary import PIPELINING_HEADER

OK: Final = 200
_NUMBER: Final = re.compile(r"\d{1,4}", re.ASCII)
RUNNING: Final = Running()
"""One for all: it says nothing but itself."""


class Hub(Protocol):
    """What a lane tells of itself."""

    def opened(self, lane: "Lane") -> None:
        """Hear that a lane can be used."""
        ...

    def proved(self, lane: "Lane") -> None:
        """Hear that a lane has brought its first whole reply."""
        ...

    def unusual(self, lane: "Lane", question: Questions, arrived: Arrived, at: int) -> bool:
        """Hear a whole reply that is not plainly InProgress; False = the lane must not be used any more."""
        ...

    def freed(self, lane: "Lane") -> None:
        """Hear that a lane has room for more questions."""
        ...

    def lost(self, lane: "Lane", questions: Sequence[Questions]) -> None:
        """Hear that a lane has ended, once, and which questions had no answer by then."""
        ...


class Lane(asyncio.Protocol):
    """One connection. Replies come in the order of the questions, and each names the operation it is about."""

    def __init__(self, hub: Hub, replies: Replies, depth_max: int) -> None:
        self.depth = 1
        """How many questions may be on their way at once: more than one once the server has offered it."""
        self.has_answered = False
        """Whether it has brought a whole reply yet."""
        self.is_free = False
        """It stands among the lanes with room; kept by its hub."""
        self._depth_max = depth_max
        self._hub = hub
        self._replies = replies
        self._asked: deque[Questions] = deque()
        self._count = 0
        """Questions on their way."""
        self._transport: asyncio.Transport | None = None

    @property
    def room(self) -> int:
        """How many more questions it takes at the moment."""
        return self.depth - self._count

    @property
    def is_busy(self) -> bool:
        """Whether it waits for an answer."""
        return self._count > 0

    def take_late(self, late_s: float) -> Questions | None:
        """Take back the question that is answered next, if it is open since loop time `late_s` or before."""
        return self._next() if self._asked and self._asked[0].began_s <= late_s else None

    def ask(self, questions: Sequence[Questions], count: int, requests: bytes) -> None:
        """Send so many questions, at most as many as there is room for; `requests` are their bytes, in that order."""
        self._asked.extend(questions)
        self._count += count
        if self._transport is not None:
            self._transport.write(requests)

    def end(self) -> None:
        """Use the connection no more; what is not answered yet is told as lost."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        transport.abort()
        asked, self._asked, self._count = self._asked, deque(), 0
        self._hub.lost(self, asked)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._hub.opened(self)

    def data_received(self, data: bytes) -> None:
        """Match what arrived with what was asked; only what is not plainly InProgress is handed on to be read."""
        try:
            arrived = self._replies.feed(data)
        except Garbled:
            # Whoever asks next will meet it again, and say what it is.
            self.end()
            return
        if not arrived.bodies:
            return
        if not self.has_answered and self._count:
            self.depth = min(self._depth_max, _offered(arrived)) if self._depth_max > 1 else 1
            self.has_answered = True
            self._hub.proved(self)
        if self._match(arrived) and arrived.keeps:
            self._hub.freed(self)
        else:
            self.end()

    def _match(self, arrived: Arrived) -> bool:
        """Answer the questions that come first; False = the connection must not be used any more."""
        asked, at, total = self._asked, 0, len(arrived.bodies)
        while at < total:
            if not asked:
                return False
            first = asked[0]
            running = _running(first, arrived, at, total - at)
            if running:
                self._count -= running
                at += running
                if first.tell_first(running, RUNNING):
                    asked.popleft()
            elif self._hub.unusual(self, self._next(), arrived, at):
                at += 1
            else:
                return False
        return True

    def _next(self) -> Questions:
        """Take the question that is answered next."""
        first = self._asked[0]
        self._count -= 1
        return self._asked.popleft() if first.count == 1 else first.taken(1)

    def eof_received(self) -> bool:
        """End with the peer: half a connection is of no use."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the ordinary client says what it met
        """End, for the peer or the network did."""
        self.end()


def _running(asked: Questions, arrived: Arrived, at: int, count: int) -> int:
    """Tell how many of `count` replies from the one `at` say plainly, one after another, that it is in progress."""
    count = min(count, asked.end - asked.at)
    if count == 1:
        return int(arrived.statuses[at] == OK and says_in_progress(arrived.bodies[at], asked.ids[asked.at]))
    bodies, statuses = arrived.bodies[at : at + count], arrived.statuses[at : at + count]
    ids = asked.ids[asked.at : asked.at + count]
    if statuses.count(OK) == count and all_say_in_progress(bodies, ids):
        return count
    for number in range(count):
        if statuses[number] != OK or not says_in_progress(bodies[number], ids[number]):
            return number
    return count


def _offered(arrived: Arrived) -> int:
    """Give how many requests in a row the server says it takes; 1 where it says nothing."""
    values = [value for name, value in arrived.headers(0) or () if name.lower() == PIPELINING_HEADER]
    return max(1, int(values[0])) if len(values) == 1 and _NUMBER.fullmatch(values[0]) else 1
