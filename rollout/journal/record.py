"""The record: an entry sealed with position and chain, as every journal stores it, and the walk that checks them all.

A link covers the whole record, so a change to any column shows. It covers the text as it was written; reading an old
format anew never touches the chain.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from rollout.core.event import Entry
from rollout.core.names import Now, StreamName
from rollout.errors import InvariantBroken, JournalDamaged
from rollout.journal.codec import FORMAT, GENESIS, chain, decode_fact, encode_fact
from rollout.journal.journal import Recorded

_COVERED: Final = b"%d %d %d %a %a\n%d:%b\n%d:%b\n%d:%b"

READ_LIMIT_MAX: Final = 10_000
"""How many records one `read_after` gives at most."""


class Draft(msgspec.Struct, frozen=True):
    """An entry as text, before the writer gives it a position."""

    entry: Entry
    payload: str


class Stored(msgspec.Struct, frozen=True):
    """One record as it is stored; the fields are the table's columns in order."""

    position: int
    stream: StreamName
    version: int
    t: float
    wall: float
    actor: str
    format: int
    payload: str
    chain: str


def draft(entry: Entry) -> Draft:
    """Write an entry's fact down. Raises InvariantBroken for one that could not be read back."""
    if not (math.isfinite(entry.now.t) and math.isfinite(entry.now.wall)):
        message = f"{entry.stream} version {entry.version} happened at no moment: {entry.now}"
        raise InvariantBroken(message)
    return Draft(entry, encode_fact(entry.fact))


def seal(drafted: Draft, position: int, previous: str) -> Stored:
    """Give the record at `position` behind the link `previous`."""
    entry = drafted.entry
    loose = Stored(
        position=position,
        stream=entry.stream,
        version=entry.version,
        t=float(entry.now.t),
        wall=float(entry.now.wall),
        actor=entry.actor,
        format=FORMAT,
        payload=drafted.payload,
        chain="",
    )
    return msgspec.structs.replace(loose, chain=chain(previous, record_bytes(loose)))


def unseal(stored: Stored, previous: str) -> Recorded:
    """Check a record against the link before it and give its entry back. Raises JournalDamaged naming the position."""
    if chain(previous, record_bytes(stored)) != stored.chain:
        message = (
            f"record {stored.position} does not fit the hash chain: it or the record before was changed. "
            "Nothing was started; restore the state from a backup"
        )
        raise JournalDamaged(message)
    try:
        fact = decode_fact(stored.payload, stored.format)
    except JournalDamaged as error:
        message = f"record {stored.position}, {stored.stream} version {stored.version}, is {error}"
        raise JournalDamaged(message) from error
    entry = Entry(stored.stream, stored.version, Now(stored.t, stored.wall), stored.actor, fact)
    return Recorded(stored.position, entry, stored.chain)


def record_bytes(stored: Stored) -> bytes:
    r"""Give what a link covers: `position version format t wall`, then stream, actor and payload as `length:text`.

    The four parts are joined by line feeds; numbers are in Python's `repr`, text in UTF-8.
    """
    numbers = (stored.position, stored.version, stored.format, stored.t, stored.wall)
    stream, actor, payload = (
        text.encode(errors="surrogateescape") for text in (stored.stream, stored.actor, stored.payload)
    )
    return covered(numbers, stream, actor, payload)


def covered(numbers: tuple[int, int, int, float, float], stream: bytes, actor: bytes, payload: bytes) -> bytes:
    """Give the same for a record that is still bytes; `numbers` in the order in which they are written."""
    return _COVERED % (*numbers, len(stream), stream, len(actor), actor, len(payload), payload)


class ChainWalk:
    """Checks records handed to it in order: no position missing, every link, every stream's versions, every fact."""

    def __init__(self) -> None:
        self.position = 0
        self.head = GENESIS
        self.versions: dict[StreamName, int] = {}

    def step(self, stored: Stored) -> None:
        """Take the next record. Raises JournalDamaged naming the first position that does not fit."""
        if stored.position != self.position + 1:
            message = f"the chain breaks: record {self.position + 1} is missing, the next is {stored.position}"
            raise JournalDamaged(message)
        unseal(stored, self.head)
        expected = self.versions.get(stored.stream, 0) + 1
        if stored.version != expected:
            message = f"record {stored.position} is {stored.stream} version {stored.version} and not {expected}"
            raise JournalDamaged(message)
        self.versions[stored.stream] = stored.version
        self.position, self.head = stored.position, stored.chain

    def refuse_other_end(self, position: int, head: str, index: Mapping[StreamName, int]) -> None:
        """Hold the end of the walk against what was noted apart from it. Raises JournalDamaged where they differ."""
        if (self.position, self.head) != (position, head):
            message = f"the journal ends with record {self.position}, the last one written was {position}"
            raise JournalDamaged(message)
        if index != self.versions:
            raise JournalDamaged("the index of streams does not agree with the entries")
