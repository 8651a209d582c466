"""A writer of lines on a thread of its own: a slow or stopped reader never holds the engine up."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Final, TextIO

LINES_WAITING_MAX: Final = 100_000
LAST_LINES_S_MAX: Final = 10.0
"""How long the end of a run waits for a reader to take the last lines."""


class LineWriter:
    """Puts lines into a bounded queue; one thread writes and flushes them in order.

    `missed` counts lines that found no room or no reader. They are in the journal all the same. `on_reader_gone` is
    called once, on the writing thread.
    """

    def __init__(self, stream: TextIO, on_reader_gone: Callable[[], None]) -> None:
        self.missed = 0
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(LINES_WAITING_MAX)
        self._on_reader_gone = on_reader_gone
        self._gone = False
        self._thread = threading.Thread(target=self._write, name="stdout", daemon=True)

    def put(self, line: str) -> None:
        """Hand a line over; never waits."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.missed += 1

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Write for the time of a block, and give the reader a little time for the last lines."""
        self._thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(queue.Full):
                self._lines.put(None, timeout=LAST_LINES_S_MAX)
            self._thread.join(LAST_LINES_S_MAX)
            self.missed += self._lines.qsize()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._gone:
                self.missed += 1
                continue
            try:
                self._stream.write(f"{line}\n")
                if self._lines.empty():
                    self._stream.flush()
            except (BrokenPipeError, ValueError):
                self._gone = True
                self.missed += 1
                self._on_reader_gone()
