"""What was put and is on its way to the disk: known in memory, acted upon by nobody."""

import asyncio
from collections.abc import Generator, Sequence

from rollout.core.event import Entry
from rollout.core.names import StreamName
from rollout.journal.journal import Answered, Recorded


class Pending:
    """Entries of one transaction. Await it to know them durable; several may, and cancelling one stops nothing."""

    def __init__(self, entries: Sequence[Entry], ended: Sequence[StreamName], answers: Sequence[Answered] = ()) -> None:
        self.entries = tuple(entries)
        self.ended = tuple(ended)
        self.answers = tuple(answers)
        self._answer: asyncio.Future[Sequence[Recorded]] = asyncio.get_running_loop().create_future()
        self._answer.add_done_callback(_seen)

    def __await__(self) -> Generator[object, None, Sequence[Recorded]]:
        """Give the entries as recorded, or raise what broke the ledger."""
        return asyncio.shield(self._answer).__await__()

    @property
    def durable(self) -> bool:
        """Whether the entries are known to be on disk."""
        return self._answer.done() and self._answer.exception() is None

    def resolve(self, recorded: Sequence[Recorded]) -> None:
        """Tell that the entries are on disk."""
        self._answer.set_result(recorded)

    def fail(self, error: Exception) -> None:
        """Tell that nobody will know whether they are."""
        self._answer.set_exception(error)


def _seen(answer: asyncio.Future[Sequence[Recorded]]) -> None:
    """Mark a failure as looked at: the ledger reports it itself, whether or not anybody waits."""
    if not answer.cancelled():
        answer.exception()
