"""What the tracker keeps: a slotted record for each subject, and for each scope a line of the records that are due."""

from collections.abc import Callable
from typing import Final

import msgspec

from rollout.core.names import Target
from rollout.core.outcome import Handle
from rollout.engine.fair import Fair
from rollout.engine.pacer import Lane, Wish

NEAR_S: Final = 900.0
"""So near its end a step goes before others: it takes a walk's last looks and its gate even where looks are rare."""


class Tracked(msgspec.Struct, gc=False, eq=False):
    """One subject that is asked about until its caller has heard enough.

    A million of these live side by side, so the collector does not visit them: whoever is told must let go of the
    record once it is done or cancelled, and the record lets go of whom it tells.
    """

    subject: Handle | Target
    scope: str
    lane: Lane
    tell: Callable[..., bool] | None
    """The tracker's Tell for a handle, its TellLook for a target; None = nobody wants to know any more."""
    born_t: float
    """Since when there is something to know, in engine seconds."""
    due_t: float | None
    """An answer is wanted soon after it; None = that question has been asked."""
    share: str
    """Whose it is among those that wait in one line: a rollout."""
    kind: str
    """What it takes as long as; empty = like nothing else."""
    asked_t: float
    """When it was asked about last."""
    next_t: float
    """When its next question is due, or has been since."""
    known_t: float
    """When it was last known to be in progress, by an answer or by a listing."""
    waits: bool = False
    """It stands on the wheel at `next_t`; where else it stands there it is passed over."""
    repeats: bool = False
    """Its next question is a repeat that the budget has paid for."""
    errors: int = 0
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
        self._lanes: dict[Lane, Fair[Tracked]] = {lane: Fair() for lane in sorted(Lane, reverse=True)}

    def add(self, record: Tracked, lane: Lane) -> None:
        """Put a record that is due into `lane`, fairly: see `Fair`. In a lane of importance the nearest end goes first.

        Elsewhere it is who has waited longest: by ends alone, whoever has the latest would wait as long as others come.
        """
        first_t = record.next_t if lane is Lane.FORWARD or record.due_t is None else record.due_t
        self._lanes[lane].add(record.share, first_t, record)

    def waiting(self, lane: Lane) -> Fair[Tracked]:
        """Give those who wait in `lane`; some may have been cancelled since."""
        return self._lanes[lane]

    def count(self, lane: Lane) -> int:
        """Tell how many wait in `lane`; some may have been cancelled since."""
        return len(self._lanes[lane])

    @property
    def is_empty(self) -> bool:
        """Nobody waits here."""
        return not any(self._lanes.values())

    def oldest_t(self) -> float | None:
        """Give since when the one has been due that is next and waits longest."""
        return min((each.next_t for records in self._lanes.values() for each in records.firsts()), default=None)

    def drop_cancelled(self) -> int:
        """Drop cancelled records from the front of each lane; give their number."""
        dropped = 0
        for records in self._lanes.values():
            while (first := records.first()) is not None and not first.wanted:
                records.pop()
                dropped += 1
        return dropped

    def first(self) -> tuple[Lane, Tracked] | None:
        """Give the record that is next and the lane it stands in, the most important one with a record in it."""
        for lane, records in self._lanes.items():
            if (first := records.first()) is not None:
                return lane, first
        return None

    def pop(self) -> Tracked:
        """Take the record that is next: there is one."""
        return next(records for records in self._lanes.values() if records).pop()
