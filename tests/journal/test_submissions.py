"""Keys of submissions outlive the process, and are bounded."""

import sqlite3
from contextlib import closing
from pathlib import Path

from rollout.journal import submissions
from rollout.journal.sqlite import SqliteJournal
from rollout.journal.submissions import KEYS_KEPT_MAX, reserve


async def test_a_key_stands_for_the_same_bundle_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with SqliteJournal.opened(path) as journal:
        assert await journal.reserve("k", "one") == "one"
    async with SqliteJournal.opened(path) as journal:
        assert await journal.reserve("k", "two") == "one"


def test_the_oldest_keys_are_forgotten() -> None:
    script = Path(submissions.__file__).parent / "schema" / "006_submissions.sql"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script.read_text(encoding="utf-8"))
        for number in range(KEYS_KEPT_MAX + 2):
            reserve(connection, f"k{number}", "one")
        assert connection.execute("SELECT count(*) FROM submissions").fetchone() == (KEYS_KEPT_MAX,)
        assert reserve(connection, "k2", "two") == "one"
        assert reserve(connection, "k0", "two") == "two"
