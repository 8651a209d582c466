"""How a fact becomes text and back: JSON that people can read in the table, its format number, and old shapes.

A fact that takes on a new shape raises `FORMAT`, gets an upcaster from the old one, and keeps a stored sample that a
test reads for ever.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from rollout.core.event import Fact
from rollout.errors import InvariantBroken, JournalDamaged, StateUnusable

FORMAT: Final = 1
"""The number written beside every new entry."""

FACT_BYTES_MAX: Final = 16 * 1024 * 1024
"""One fact as text. The largest, a rollout's plan, names each service once."""

GENESIS: Final = "0" * 64
"""The chain before the first record."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes one fact of format n as plain JSON and gives it as format n + 1."""

UPCASTERS: Final[Mapping[int, Upcaster]] = {}
"""By the format they start from; complete from 1 to FORMAT - 1."""

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder[Fact](Fact)


def encode_fact(fact: Fact) -> str:
    """Give `fact` as JSON of the present format, the same text for equal facts.

    Raises InvariantBroken for a fact that could not be read back, such as an infinite number: what is written is read
    again here, so that no journal is spoilt by one bad record.
    """
    try:
        payload = _encoder.encode(fact)
        faithful = _decoder.decode(payload) == fact
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        message = f"{type(fact).__name__} cannot be written down: {error}"
        raise InvariantBroken(message) from error
    if not faithful:
        message = f"{type(fact).__name__} reads back as something else: {payload[:200]!r}"
        raise InvariantBroken(message)
    if len(payload) > FACT_BYTES_MAX:
        message = f"{type(fact).__name__} has {len(payload)} bytes, more than {FACT_BYTES_MAX}"
        raise InvariantBroken(message)
    return payload.decode()


def decode_fact(payload: str | bytes, written: int) -> Fact:
    """Read a fact of format `written`.

    Raises StateUnusable for a format of the future and JournalDamaged for text that is no fact.
    """
    refuse_future(written, "an entry")
    try:
        if written == FORMAT:
            fact: Fact = _decoder.decode(payload)
            return fact
        document = msgspec.json.decode(payload, type=dict[str, Any])
        risen: Fact = msgspec.convert(upcast(document, written, to=FORMAT, upcasters=UPCASTERS), Fact)
    except (msgspec.MsgspecError, ValueError) as error:
        message = f"no fact of format {written}: {error}"
        raise JournalDamaged(message) from error
    return risen


def upcast(document: dict[str, Any], written: int, *, to: int, upcasters: Mapping[int, Upcaster]) -> dict[str, Any]:
    """Take a fact step by step from format `written` to format `to`. Raises JournalDamaged where no step is known."""
    for step in range(written, to):
        if step not in upcasters:
            message = f"nothing leads from format {step} to {step + 1}"
            raise JournalDamaged(message)
        document = upcasters[step](document)
    return document


def refuse_future(written: int, what: str) -> None:
    """Raise StateUnusable when `what` was written by a later version of this program."""
    if written > FORMAT:
        message = (
            f"{what} has format {written}, and this version of rollout knows up to {FORMAT}: "
            "the state was written by a later version; go on with that one"
        )
        raise StateUnusable(message)


def chain(previous: str, record: bytes) -> str:
    """Link a record to the one before: SHA-256 over the previous link's text and the record, as 64 hex digits."""
    return chain_bytes(previous.encode(), record)


def chain_bytes(previous: bytes, record: bytes) -> str:
    """Give the same link where the one before is still bytes."""
    return hashlib.sha256(b"%b\n%b" % (previous, record)).hexdigest()
