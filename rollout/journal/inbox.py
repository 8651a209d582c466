"""The inbox's table: asked once for each key, answered once, and withdrawn only while no engine has read it."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from msgspec.structs import astuple

from rollout.errors import CommandRefused
from rollout.journal.journal import Answered, Question, VersionConflict

WAITING_MAX: Final = 1_000
"""Questions that may wait for an engine."""
ANSWERED_KEPT_MAX: Final = 10_000
"""Answers kept, so that a key that arrives again gets its first answer; older ones are forgotten."""
COMMAND_CHARS_MAX: Final = 16_384
KEY_CHARS_MAX: Final = 128


def refuse_unfit(question: Question) -> None:
    """Raise CommandRefused for a question that no inbox takes."""
    if not 0 < len(question.key) <= KEY_CHARS_MAX or len(question.command) > COMMAND_CHARS_MAX:
        message = f"a key has 1 to {KEY_CHARS_MAX} characters and a command at most {COMMAND_CHARS_MAX}: say it shorter"
        raise CommandRefused(message)


def refuse_full(waiting: int) -> None:
    """Raise CommandRefused where too many wait already."""
    if waiting >= WAITING_MAX:
        message = f"{waiting} commands wait for an engine already: run it, or withdraw some"
        raise CommandRefused(message)


def refuse_other(known: str, question: Question) -> None:
    """Raise CommandRefused where the key was used for another command."""
    if known != question.command:
        raise CommandRefused(f"the key {question.key} was used for another command: choose a new one")


def post(connection: sqlite3.Connection, question: Question) -> None:
    """Inside a transaction: ask, unless the same was asked under this key before."""
    refuse_unfit(question)
    known = connection.execute("SELECT command FROM inbox WHERE key = ?", (question.key,)).fetchone()
    if known is not None:
        refuse_other(known[0], question)
        return
    (waiting,) = connection.execute("SELECT count(*) FROM inbox WHERE answer IS NULL").fetchone()
    refuse_full(waiting)
    connection.execute(
        "INSERT INTO inbox (key, actor, reason, command, asked) VALUES (?, ?, ?, ?, ?)", astuple(question)
    )


def withdraw(connection: sqlite3.Connection, key: str) -> bool:
    """Inside a transaction: take a question back; False = it is not there, or an engine has read it."""
    return connection.execute("DELETE FROM inbox WHERE key = ? AND taken = 0", (key,)).rowcount > 0


def answer_to(connection: sqlite3.Connection, key: str) -> str | None:
    """Give the answer, if there is one."""
    row = connection.execute("SELECT answer FROM inbox WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def any_waiting(connection: sqlite3.Connection) -> bool:
    """Tell whether a question waits."""
    return connection.execute("SELECT 1 FROM inbox WHERE answer IS NULL LIMIT 1").fetchone() is not None


def take(connection: sqlite3.Connection, limit: int) -> Sequence[Question]:
    """Inside a transaction: give the first questions without an answer; none of them can be withdrawn any more."""
    rows = connection.execute(
        "SELECT number, key, actor, reason, command, asked FROM inbox WHERE answer IS NULL ORDER BY number LIMIT ?",
        (limit,),
    ).fetchall()
    connection.executemany("UPDATE inbox SET taken = 1 WHERE number = ?", [row[:1] for row in rows])
    return [Question(*row[1:]) for row in rows]


def refuse_unanswerable(connection: sqlite3.Connection, answers: Sequence[Answered]) -> None:
    """Raise VersionConflict for an answer to nothing, or a second one. Changes nothing."""
    for each in answers:
        row = connection.execute("SELECT answer FROM inbox WHERE key = ?", (each.key,)).fetchone()
        if row is None or row[0] is not None:
            raise twice(each.key)


def twice(key: str) -> VersionConflict:
    """Make the refusal of an answer that has no question any more."""
    return VersionConflict(f"the question {key} is not there or was answered before: somebody else answers, too")


def answer(connection: sqlite3.Connection, answers: Sequence[Answered]) -> None:
    """Inside a transaction: write answers down, and forget very old ones."""
    connection.executemany(
        "UPDATE inbox SET answer = ?, answered = ? WHERE key = ?",
        [(each.answer, each.wall, each.key) for each in answers],
    )
    connection.execute(
        "DELETE FROM inbox WHERE answer IS NOT NULL AND number <= (SELECT max(number) FROM inbox) - ?",
        (ANSWERED_KEPT_MAX,),
    )
