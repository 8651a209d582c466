"""One call as it was really sent and answered, made fit to be shown: what may be secret is gone. Pure data."""

from collections.abc import Callable
from typing import Final

import msgspec

from rollout.core.names import StreamName

TEXT_CHARS_MAX: Final = 3_000
"""Of a request or an answer; the rest is left out, and `cut` says so."""
PATH_CHARS_MAX: Final = 600
TAKEN: Final = range(200, 300)


class Witnessed(msgspec.Struct, frozen=True):
    """One call to the platform and what came back.

    Evidence for people beside the truth: nothing is decided by it, and a crash may lose the latest second of it.
    """

    stream: StreamName
    """Whose call it was; empty where only `request_id` says so: a later question about an operation."""
    number: int
    """The call's number in its stream; 0 where only `request_id` says so."""
    what: str
    """Such as `walk of domain 2`."""
    at: float
    """When it was made, in POSIX seconds."""
    method: str
    path: str
    sent: bool
    """Whether a byte of it may have left."""
    status: int | None
    """None = no whole answer came."""
    request: str
    """The headers that matter, an empty line, and the body; at most TEXT_CHARS_MAX characters."""
    answer: str
    """The same of what came back, or in words what happened instead."""
    request_id: str = ""
    """The platform's, as 32 hex digits."""
    cut: bool = False
    """Whether anything was too long to be kept."""

    @property
    def went_well(self) -> bool:
        """Whether it is a call that was taken; a question is only kept where an operation has failed."""
        return self.method != "GET" and self.status is not None and self.status in TAKEN


Witness = Callable[[Witnessed], None]
"""Hears of each call after its answer. It must return at once, and must not raise."""
