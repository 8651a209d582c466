"""What the tracker keeps: a slotted record for each subject, and for each scope a line of the records that are due."""

from collections import deque
from collections.abc import Callable
from typing import Final

from rollout.core.names import Target
from rollout.core.outcome import Handle
from rollout.engine.pacer import Lane, Wish

NEAR_S: Final = 900.0
"""So near its end a step goes before others: it takes a walk's last looks and its gate even where looks are rare."""


class Tracked:
    """One subject that is asked about until its caller has heard enough."""

    __slots__ = ("asked_t", "born_t", "due_t", "errors", "joined_t", "lane", "repeats", "scope", "subject", "tell")

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
        self.joined_t = born_t
        """When it last joined its line."""
        self.repeats = False
        """Its next question is a repeat that the budget has paid for."""
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
        """Give the lane of a question due at `t`: a clock that will soon end something comes before ordinary ones."""
        near = self.due_t is not None and t > self.due_t - NEAR_S
        return max(self.lane, Lane.NEAR_DEADLINE) if near else self.lane


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

    def add(self, record: Tracked, lane: Lane, t: float) -> None:
        """Put a record that is due at `t` at the end of `lane`."""
        record.joined_t = t
        self._lanes[lane].append(record)

    def count(self, lane: Lane) -> int:
        """Tell how many wait in `lane`; some may have been cancelled since."""
        return len(self._lanes[lane])

    def oldest_t(self) -> float | None:
        """Give when the one that waits longest joined."""
        return min((records[0].joined_t for records in self._lanes.values() if records), default=None)

    def drop_cancelled(self) -> int:
        """Drop cancelled records from the front of each lane; give their number."""
        dropped = 0
        for records in self._lanes.values():
            while records and not records[0].wanted:
                records.popleft()
                dropped += 1
        return dropped

    def first(self) -> tuple[Lane, Tracked] | None:
        """Give the record that is next and the lane it stands in, the most important one with a record in it."""
        return next(((lane, records[0]) for lane, records in self._lanes.items() if records), None)

    def pop(self) -> Tracked:
        """Take the record that is next: there is one."""
        return next(records for records in self._lanes.values() if records).popleft()
