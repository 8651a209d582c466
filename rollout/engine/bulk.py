"""The tracker's side of a platform's bulk port: which questions are out, and what came back but is not told yet."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rollout.core.outcome import Handle, Progress
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
        self.heard: deque[tuple[Tracked, Progress]] = deque()
        """Answers, the oldest first."""

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

    def begin_hearing(self, count_max: int) -> int:
        """Make room for others by so many answers as are about to be told; give their number."""
        count = min(count_max, len(self.heard))
        self.room += count
        return count

    def abandoned(self) -> Iterator[Tracked]:
        """Give the questions that are out when there is nobody left to hear of them."""
        yield from (record for record, _ in self.heard)
        for batch in self._batches:
            yield from (record for record in batch.records if record is not None)


class _Batch:
    """Questions sent together, and which of them are still out."""

    __slots__ = ("_bulk", "left", "records")

    def __init__(self, bulk: Bulk, records: Sequence[Tracked]) -> None:
        self._bulk = bulk
        self.records: list[Tracked | None] = list(records)
        self.left = len(records)

    def __call__(self, position: int, progress: Progress) -> None:
        """Hear one answer: keep it, and wake the tracker."""
        record = self.records[position]
        if record is None:
            raise InvariantBroken(f"question {position} of a batch was answered twice")
        self.records[position] = None
        self.left -= 1
        bulk = self._bulk
        if not self.left:
            bulk.forget(self)
        heard = bulk.heard
        if not heard:
            bulk.wake()
        heard.append((record, progress))
