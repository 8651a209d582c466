"""Waits that news can end: every wait of a runner goes through here, no effect does."""

import asyncio
from collections.abc import Coroutine


async def until_news(work: Coroutine[object, object, None], news: asyncio.Future[None], name: str) -> bool:
    """Do `work` until it is done or `news` has come; True = done. Unfinished work is cancelled and gone on return."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work, name=name)
        await asyncio.wait({task, news}, return_when=asyncio.FIRST_COMPLETED)
        finished = task.done()
        task.cancel()
    return finished
