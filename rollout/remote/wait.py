"""Waiting for a rollout: its head is read again whenever something happened, and now and then in any case."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Final, Protocol

from rollout.core.result import Result
from rollout.engine.groups import unwrapped
from rollout.remote.until import Until, reached, timed_out, until_of
from rollout.views.choosing import NOT_ROWS, Selection

SETTLE_S: Final = 0.5
"""How long further events are gathered before the head is read: a fleet says a thousand things a second."""
LOOK_S: Final = 15.0
"""A head is read at least so often: some things happen by the clock alone."""


class Asked(Protocol):
    """What is needed of a client."""

    async def read(self, rollout: str, selection: Selection) -> dict[str, Any]:
        """Give a rollout with some of its services."""
        ...

    def watch(self, rollout: str | None) -> AsyncGenerator[object, None]:
        """Give what happens."""
        ...


async def wait_for(client: Asked, rollout: str, until: str, timeout_s: float | None) -> Result:
    """Wait; see `Client.wait`."""
    wanted, seen = until_of(until), _Seen()
    try:
        async with asyncio.timeout(timeout_s):
            return await _wait(client, rollout, wanted, seen)
    except TimeoutError:
        if timeout_s is None:
            raise
        return timed_out(wanted, rollout, timeout_s, seen.head)


class _Seen:
    """The last head that was read."""

    def __init__(self) -> None:
        self.head: dict[str, Any] | None = None


async def _wait(client: Asked, rollout: str, wanted: Until, seen: _Seen) -> Result:
    happened = asyncio.Event()
    with unwrapped():
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(_listen(client, rollout, happened), name=f"events of {rollout}")
            while True:
                happened.clear()
                seen.head = await client.read(rollout, NOT_ROWS)
                if (found := reached(wanted, seen.head)) is not None:
                    listening.cancel()
                    return found
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await happened.wait()
                await asyncio.sleep(SETTLE_S)


async def _listen(client: Asked, rollout: str, happened: asyncio.Event) -> None:
    """Set `happened` at each event."""
    async with contextlib.aclosing(client.watch(rollout)) as events:
        async for _ in events:
            happened.set()
