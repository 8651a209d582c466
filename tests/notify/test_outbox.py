"""The outbox on disk: in once, in order, settled by attempts, listed with what went wrong first."""

import sqlite3
from pathlib import Path

from rollout.core.names import RolloutId
from rollout.journal import outbox
from rollout.journal.outbox import KEPT_MAX, Letter, Standing
from rollout.journal.sqlite import SqliteJournal
from rollout.journal.visitor import Visitor

OWN, OTHER = RolloutId("web-1"), RolloutId("web-2")


def letter(key: str, target: str = "settings/team", rollout: RolloutId = OWN) -> Letter:
    return Letter(key, target, rollout, f'"{key}"', 5.0)


async def test_a_letter_is_put_in_once_for_each_target_together_with_the_place_it_was_drawn_from(
    tmp_path: Path,
) -> None:
    async with SqliteJournal.opened(tmp_path / "journal.sqlite") as journal:
        assert await journal.drawn_to() == 0
        await journal.put_letters([letter("a"), letter("b"), letter("a", "json/x")], 7)
        await journal.put_letters([letter("a"), letter("c")], 5)
        assert await journal.drawn_to() == 7
        assert await journal.waiting_targets() == ["json/x", "settings/team"]
        waiting = await journal.waiting_letters("settings/team", 2)
        assert [each.key for each in waiting] == ["a", "b"]


async def test_attempts_are_counted_and_a_restart_finds_what_still_waits(tmp_path: Path) -> None:
    async with SqliteJournal.opened(tmp_path / "journal.sqlite") as journal:
        await journal.put_letters([letter("a"), letter("b"), letter("c", rollout=OTHER)], 3)
        first, second, third = await journal.waiting_letters("settings/team", 50)
        await journal.tried_letters([first.number, second.number], Standing.WAITS, 10.0, "answered 500")
        await journal.tried_letters([first.number], Standing.TAKEN, 11.0, "")
        await journal.tried_letters([third.number], Standing.GIVEN_UP, 12.0, "answered 404")
    async with SqliteJournal.opened(tmp_path / "journal.sqlite") as journal:
        (left,) = await journal.waiting_letters("settings/team", 50)
        assert (left.key, left.attempts, left.tried, left.said) == ("b", 1, 10.0, "answered 500")
    with Visitor.opened(tmp_path) as visitor:
        assert [(each.key, each.state) for each in visitor.letters(None, 50)] == [
            ("c", Standing.GIVEN_UP),
            ("b", Standing.WAITS),
            ("a", Standing.TAKEN),
        ]
        assert [each.key for each in visitor.letters(OWN, 50)] == ["b", "a"]


def test_settled_letters_are_forgotten_after_a_while_and_waiting_ones_never(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.sqlite")
    connection.executescript("CREATE TABLE heartbeat (position INTEGER); INSERT INTO heartbeat VALUES (4);")
    connection.executescript((Path(outbox.__file__).parent / "schema" / "004_notices.sql").read_text())
    assert outbox.drawn_to(connection) == 4  # what was recorded before is told to nobody
    outbox.put_letters(connection, [letter(str(n)) for n in range(KEPT_MAX + 10)], 9)
    outbox.tried_letters(connection, list(range(2, 6)), Standing.TAKEN, 1.0, "")
    (count,) = connection.execute("SELECT count(*) FROM notices").fetchone()
    assert count == KEPT_MAX + 6
    assert outbox.waiting_letters(connection, "settings/team", 1)[0].number == 1
    connection.close()
