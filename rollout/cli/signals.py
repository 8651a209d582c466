"""Ctrl-C and SIGTERM of a foreground run: the first one stops it so that it can go on, the second ends it at once."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rollout.cli.ending import Code

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """What a signal does to the run in hand. `told` becomes true with the first one."""

    def __init__(self) -> None:
        self.told = False
        self.tidy: Callable[[], None] = _nothing
        """Leaves the terminal in order, when the process is about to end at once."""
        self._drain: Callable[[], None] | None = None
        self._task = asyncio.current_task()

    def drain_by(self, drain: Callable[[], None]) -> None:
        """From now on a signal drains; before, while nothing had been begun, it cancelled."""
        self._drain = drain

    def stop(self) -> None:
        """Stop resumable. Safe to call repeatedly."""
        self.told = True
        if self._drain is not None:
            self._drain()
        elif self._task is not None:
            self._task.cancel()

    def on_signal(self) -> None:
        """Stop; a second signal does not wait for the call in hand, which is no worse than a crash: nothing is lost."""
        if self.told:
            self.tidy()
            os._exit(Code.INTERRUPTED)
        self.stop()


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Take the signals for the time of a block."""
    loop = asyncio.get_running_loop()
    handler = Interrupts()
    for number in SIGNALS:
        loop.add_signal_handler(number, handler.on_signal)
    try:
        yield handler
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def _nothing() -> None:
    """Find nothing to tidy."""
