"""The index of streams: which version is next, which streams take no more, and the check before anything is written."""

from collections.abc import Callable, Sequence

from rollout.core.names import StreamName
from rollout.journal.journal import StreamRow, VersionConflict
from rollout.journal.record import Draft


class StreamIndex:
    """What is known of open streams, in memory; `find` asks the store for one not seen yet.

    Changes are staged by `accept` and become known by `keep`, so that a transaction that fails leaves no trace.
    """

    def __init__(self, find: Callable[[StreamName], StreamRow | None]) -> None:
        self._find = find
        self._known: dict[StreamName, StreamRow] = {}
        self._staged: dict[StreamName, StreamRow] = {}

    def accept(self, drafts: Sequence[Draft], ended: Sequence[StreamName]) -> Sequence[StreamRow]:
        """Give the rows that this append changes, or raise VersionConflict and stage nothing of it."""
        changed: dict[StreamName, StreamRow] = {}
        for drafted in drafts:
            entry = drafted.entry
            row = changed.get(entry.stream) or self._row(entry.stream)
            if row is not None and row.ended:
                message = f"{entry.stream} has ended and takes no version {entry.version}"
                raise VersionConflict(message)
            expected = row.version + 1 if row else 1
            if entry.version != expected:
                message = (
                    f"{entry.stream} takes version {expected} next, not {entry.version}: somebody else wrote to it"
                )
                raise VersionConflict(message)
            changed[entry.stream] = StreamRow(entry.stream, entry.version, ended=False)
        for stream in ended:
            row = changed.get(stream) or self._row(stream)
            if row is None or row.ended:
                message = f"{stream} cannot end: {'it has ended before' if row else 'it has no entry'}"
                raise VersionConflict(message)
            changed[stream] = StreamRow(stream, row.version, ended=True)
        self._staged |= changed
        return tuple(changed.values())

    def keep(self) -> None:
        """Know what was staged, which is durable now. Ended streams are left to the store."""
        self._known |= self._staged
        for stream, row in self._staged.items():
            if row.ended:
                del self._known[stream]
        self._staged.clear()

    def drop(self) -> None:
        """Forget what was staged, which did not happen."""
        self._staged.clear()

    def _row(self, stream: StreamName) -> StreamRow | None:
        known = self._staged.get(stream) or self._known.get(stream)
        return known if known is not None else self._find(stream)
