"""What the tracker keeps: a slotted record for each subject, and for each scope a line of the records that are due."""

from collections import deque
from collections.abc import Callable

from rollout.core.names import Target
from rollout.core.outcome import Handle
from rollout.engine.pacer import Lane, Wish


class Tracked:
    """One subject that is asked about until its caller has heard enough."""

    __slots__ = ("asked_t", "born_t", "due_t", "errors", "lane", "scope", "subject", "tell")

    def __init__(
        self,
        subject: Handle | Target,
        scope: str,
        lane: Lane,
        tell: Callable[..., bool],
        *,
        born_t: float,
        due_t: float,
    ) -> None:
        self.subject = subject
        self.scope = scope
        self.lane = lane
        self.tell: Callable[..., bool] | None = tell
        """The tracker's Tell for a handle, its TellLook for a target; None = nobody wants to know any more."""
        self.born_t = born_t
        self.asked_t = born_t
        self.due_t: float | None = due_t
        """An answer is wanted soon after it; None = that question has been asked."""
        self.errors = 0
        """Questions without a usable answer since the last good one."""

    @property
    def wanted(self) -> bool:
        """Somebody still wants to know."""
        return self.tell is not None

    def cancel(self) -> None:
        """Ask no more; nothing is told after this. Twice is once."""
        self.tell = None

    def lane_at(self, t: float) -> Lane:
        """Give the lane of a question due at `t`: one that a clock's end waits for is near a deadline at least."""
        late = self.due_t is not None and t > self.due_t
        return max(self.lane, Lane.NEAR_DEADLINE) if late else self.lane


class Line:
    """One scope's due records by importance, and what it has with the pacer."""

    __slots__ = ("_lanes", "busy", "permits", "scope", "wish")

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.busy = 0
        """Its questions with workers."""
        self.permits = 0
        """Granted, not yet used."""
        self.wish: Wish | None = None
        self._lanes: dict[Lane, deque[Tracked]] = {lane: deque() for lane in sorted(Lane, reverse=True)}

    def add(self, record: Tracked, lane: Lane) -> None:
        """Put a due record at the end of `lane`."""
        self._lanes[lane].append(record)

    def drop_cancelled(self) -> int:
        """Drop cancelled records from the front of each lane; give their number."""
        dropped = 0
        for records in self._lanes.values():
            while records and not records[0].wanted:
                records.popleft()
                dropped += 1
        return dropped

    def first_lane(self) -> Lane | None:
        """Give the most important lane with a record in it."""
        return next((lane for lane, records in self._lanes.items() if records), None)

    def pop(self) -> Tracked:
        """Take the record that is next: there is one."""
        return next(records for records in self._lanes.values() if records).popleft()
