"""A progress bar on stderr while it measures; without a terminal, one line for each step."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_REFRESH_PER_S: Final = 2.0
"""Seldom: it takes CPU from the core of the load server."""


class Steps:
    """Counts the steps of one run of the bench."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task("", total=0)
        self._expected = 0

    def expect(self, steps: int) -> None:
        """Know of so many steps more."""
        self._expected += steps
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, total=self._expected)

    def begin(self, what: str) -> None:
        """Say what is measured."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=what)
        else:
            print(what, file=sys.stderr, flush=True)

    def done(self) -> None:
        """Count one step."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task)


@contextmanager
def steps() -> Iterator[Steps]:
    """Show progress for the time of a block."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Steps(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, refresh_per_second=_REFRESH_PER_S, transient=True) as progress:
        yield Steps(progress)
