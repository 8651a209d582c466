"""Where blocking work is done: on one thread of its own, so that the loop never waits for a disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Offload(Protocol):
    """Begins `work` at once, strictly after what it was given before, and gives the future of its result."""

    def __call__(self, work: Callable[[], T], /) -> asyncio.Future[T]:
        """Begin `work`."""
        ...

    def close(self) -> None:
        """Take no more work; what was begun has ended."""
        ...


class OneThread:
    """One thread, which also owns the SQLite connection made on it. The virtual loop does the same work inline."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    def __call__(self, work: Callable[[], T], /) -> asyncio.Future[T]:
        """Begin `work` on the thread."""
        return asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """End the thread."""
        self._executor.shutdown()
