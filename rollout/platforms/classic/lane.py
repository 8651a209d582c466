"""One lane: a keep-alive connection that carries one kind of request, Get Operation Status, and knows nothing else."""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, Protocol, cast

import msgspec

from rollout.core.outcome import Handle, Progress, Running
from rollout.platforms.classic.fast_path import says_in_progress
from rollout.platforms.classic.lane_parser import Arrived, Garbled, Replies
from rollout.platforms.classic.vocabulary import PIPELINING_HEADER
from rollout.platforms.platform import OnResult

OK: Final = 200
_NUMBER: Final = re.compile(r"\d{1,4}", re.ASCII)
RUNNING: Final = Running()
"""One for all: it says nothing but itself."""
_ON_RESULT: Final = attrgetter("on_result")


class Question(msgspec.Struct, gc=False, eq=False):
    """One handle to be asked about, and who hears of it. Nothing it holds leads back to it: the collector may pass."""

    handle: Handle
    position: int
    on_result: OnResult
    head: bytes
    """How a request about an operation of its scope begins."""
    request_id: bytes
    """As it stands in the path and, without its dashes, in the reply."""
    began_s: float
    """Loop time; its deadline counts from here."""
    losses: int = 0
    """Connections that were lost under it."""

    def tell(self, progress: Progress) -> None:
        """Tell its answer."""
        self.on_result((self.position,), progress)


class Hub(Protocol):
    """What a lane tells of itself."""

    def opened(self, lane: "Lane") -> None:
        """Hear that a lane can be used."""
        ...

    def proved(self, lane: "Lane") -> None:
        """Hear that a lane has brought its first whole reply."""
        ...

    def unusual(self, lane: "Lane", question: Question, arrived: Arrived) -> bool:
        """Hear a whole reply that is not plainly InProgress; False = the lane must not be used any more."""
        ...

    def freed(self, lane: "Lane") -> None:
        """Hear that a lane has room for more questions."""
        ...

    def lost(self, lane: "Lane", questions: Sequence[Question]) -> None:
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
        self._asked: deque[Question] = deque()
        self._transport: asyncio.Transport | None = None

    @property
    def room(self) -> int:
        """How many more questions it takes at the moment."""
        return self.depth - len(self._asked)

    @property
    def is_busy(self) -> bool:
        """Whether it waits for an answer."""
        return bool(self._asked)

    def take_late(self, late_s: float) -> Question | None:
        """Take back the question that is answered next, if it is open since loop time `late_s` or before."""
        return self._asked.popleft() if self._asked and self._asked[0].began_s <= late_s else None

    def ask(self, questions: Sequence[Question], requests: bytes) -> None:
        """Send questions, at most as many as there is room for; `requests` are their bytes, in the same order."""
        self._asked.extend(questions)
        if self._transport is not None:
            self._transport.write(requests)

    def end(self) -> None:
        """Use the connection no more; what is not answered yet is told as lost."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        transport.abort()
        asked, self._asked = self._asked, deque()
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
        if not arrived:
            return
        if not self.has_answered and self._asked:
            self.depth = min(self._depth_max, _offered(arrived[0])) if self._depth_max > 1 else 1
            self.has_answered = True
            self._hub.proved(self)
        if self._match(arrived):
            self._hub.freed(self)
        else:
            self.end()

    def _match(self, arrived: Sequence[Arrived]) -> bool:
        """Answer the questions that come first; False = the connection must not be used any more."""
        asked, running, usable = self._asked, [], True
        for reply in arrived:
            if not asked:
                usable = False
                break
            question = asked.popleft()
            if reply.status == OK and says_in_progress(reply.body, question.request_id):
                running.append(question)
                usable = reply.keeps
            else:
                usable = self._hub.unusual(self, question, reply) and reply.keeps
            if not usable:
                break
        if len(running) == 1:
            running[0].tell(RUNNING)
        else:
            for on_result, questions in groupby(running, _ON_RESULT):
                on_result([each.position for each in questions], RUNNING)
        return usable

    def eof_received(self) -> bool:
        """End with the peer: half a connection is of no use."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the ordinary client says what it met
        """End, for the peer or the network did."""
        self.end()


def _offered(reply: Arrived) -> int:
    """Give how many requests in a row the server says it takes; 1 where it says nothing."""
    values = [value for name, value in reply.headers() or () if name.lower() == PIPELINING_HEADER]
    return max(1, int(values[0])) if len(values) == 1 and _NUMBER.fullmatch(values[0]) else 1
