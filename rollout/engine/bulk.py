"""The tracker's side of a platform's bulk port: which questions are out, and what came back but is not told yet."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rollout.core.outcome import Handle, Progress, Running
from rollout.engine.line import Tracked
from rollout.engine.pacer import Lane
from rollout.errors import InvariantBroken
from rollout.platforms.platform import PollMany

OTHERS_SHARE: Final = 4
"""One scope may have all questions out but a fourth: so a slow one never takes the last from the others."""


class Bulk:
    """Questions that are out. Answers wait here until the tracker has time for them."""

    def __init__(self, poll_many: PollMany, questions_max: int, wake: Callable[[], None]) -> None:
        self._poll_many = poll_many
        self._reserved = questions_max // OTHERS_SHARE
        self.wake = wake
        self._batches: dict[_Batch, None] = {}
        self.room = questions_max
        """How many more may go out."""
        self._running: list[Tracked] = []
        """Those that are in progress, as nearly all are: the oldest answer first."""
        self._others: deque[tuple[Tracked, Progress]] = deque()

    def room_for(self, lane: Lane) -> int:
        """Give how many more may go out in `lane`; what goes back may take the last ones."""
        return self.room if lane is Lane.GOING_BACK else self.room - self._reserved

    def ask(self, scope: str, records: Sequence[Tracked]) -> None:
        """Send the questions of one scope; there is room for them."""
        self.room -= len(records)
        batch = _Batch(self, records)
        self._batches[batch] = None
        self._poll_many(scope, [record.subject for record in records if isinstance(record.subject, Handle)], batch)

    def forget(self, batch: "_Batch") -> None:
        """Drop a batch that has all its answers."""
        del self._batches[batch]

    @property
    def heard(self) -> int:
        """How many answers wait to be told."""
        return len(self._running) + len(self._others)

    def take_running(self, count_max: int) -> list[Tracked]:
        """Take at most so many of those that are in progress, to be told so; it makes room for others."""
        taken, self._running = self._running[:count_max], self._running[count_max:]
        self.room += len(taken)
        return taken

    def take_others(self, count_max: int) -> Iterator[tuple[Tracked, Progress]]:
        """Take at most so many of the other answers, to be told; it makes room for others."""
        for _ in range(min(count_max, len(self._others))):
            self.room += 1
            yield self._others.popleft()

    def keep(self, records: Sequence[Tracked], progress: Progress) -> None:
        """Keep an answer about each of `records` until it is told, and wake the tracker."""
        if not self._running and not self._others:
            self.wake()
        if isinstance(progress, Running):
            self._running += records
        else:
            self._others.extend((record, progress) for record in records)

    def abandoned(self) -> Iterator[Tracked]:
        """Give the questions that are out when there is nobody left to hear of them."""
        yield from self._running
        yield from (record for record, _ in self._others)
        for batch in self._batches:
            yield from (record for record in batch.records if record is not None)


class _Batch:
    """Questions sent together, and which of them are still out."""

    __slots__ = ("_bulk", "left", "records")

    def __init__(self, bulk: Bulk, records: Sequence[Tracked]) -> None:
        self._bulk = bulk
        self.records: list[Tracked | None] = list(records)
        self.left = len(records)

    def __call__(self, positions: Sequence[int], progress: Progress) -> None:
        """Hear an answer about some of them."""
        records, heard = self.records, []
        for position in positions:
            record = records[position]
            if record is None:
                raise InvariantBroken(f"question {position} of a batch was answered twice")
            records[position] = None
            heard.append(record)
        self.left -= len(heard)
        if not self.left:
            self._bulk.forget(self)
        self._bulk.keep(heard, progress)
