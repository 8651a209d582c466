"""A rollout looked at while it runs elsewhere: a live table or lines on stderr, until it is what was waited for."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

import click
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table

from rollout.cli.board import Board
from rollout.cli.get import LIST_COLUMNS, list_row
from rollout.cli.output import table_of
from rollout.cli.render import CHROME_LINES, Frame
from rollout.cli.where import Where
from rollout.core.result import Result
from rollout.engine.groups import unwrapped
from rollout.remote.event import Document, Event
from rollout.views.text import one_line

FRAMES_PER_S: Final = 4
AGAIN_S: Final = 1.0
"""What events do not carry is read again at most so often."""

Line = Callable[[Event], None]


async def attend(where: Where, rollout: str, until: str, timeout_s: float | None, tell: Line | None = None) -> Result:
    """Show a rollout until the waiting ends; `tell` is given every event instead. Whoever leaves changes nothing."""
    with unwrapped():
        async with asyncio.TaskGroup() as group:
            showing = group.create_task(_show(where, rollout, tell), name=f"show {rollout}")
            result = await where.wait(rollout, until=until, timeout_s=timeout_s)
            showing.cancel()
    return result


async def attend_all(where: Where, tell: Line | None = None) -> None:
    """Show every rollout, for ever: a table on a terminal, else how each stands and then what happens."""
    console = _console()
    if tell is None and _draws(console):
        await _draw_all(where, console)
    for head in await where.rollouts():
        if not head["closed"]:
            click.echo(one_line(head["sentence"]), err=True)
    await _tell(where, None, tell or milestones)


async def _show(where: Where, rollout: str, tell: Line | None) -> None:
    console = _console()
    if tell is None and _draws(console):
        await _draw(where, rollout, console)
    await _tell(where, rollout, tell or milestones)


async def _tell(where: Where, rollout: str | None, tell: Line) -> None:
    async with contextlib.aclosing(where.watch(rollout)) as events:
        async for event in events:
            tell(event)


def _console() -> Console:
    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def _draws(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


async def _draw(where: Where, rollout: str, console: Console) -> None:
    """Draw a table of the rollout, for ever."""
    board = Board(rollout, time.monotonic, time.time)

    def frame() -> Frame | str:
        view = board.view(max(console.size.height - CHROME_LINES, 1))
        return Frame(view) if view is not None else ""

    async def read() -> None:
        board.put(await where.read(rollout))

    await _keep(where, rollout, _live(console, frame), lambda event: board.take(event.document.get("row")), read)


async def _draw_all(where: Where, console: Console) -> None:
    """Draw a table of all rollouts, for ever; those that are open stand first."""
    heads: list[Document] = []

    async def read() -> None:
        found = await where.rollouts()
        heads[:] = sorted(found, key=lambda head: bool(head["closed"]))

    def frame() -> Table:
        rows = heads[: max(console.size.height - CHROME_LINES, 1)]
        return table_of(LIST_COLUMNS, map(list_row, rows), console.width)

    await _keep(where, None, _live(console, frame), lambda _: False, read)


async def _keep(
    where: Where,
    rollout: str | None,
    live: Live,
    take: Callable[[Event], bool],
    read: Callable[[], Awaitable[None]],
) -> None:
    """Keep what is drawn up to date, for ever: `take` what events carry, `read` again where that is not all."""
    stale = asyncio.Event()

    def hear(event: Event) -> None:
        if not take(event):
            stale.set()

    with live:
        async with asyncio.TaskGroup() as group:
            group.create_task(_tell(where, rollout, hear), name="events")
            while True:
                await stale.wait()
                stale.clear()
                await read()
                await asyncio.sleep(AGAIN_S)


def _live(console: Console, frame: Callable[[], RenderableType]) -> Live:
    return Live(console=console, get_renderable=frame, refresh_per_second=FRAMES_PER_S, redirect_stdout=False)


def milestones(event: Event) -> None:
    """Say what people wait for, for logs and for terminals that cannot draw."""
    if event.document.get("milestone"):
        click.echo(one_line(str(event.document["sentence"])), err=True)
