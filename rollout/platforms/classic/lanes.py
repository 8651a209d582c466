"""Poll lanes: many operations are asked about over few connections, past the ordinary client and its costs.

A lane carries one kind of request and reads one kind of answer fast: the whole, plain 200 that says InProgress. Every
other whole answer is read by the function that reads it for the ordinary client. What is no such answer (a redirect, a
refused token, an encoding, a body over the cap, a connection lost twice) is asked again by the ordinary client, which
knows what to do with it and how to say it.

Lanes belong to one endpoint and one set of credentials: a client certificate is shown once for each connection.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Final

from rollout.core.outcome import Handle, Unreachable
from rollout.platforms.classic.access import NoAccess
from rollout.platforms.classic.exchange import Break, Reply
from rollout.platforms.classic.hop import TEMPORARY_REDIRECT
from rollout.platforms.classic.lane import Lane
from rollout.platforms.classic.lane_asides import Asides
from rollout.platforms.classic.lane_limits import LaneLimits
from rollout.platforms.classic.lane_opener import Opener
from rollout.platforms.classic.lane_parser import Arrived
from rollout.platforms.classic.lane_questions import Questions
from rollout.platforms.classic.lane_way import Way
from rollout.platforms.classic.passage import PROSE
from rollout.platforms.classic.paths import operations_path
from rollout.platforms.classic.renewal import is_refusal
from rollout.platforms.classic.request import CannotEncode
from rollout.platforms.platform import OnResult

CHECKS_PER_TIMEOUT: Final = 8
"""How often within its time a question is looked at for being late."""
ID_CHARS: Final = 32
"""Of a request id in its normal spelling; another one is the ordinary client's to quote."""


class LaneGroup:
    """All lanes to one endpoint with one set of credentials, and the questions that wait for one."""

    def __init__(self, way: Way, limits: LaneLimits, tasks: asyncio.TaskGroup) -> None:
        self._way = way
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Questions] = deque()
        self._waiting = 0
        """Questions in the queue."""
        self._heads: dict[str, bytes] = {}
        """How a request about an operation of a scope begins."""
        self._lanes: set[Lane] = set()
        self._free: list[Lane] = []
        """Lanes with room, the one used last at the end: so the others may be given up by the server."""
        self._pipelining = True
        self._losses_max = limits.losses_max
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._asides = Asides(way, limits.asides_max, tasks, self._renewed)
        self._opener = Opener(way, limits, tasks, self)

    def ask(self, scope: str, handles: Sequence[Handle], on_result: OnResult) -> None:
        """Ask about each handle; see `PollMany`."""
        began_s = self._loop.time()
        head = self._head(scope)
        ids = [handle.id.encode(errors="replace") for handle in handles]
        if head and _are_plain(ids):
            self._wait(Questions(handles, ids, on_result, head, began_s, 0, len(ids)))
        else:
            for at, each in enumerate(ids):
                question = Questions(handles, ids, on_result, head, began_s, at, at + 1)
                if head and _are_plain((each,)):
                    self._wait(question)
                else:
                    self._asides.put(question)
        self._pump()

    def close(self) -> None:
        """Drop every connection and question."""
        self._closed = True
        self._queue.clear()
        self._waiting = 0
        if self._timer is not None:
            self._timer.cancel()
        self._opener.close()
        self._asides.close()
        for lane in tuple(self._lanes):
            lane.end()

    def opened(self, lane: Lane) -> None:
        """Take a lane that can be used."""
        self._lanes.add(lane)
        self.freed(lane)

    def proved(self, lane: Lane) -> None:  # noqa: ARG002 -- whichever it is
        """Open others without waiting again."""
        self._opener.worked()

    def freed(self, lane: Lane) -> None:
        """Give a lane with room more to do, or let it stand ready."""
        if self._queue and not self._asides.holds:
            self._load(lane)
        elif lane.room > 0:
            self._stand_by(lane)

    def unusual(self, lane: Lane, question: Questions, arrived: Arrived, at: int) -> bool:
        """Read a whole reply as the ordinary client would, or let it ask where there is more to do than reading."""
        pairs = arrived.headers(at)
        if pairs is None:
            self._asides.put(question)
            return True
        headers = tuple((name.lower(), value) for name, value in pairs)
        reply = Reply(arrived.statuses[at], headers, arrived.bodies[at])
        if is_refusal(reply):
            self._asides.renew_with(question)
            return True
        if reply.status == TEMPORARY_REDIRECT or reply.header_values("content-encoding"):
            self._asides.put(question)
            return True
        seen = self._way.read(reply, question.handle)
        if not seen.mixed_up:
            question.tell(seen.progress)
            return True
        # Replies matched by their order alone are not matched: here nobody asks two questions in a row any more.
        self._pipelining = False
        for each in (*self._lanes, lane):
            each.depth = 1
        self._again(question)
        return False

    def lost(self, lane: Lane, questions: Sequence[Questions]) -> None:
        """Ask again what had no answer, unless its time is over."""
        self._lanes.discard(lane)
        if self._closed:
            return
        if lane.is_free:
            self._free.remove(lane)
        if not lane.has_answered:
            self._opener.failed()
        for question in reversed(questions):
            self._again(question)
        if questions:
            self._loop.call_soon(self._pump)

    def unopened(self) -> None:
        """Hear that no connection could be opened: where none is left, the ordinary client says why, to everybody."""
        if self._lanes or not self._queue:
            return
        waiting, self._queue, self._waiting = self._queue, deque(), 0
        self._asides.speak_for(deque(question for questions in waiting for question in questions.singly()))

    def lane_depth(self, wished: int) -> int:
        """Give how many questions a new lane may be asked in a row."""
        return wished if self._pipelining else 1

    def _pump(self) -> None:
        """Send what waits over what is free, open what is missing, and see to what is late."""
        if self._closed:
            return
        if not self._asides.holds:
            while self._queue and self._free:
                lane = self._free.pop()
                lane.is_free = False
                self._load(lane)
            if self._queue:
                self._opener.open(self._waiting, len(self._lanes))
        if self._timer is None and (self._queue or self._lanes):
            self._timer = self._loop.call_later(self._way.timeout_s / CHECKS_PER_TIMEOUT, self._check)

    async def _renewed(self) -> None:
        with contextlib.suppress(NoAccess):  # whoever asks next hears why
            await self._opener.refresh()
        self._pump()

    def _load(self, lane: Lane) -> None:
        """Give a lane as many questions as it has room for; it stands by if it has more."""
        queue, tail, room = self._queue, self._opener.tail, lane.room
        if room == 1:
            question = queue.popleft() if queue[0].end - queue[0].at == 1 else queue[0].taken(1)
            self._waiting -= 1
            lane.ask((question,), 1, question.requests(tail))
            return
        loaded, count = [], 0
        while room > count and queue:
            first = queue[0]
            questions = queue.popleft() if first.end - first.at <= room - count else first.taken(room - count)
            loaded.append(questions)
            count += questions.end - questions.at
        if count:
            self._waiting -= count
            lane.ask(loaded, count, b"".join([each.requests(tail) for each in loaded]))
        if room > count:
            self._stand_by(lane)

    def _stand_by(self, lane: Lane) -> None:
        """Let a lane with room wait for questions."""
        if not lane.is_free:
            lane.is_free = True
            self._free.append(lane)

    def _head(self, scope: str) -> bytes:
        """Give how requests about operations of `scope` begin; empty = no path can name it."""
        head = self._heads.get(scope, b"")
        if not head:
            with contextlib.suppress(CannotEncode):
                head = self._heads[scope] = f"GET {operations_path(scope)}/".encode()
        return head

    def _wait(self, questions: Questions, *, first: bool = False) -> None:
        """Let questions wait for a lane, after the others or before them."""
        self._waiting += questions.count
        if first:
            self._queue.appendleft(questions)
        else:
            self._queue.append(questions)

    def _again(self, questions: Questions) -> None:
        """Ask once more what a lane was lost under, first of all."""
        questions.losses += 1
        if questions.losses < self._losses_max:
            self._wait(questions, first=True)
        else:
            for question in questions.singly():
                self._asides.put(question)

    def _check(self) -> None:
        """End the lanes whose next answer is late, and the wait of what is late in the queue."""
        self._timer = None
        late_s = self._loop.time() - self._way.timeout_s
        for lane in tuple(self._lanes):
            if (late := lane.take_late(late_s)) is not None:
                self._tell_late(late)
                lane.end()
        while self._queue and self._queue[0].began_s <= late_s:
            questions = self._queue.popleft()
            self._waiting -= questions.count
            self._tell_late(questions)
        if self._queue or any(lane.is_busy for lane in self._lanes):
            self._pump()

    def _tell_late(self, questions: Questions) -> None:
        questions.tell(Unreachable(PROSE[Break.TIMEOUT].format(host=self._way.host)))


def _are_plain(ids: Sequence[bytes]) -> bool:
    """Tell whether each is a request id in its normal spelling, or so like one that no path can be led astray by it."""
    return b"".join(ids).isalnum() and set(map(len, ids)) == {ID_CHARS}
