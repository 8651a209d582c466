"""Where a run is shown: which of table, words, lines and document goes to which stream, and when."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import click
from rich.console import Console
from rich.live import Live

from rollout.cli.lines import document, entry_line
from rollout.cli.render import CHROME_LINES, Frame
from rollout.cli.stdout import LineWriter
from rollout.cli.summary import interrupted, summary
from rollout.core.names import Now, RolloutId, ServiceName
from rollout.core.result import Result
from rollout.core.service import ServiceRollout
from rollout.journal.journal import Recorded
from rollout.views.view import View, view
from rollout.views.words import milestone

FRAMES_PER_S: Final = 5
FRAME_SHARE: Final = 10
"""Computing frames takes at most one part in this many of the run's time, however large the fleet is."""


class Output(StrEnum):
    """What goes to stdout."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


Services = Mapping[ServiceName, ServiceRollout]


class Source:
    """Where a screen finds the present: the services of one rollout, and the moment."""

    def __init__(self, rollout: RolloutId, services: Callable[[], Services], now: Callable[[], Now]) -> None:
        self.rollout = rollout
        self.services = services
        self.now = now


class Screen:
    """One run's way to the terminal: `hear` while it goes on, then `finish`."""

    def __init__(self, output: Output, stop: Callable[[], None]) -> None:
        self.output = output
        self._stderr = Console(stderr=True, highlight=False, emoji=False, markup=False)
        self._draws = self._stderr.is_terminal and not self._stderr.is_dumb_terminal and not _same_terminal(output)
        self._line: Callable[[Recorded], str | None] = milestone
        self._writer: LineWriter | None = None
        if output is Output.JSONL:
            self._line, self._writer = entry_line, LineWriter(sys.stdout, _from_thread(stop))
        elif not self._draws:
            self._writer = LineWriter(sys.stderr, _nothing)
        self._frame: View | None = None

    def hear(self, records: Sequence[Recorded]) -> None:
        """Show entries that have just become durable. Never waits, never raises."""
        if self._writer is None:
            return
        for recorded in records:
            if line := self._line(recorded):
                self._writer.put(line)

    @contextlib.asynccontextmanager
    async def showing(self, source: Source) -> AsyncIterator[None]:
        """Show the run for the time of a block."""
        with contextlib.ExitStack() as stack:
            if self._writer is not None:
                stack.enter_context(self._writer.writing())
            async with asyncio.TaskGroup() as group:
                drawing = None
                if self._draws:
                    self._look(source)
                    live = Live(
                        console=self._stderr,
                        get_renderable=self._render,
                        refresh_per_second=FRAMES_PER_S,
                        redirect_stdout=False,
                    )
                    stack.enter_context(live)
                    drawing = group.create_task(self._draw(source), name="frames")
                try:
                    yield
                finally:
                    if drawing is not None:
                        drawing.cancel()
                        self._look(source)

    def finish(self, source: Source, result: Result | None, code: int) -> None:
        """Say how it ended: the document or nothing more on stdout, and the summary in words."""
        services, now = source.services(), source.now()
        if self.output is Output.JSON:
            click.echo(document(source.rollout, result, code, services, now))
        words = interrupted(services, now) if result is None else summary(result, services, now)
        click.echo(words, err=self.output is not Output.TABLE)
        if self._writer is not None and self._writer.missed:
            click.echo(f"{self._writer.missed} lines found no reader; the journal has them all", err=True)

    def tidy(self) -> None:
        """Give the terminal its cursor back, when the process is about to end at once."""
        if self._draws:
            self._stderr.show_cursor(show=True)

    def _render(self) -> Frame | str:
        # Called by the drawing thread; the view is a frozen value that the loop puts in place.
        return Frame(self._frame) if self._frame is not None else ""

    async def _draw(self, source: Source) -> None:
        while True:
            began = time.perf_counter()
            self._look(source)
            took_s = time.perf_counter() - began
            await asyncio.sleep(max(1 / FRAMES_PER_S, FRAME_SHARE * took_s))

    def _look(self, source: Source) -> None:
        rows_max = max(self._stderr.size.height - CHROME_LINES, 1)
        self._frame = view(source.rollout, source.services(), source.now(), rows_max)


def _from_thread(stop: Callable[[], None]) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def call() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and there is nothing left to stop
            loop.call_soon_threadsafe(stop)

    return call


def _nothing() -> None:
    """Go on: a run does not need anybody to read its progress."""


def _same_terminal(output: Output) -> bool:
    """Lines of data and a live table would write over each other on one terminal."""
    return output is Output.JSONL and sys.stdout.isatty()
