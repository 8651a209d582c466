"""The payloads' table: documents that entries name by their digest, each kept once."""

import sqlite3
from pathlib import Path

from rollout.core.names import Digest, digest_of
from rollout.errors import JournalDamaged


def put(connection: sqlite3.Connection, digest: Digest, payload: bytes) -> None:
    """Inside a transaction: store a payload once."""
    connection.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (digest, payload))


def payload(connection: sqlite3.Connection, path: Path, digest: Digest) -> bytes:
    """Give a payload, compared with its digest. Raises JournalDamaged."""
    row = connection.execute("SELECT payload FROM blobs WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        message = f"{path} holds no payload {digest}"
        raise JournalDamaged(message)
    found: bytes = row[0]
    if digest_of(found) != digest:
        message = f"{path}: payload {digest} was changed; restore the state from a backup"
        raise JournalDamaged(message)
    return found
