"""`rollout notifications`: what was given up first, in words and as JSON."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import Result

from rollout.core.names import RolloutId, ServiceName
from rollout.core.notice import Notice, NoticeEvent, NoticeState
from rollout.journal.outbox import Letter, Standing
from rollout.journal.sqlite import SqliteJournal
from rollout.journal.state import StateDirectory

Invoke = Callable[..., Result]


def letter(key: str, rollout: str, sentence: str) -> Letter:
    own = RolloutId(rollout)
    notice = Notice(key, key, NoticeEvent.NEEDS_ATTENTION, NoticeState.RAISED, own, sentence, 0.0, 1, ServiceName("a"))
    return Letter(key, "settings/team", own, msgspec.json.encode(notice).decode(), 1_795_773_600.0)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"

    async def fill(path: Path) -> None:
        async with SqliteJournal.opened(path) as journal:
            letters = [
                letter("a", "web-1", "a is done"),
                letter("b", "web-1", "b waits"),
                letter("c", "web-2", "c \x1b[2J"),
            ]
            await journal.put_letters(letters, 0)
            first, _, third = await journal.waiting_letters("settings/team", 9)
            await journal.tried_letters([first.number], Standing.TAKEN, 5.0, "")
            await journal.tried_letters([third.number], Standing.GIVEN_UP, 5.0, "answered 404")

    with StateDirectory.open(folder, command="test", started_wall=0.0) as opened:
        asyncio.run(fill(opened.journal))
    return folder


def test_what_was_given_up_comes_first_and_nothing_in_it_moves_the_cursor(invoke: Invoke, state: Path) -> None:
    told = invoke("notifications", "--state", state)
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines() == [
        "2026-11-27 10:00:00Z  needs_attention: c \\x1b[2J  [given up to settings/team after 1 tries (answered 404)]",
        "2026-11-27 10:00:00Z  needs_attention: b waits  [waits to settings/team, not tried yet]",
        "2026-11-27 10:00:00Z  needs_attention: a is done  [sent to settings/team]",
    ]


def test_one_rollouts_notices_and_the_dead_ones_can_be_asked_for(invoke: Invoke, state: Path) -> None:
    own = json.loads(invoke("notifications", "web-1", "-o", "json", "--state", state).stdout)
    assert [(each["key"], each["delivery"]) for each in own] == [("b", "waits"), ("a", "sent")]
    dead = json.loads(invoke("notifications", "--dead", "-o", "json", "--state", state).stdout)
    assert [(each["key"], each["said"]) for each in dead] == [("c", "answered 404")]
    assert "nobody was told anything" in invoke("notifications", "web-1", "--dead", "--state", state).stdout


def test_what_was_given_up_can_be_let_wait_anew(invoke: Invoke, state: Path) -> None:
    assert "0 wait to be sent again" in invoke("notifications", "web-1", "--again", "--state", state).stderr
    told = invoke("notifications", "--again", "-o", "json", "--state", state)
    assert (told.exit_code, told.stderr) == (0, "1 wait to be sent again\n")
    again = {each["key"]: (each["delivery"], each["attempts"]) for each in json.loads(told.stdout)}
    assert again == {"a": ("sent", 1), "b": ("waits", 0), "c": ("waits", 0)}


def test_the_url_of_a_chat_is_in_no_entry_no_log_no_list_and_no_report(
    invoke: Invoke, policy: Callable[..., Path], take: Callable[[int], list[str]], endpoint: str, tmp_path: Path
) -> None:
    file, state = policy(take(1)), tmp_path / "run"
    chat = "http://169.254.169.254/hooks/CanaryOfAChat?sig=CanaryOfAnother"
    notify = f"notify: [{{webhook: '{chat}', format: slack, events: [started, finished]}}]\n"
    file.write_text(f"{file.read_text()}{notify}")
    ran = invoke("run", "-f", file, "--endpoint", endpoint, "--state", state)
    assert ran.exit_code == 0, ran.output
    told = [ran.output, *(invoke(*verb, "--state", state).output for verb in SHOWN)]
    with sqlite3.connect(next(state.glob("*.sqlite"))) as journal:
        tables = ("entries", "streams", "heartbeat", "notices")
        told += [str(row) for table in tables for row in journal.execute(f"SELECT * FROM {table}")]  # noqa: S608 - ours
    journal.close()
    assert not [text for text in told if "CanaryOf" in text]
    # It was not asked either: no settings open what a policy may never reach.
    found = json.loads(invoke("notifications", "-o", "json", "--state", state).stdout)
    assert {each["event"] for each in found} == {"started", "finished"}
    assert {each["delivery"] for each in found} == {"waits"}
    assert any("link-local, metadata or no unicast address, and is never asked" in each["said"] for each in found)


SHOWN = (
    ("notifications",),
    ("notifications", "-o", "json"),
    ("get", "web-2.4.1"),
    ("get", "web-2.4.1", "-o", "json"),
    ("report", "web-2.4.1"),
    ("report", "web-2.4.1", "-o", "json"),
    ("audit", "export"),
)
