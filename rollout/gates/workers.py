"""Bounded workers of one kind of check: who hangs keeps his own callers waiting, and nobody else's."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

WORKERS: Final = {"http": 256, "command": 16, "webhook": 64, "python": 32}
"""Questions of each kind in flight at once."""


class Workers:
    """Of the workers one hook may keep busy at most as many as are idle besides, so it never takes the last one."""

    def __init__(self, limit: int) -> None:
        self._idle = limit
        self._busy: Counter[str] = Counter()
        self._waiting: dict[asyncio.Future[None], str] = {}
        """In order of arrival."""

    @contextlib.asynccontextmanager
    async def one(self, hook: str) -> AsyncIterator[None]:
        """Have a worker for the block; waits in line for it as long as the caller lets it."""
        if not self._has_room(hook):
            await self._wait(hook)
        else:
            self._take(hook)
        try:
            yield
        finally:
            self._release(hook)

    async def _wait(self, hook: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = hook
        try:
            await turn
        except asyncio.CancelledError:
            if self._waiting.pop(turn, None) is None and not turn.cancelled():
                self._release(hook)
            raise

    def _has_room(self, hook: str) -> bool:
        return self._idle > self._busy[hook]

    def _take(self, hook: str) -> None:
        self._idle -= 1
        self._busy[hook] += 1

    def _release(self, hook: str) -> None:
        self._idle += 1
        self._busy[hook] -= 1
        if not self._busy[hook]:
            del self._busy[hook]
        for turn, waiting in list(self._waiting.items()):
            if not self._idle:
                return
            if self._has_room(waiting):
                del self._waiting[turn]
                if not turn.done():
                    self._take(waiting)
                    turn.set_result(None)
