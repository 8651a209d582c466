"""Events as bytes, by position: each is made once, however many readers there are."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from rollout.journal.journal import Recorded

KEPT: Final = 2_000


class Written:
    """The newest events."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def of(self, recorded: Recorded, make: Callable[[Recorded], bytes]) -> bytes:
        """Give an entry's event."""
        found = self._kept.get(recorded.position)
        if found is None:
            found = self._kept[recorded.position] = make(recorded)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found
