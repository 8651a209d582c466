"""All entries of one rollout, in the order in which they were written: what its report is made of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rollout.core.names import RolloutId, StreamName, rollout_stream
from rollout.journal.journal import Recorded, StreamRow
from rollout.journal.visitor import Visitor


class Past(Protocol):
    """The part of a journal that is read: an engine's own has it."""

    async def streams(self, *, open_only: bool = False) -> Sequence[StreamRow]:
        """Give the index of streams."""
        ...

    async def read(self, stream: StreamName) -> Sequence[Recorded]:
        """Give one stream's entries in order."""
        ...


def read_records(state: Path, rollout: RolloutId) -> list[Recorded]:
    """Read them from a state directory. Raises StateUnusable, JournalDamaged."""
    with Visitor.opened(state) as visitor, visitor.moment():
        streams = _streams_of(visitor.streams(), rollout)
        return _in_order([record for stream in streams for record in visitor.read(stream)])


async def gather_records(journal: Past, rollout: RolloutId) -> list[Recorded]:
    """Read them from an engine's own journal, stream after stream, so that appends go on in between."""
    records: list[Recorded] = []
    for stream in _streams_of(await journal.streams(), rollout):
        records += await journal.read(stream)
    return _in_order(records)


def _streams_of(rows: Sequence[StreamRow], rollout: RolloutId) -> list[StreamName]:
    own = rollout_stream(rollout)
    return [row.stream for row in rows if row.stream == own or row.stream.startswith(f"{own}/")]


def _in_order(records: list[Recorded]) -> list[Recorded]:
    return sorted(records, key=lambda each: each.position)
