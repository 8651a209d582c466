"""Where the journal's chain ends, said in the log at intervals: what is in somebody else's log cannot be rewritten."""

from collections.abc import Sequence
from typing import Final

import structlog
from structlog.typing import FilteringBoundLogger

from rollout.engine.clock import Clock
from rollout.journal.codec import GENESIS
from rollout.journal.journal import Recorded

HEAD_EVERY_S: Final = 600.0


class Heads:
    """Hears of every entry; `run` and `say` put the last one's link into the log (security.md T15)."""

    def __init__(self, logger: FilteringBoundLogger | None = None) -> None:
        self.position = 0
        self.chain = GENESIS
        self._said = 0
        self._log = logger or structlog.get_logger("rollout.journal")

    def hear(self, records: Sequence[Recorded]) -> None:
        """Keep the last link."""
        if records:
            self.position, self.chain = records[-1].position, records[-1].chain

    def say(self) -> None:
        """Log the head, if it has moved since it was last logged."""
        if self.position > self._said:
            self._log.info("journal_head", position=self.position, chain=self.chain)
            self._said = self.position

    async def run(self, clock: Clock) -> None:
        """Log the head at intervals, for ever."""
        while True:
            await clock.sleep_until(clock.now().t + HEAD_EVERY_S)
            self.say()
