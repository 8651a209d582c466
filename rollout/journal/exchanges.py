"""The exchanges' table: how the calls of each stream were sent and answered, the newest of them."""

import sqlite3
from collections.abc import Sequence
from itertools import islice
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from rollout.core.names import RolloutId, StreamName
from rollout.core.witnessed import Witnessed

KEPT_PER_STREAM: Final = 60
"""Of one attempt at a service: begin, twenty domains and the way back take half as many where nothing is repeated."""
KEPT_MAX: Final = 20_000
"""Of all; about 15 MB as calls are, 130 MB if each were as long as it may be. The oldest are forgotten."""
WRONG_MAX: Final = 200
"""Of one rollout, those that did not go well and are told of together."""


class Exchanges(Protocol):
    """The part of a journal that keeps how calls were sent and answered."""

    async def keep_exchanges(self, seen: Sequence[Witnessed]) -> None:
        """Keep these; durable on return. Raises JournalFull, and then none was kept."""
        ...

    async def exchanges(self, stream: StreamName) -> Sequence[Witnessed]:
        """Give those of one stream, oldest first."""
        ...

    async def exchanges_gone_wrong(self, rollout: RolloutId) -> Sequence[Witnessed]:
        """Give those of a rollout that did not go well, oldest first; at most the newest WRONG_MAX."""
        ...


def keep(connection: sqlite3.Connection, seen: Sequence[Witnessed]) -> None:
    """Inside a transaction: keep these, and forget what is too much.

    What came of an operation goes to whoever began it; where nobody is known to have, it is left out.
    """
    touched = set()
    for each in seen:
        if (whole := _attributed(connection, each)) is not None:
            touched.add(whole.stream)
            connection.execute(
                "INSERT INTO exchanges (stream, request_id, record) VALUES (?, ?, ?)",
                (whole.stream, whole.request_id, msgspec.json.encode(whole).decode()),
            )
    for stream in touched:
        connection.execute(
            "DELETE FROM exchanges WHERE stream = ? AND number <= "
            "(SELECT number FROM exchanges WHERE stream = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (stream, stream, KEPT_PER_STREAM),
        )
    connection.execute("DELETE FROM exchanges WHERE number <= (SELECT max(number) FROM exchanges) - ?", (KEPT_MAX,))


def kept(connection: sqlite3.Connection, stream: StreamName) -> list[Witnessed]:
    """Give those of one stream, oldest first."""
    rows = connection.execute("SELECT record FROM exchanges WHERE stream = ? ORDER BY number", (stream,))
    return [msgspec.json.decode(row[0], type=Witnessed) for row in rows]


def gone_wrong(connection: sqlite3.Connection, rollout: RolloutId) -> list[Witnessed]:
    """Give those of a rollout that did not go well, oldest first; at most the newest WRONG_MAX."""
    query = "SELECT record FROM exchanges WHERE stream >= ? AND stream < ? ORDER BY number DESC"
    # The streams of its services begin with its id and a slash, and a 0 is what comes behind a slash.
    rows = connection.execute(query, (f"{rollout}/", f"{rollout}0"))
    found = (msgspec.json.decode(row[0], type=Witnessed) for row in rows)
    return list(islice((each for each in found if not each.went_well), WRONG_MAX))[::-1]


def _attributed(connection: sqlite3.Connection, seen: Witnessed) -> Witnessed | None:
    """Give an exchange with its stream."""
    if seen.stream:
        return seen
    query = "SELECT record FROM exchanges WHERE request_id = ? AND request_id != '' ORDER BY number LIMIT 1"
    row = connection.execute(query, (seen.request_id,)).fetchone()
    if row is None:
        return None
    began = msgspec.json.decode(row[0], type=Witnessed)
    return replace(seen, stream=began.stream, number=began.number, what=f"outcome of the {began.what}")
