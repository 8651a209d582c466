"""A rollout looked at while it runs elsewhere: a live table or lines on stderr, until it is what was waited for."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final

import click
from rich.console import Console
from rich.live import Live

from rollout.cli.board import Board
from rollout.cli.render import CHROME_LINES, Frame
from rollout.cli.where import Where
from rollout.core.result import Result
from rollout.engine.groups import unwrapped
from rollout.remote.client import Event
from rollout.views.text import one_line

FRAMES_PER_S: Final = 4
AGAIN_S: Final = 1.0
"""What events do not carry is read again at most so often."""

Line = Callable[[Event], None]


async def attend(where: Where, rollout: str, until: str, timeout_s: float | None, tell: Line | None = None) -> Result:
    """Show a rollout until the waiting ends; `tell` is given every event instead. Whoever leaves changes nothing."""
    with unwrapped():
        async with asyncio.TaskGroup() as group:
            showing = group.create_task(_show(where, rollout, tell or milestones), name=f"show {rollout}")
            result = await where.wait(rollout, until=until, timeout_s=timeout_s)
            showing.cancel()
    return result


async def _show(where: Where, rollout: str, tell: Line) -> None:
    console = Console(stderr=True, highlight=False, emoji=False, markup=False)
    if tell is milestones and console.is_terminal and not console.is_dumb_terminal:
        await _draw(where, rollout, console)
    async with contextlib.aclosing(where.watch(rollout)) as events:
        async for event in events:
            tell(event)


async def _draw(where: Where, rollout: str, console: Console) -> None:
    """Draw a table of the rollout, for ever."""
    board = Board(rollout, time.monotonic, time.time)
    stale = asyncio.Event()
    with _live(console, board):
        async with asyncio.TaskGroup() as group:
            group.create_task(_listen(where, board, stale), name=f"events of {rollout}")
            while True:
                await stale.wait()
                stale.clear()
                board.put(await where.read(rollout))
                await asyncio.sleep(AGAIN_S)


async def _listen(where: Where, board: Board, stale: asyncio.Event) -> None:
    """Take the rows that events carry; `stale` is set where the rest has to be read."""
    async with contextlib.aclosing(where.watch(board.rollout)) as events:
        async for event in events:
            if not board.take(event.document.get("row")):
                stale.set()


@contextlib.contextmanager
def _live(console: Console, board: Board) -> Iterator[None]:
    def frame() -> Frame | str:
        view = board.view(max(console.size.height - CHROME_LINES, 1))
        return Frame(view) if view is not None else ""

    with Live(console=console, get_renderable=frame, refresh_per_second=FRAMES_PER_S, redirect_stdout=False):
        yield


def milestones(event: Event) -> None:
    """Say what people wait for, for logs and for terminals that cannot draw."""
    if event.document.get("milestone"):
        click.echo(one_line(str(event.document["sentence"])), err=True)
