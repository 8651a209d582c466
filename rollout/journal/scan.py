"""The quick way through many streams at once, as a start needs it: in the order in which the records lie.

A start reads every entry of every open stream. One stream after another, that is several searches in the file for each
record, and text that is decoded only to be encoded again for the chain; so here records come in order, as bytes, and
each is held against the link before it. Whatever looks odd is read anew by the slow way, which says what is wrong.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rollout.core.event import Entry
from rollout.core.names import Now, StreamName
from rollout.errors import JournalDamaged
from rollout.journal.codec import GENESIS, chain_bytes, decode_fact
from rollout.journal.journal import Recorded, StreamRow
from rollout.journal.record import covered

PORTION: Final = 2_000
"""Records looked at before others get the connection and the loop its turn."""

_PAGE: Final = """\
SELECT position, CAST(stream AS BLOB), version, t, wall, CAST(actor AS BLOB), format, CAST(payload AS BLOB),
       CAST(chain AS BLOB),
       typeof(stream) || typeof(actor) || typeof(payload) || typeof(chain) = 'texttexttexttext'
FROM entries WHERE position > ? ORDER BY position LIMIT ?"""

Numbers = tuple[int, int, int, float, float]
Texts = tuple[bytes, bytes, bytes, bytes]

Slow = Callable[[int], Recorded]
"""Reads the record at a position and checks all of it. Raises JournalDamaged."""


class Scan:
    """One way through the records of `rows`, portion by portion, until it is `over`."""

    def __init__(self, rows: Sequence[StreamRow]) -> None:
        self.over = False
        self._position = 0
        self._link = GENESIS.encode()
        self._names = {row.stream.encode(): row.stream for row in rows}
        self._ends: Mapping[StreamName, int] = {row.stream: row.version for row in rows}
        self._versions = dict.fromkeys(self._ends, 0)
        self._actors: dict[bytes, str] = {}

    def portion(self, connection: sqlite3.Connection, slow: Slow) -> Sequence[Recorded]:
        """Give the next records, perhaps none.

        Raises JournalDamaged for a record that does not fit its chain, one that is missing, and, at the end, for a
        stream that ends elsewhere than the index says.
        """
        page = connection.execute(_PAGE, (self._position, PORTION)).fetchall()
        found = []
        for position, stream, version, t, wall, actor, written, payload, chain, plain in page:
            if position != self._position + 1:
                message = f"the chain breaks: record {self._position + 1} is missing, the next is {position}"
                raise JournalDamaged(message)
            if (name := self._names.get(stream)) is not None:
                numbers = (position, version, written, t, wall)
                recorded = self._sound(name, numbers, (stream, actor, payload, chain)) if plain else None
                found.append(recorded or slow(position))
                self._count(found[-1].entry)
            self._position, self._link = position, chain
        if len(page) < PORTION:
            self._end()
        return found

    def _sound(self, name: StreamName, numbers: Numbers, texts: Texts) -> Recorded | None:
        """Give a record that is as it should be; None = it has to be looked at more closely."""
        position, version, written, t, wall = numbers
        stream, actor, payload, chain = texts
        if not (type(version) is type(written) is int and type(t) is type(wall) is float):
            return None
        if chain_bytes(self._link, covered(numbers, stream, actor, payload)).encode() != chain:
            return None
        try:
            fact = decode_fact(payload, written)
        except JournalDamaged:
            return None
        who = self._actors.get(actor) or self._actors.setdefault(actor, actor.decode())
        return Recorded(position, Entry(name, version, Now(t, wall), who, fact), chain.decode())

    def _count(self, entry: Entry) -> None:
        expected = self._versions[entry.stream] + 1
        if entry.version != expected:
            message = f"{entry.stream} goes on with version {entry.version} and not {expected}: entries are missing"
            raise JournalDamaged(message)
        self._versions[entry.stream] = expected

    def _end(self) -> None:
        self.over = True
        for stream, version in self._versions.items():
            if version != self._ends[stream]:
                message = f"{stream} ends with version {version}, the index says {self._ends[stream]}"
                raise JournalDamaged(f"{message}: entries are missing")
