"""In whose name something happens at the service: whose call arrives, and what that call has planned for later."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

from rollout.core.names import StreamName

SENDER: Final[ContextVar[str | None]] = ContextVar("sender", default=None)
"""The key of the call's ticket; None = a question, or somebody else."""


@contextlib.contextmanager
def in_the_name_of(key: str | None) -> Iterator[None]:
    """Let what happens in the block be the doing of call `key`."""
    token = SENDER.set(key)
    try:
        yield
    finally:
        SENDER.reset(token)


def stream_of(key: str) -> StreamName:
    """Give the attempt that a call belongs to."""
    return StreamName(key.rpartition("/")[0])


def number_of(key: str) -> int:
    """Give the number of its intent."""
    return int(key.rpartition("/")[2])
