"""What lanes are asked: questions of one call that stand side by side, so that most of what they need is done once."""

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from rollout.core.outcome import Handle, Progress
from rollout.platforms.platform import OnResult


class Questions(msgspec.Struct, gc=False, eq=False):
    """Handles to be asked about, from `at` up to `end` of those of one call, and who hears of them.

    Nothing it holds leads back to it, so the collector may pass it by.
    """

    handles: Sequence[Handle]
    ids: Sequence[bytes]
    """As they stand in the path and, without their dashes, in the replies; empty for the ordinary client alone."""
    on_result: OnResult
    head: bytes
    """How a request about an operation of their scope begins."""
    began_s: float
    """Loop time; their deadline counts from here."""
    at: int
    end: int
    losses: int = 0
    """Connections that were lost under them."""

    @property
    def count(self) -> int:
        """How many there are."""
        return self.end - self.at

    @property
    def handle(self) -> Handle:
        """The first one's."""
        return self.handles[self.at]

    def taken(self, count: int) -> "Questions":
        """Take so many of the first ones away from it."""
        at = self.at
        self.at = at + count
        return Questions(self.handles, self.ids, self.on_result, self.head, self.began_s, at, at + count, self.losses)

    def singly(self) -> Iterator["Questions"]:
        """Give each by itself."""
        for _ in range(self.count):
            yield self.taken(1)

    def requests(self, tail: bytes) -> bytes:
        """Write the requests, one after another; each ends with `tail`."""
        if self.end - self.at == 1:
            return self.head + self.ids[self.at] + tail
        return self.head + (tail + self.head).join(islice(self.ids, self.at, self.end)) + tail

    def tell_first(self, count: int, progress: Progress) -> bool:
        """Tell so many of the first ones the same answer; True = there are no others."""
        at, self.at = self.at, self.at + count
        self.on_result(range(at, self.at), progress)
        return self.at == self.end

    def tell(self, progress: Progress) -> None:
        """Tell all of them the same answer, and be none any more."""
        self.tell_first(self.end - self.at, progress)
