"""The submissions' table: which bundle each key stands for."""

import sqlite3
from typing import Final

from rollout.errors import CommandRefused

KEYS_KEPT_MAX: Final = 10_000
"""Keys that are remembered; older ones are forgotten. The rollout itself is known by its id and documents for ever."""
KEY_CHARS_MAX: Final = 200


def refuse_unfit(key: str) -> None:
    """Raise CommandRefused for a key that is not remembered."""
    if not 0 < len(key) <= KEY_CHARS_MAX:
        raise CommandRefused(f"the key of a submission has 1 to {KEY_CHARS_MAX} characters, and this one {len(key)}")


def reserve(connection: sqlite3.Connection, key: str, digest: str) -> str:
    """Inside a transaction: let a key stand for a bundle, unless it stands for one already; gives for which."""
    refuse_unfit(key)
    connection.execute("INSERT OR IGNORE INTO submissions (key, digest) VALUES (?, ?)", (key, digest))
    connection.execute(
        "DELETE FROM submissions WHERE number <= (SELECT max(number) FROM submissions) - ?", (KEYS_KEPT_MAX,)
    )
    (stands_for,) = connection.execute("SELECT digest FROM submissions WHERE key = ?", (key,)).fetchone()
    return str(stands_for)
