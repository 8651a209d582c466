"""A word put into a state directory's inbox, where whatever engine runs over it answers; and taken back."""

import asyncio
import time
from pathlib import Path
from typing import Final

import click
import msgspec

from rollout.core.command import Ask
from rollout.core.names import Now
from rollout.core.reply import Kind, Reply
from rollout.errors import CommandRefused
from rollout.journal.journal import Question
from rollout.journal.visitor import Visitor
from rollout.remote.refused import Unanswered, refused
from rollout.views.reading import is_running
from rollout.views.tell import clock

LOOK_S: Final = 0.1
"""How often the answer is looked for."""


async def post(state: Path, asked: Ask, wait_s: float) -> Reply:
    """Put a command into the inbox and wait for its answer. Raises WordRefused, Unanswered, StateUnusable."""
    command = asked.command
    with Visitor.opened(state, asks=True) as visitor:
        text = msgspec.json.encode(asked).decode()
        visitor.post(Question(command.key, command.actor, command.reason, text, time.time()))
        told = await _answer(visitor, command.key, wait_s)
        heard = visitor.heard()
    if told is None:
        raise _unanswered(heard, command.key, wait_s)
    return heard_reply(msgspec.json.decode(told, type=Reply))


def heard_reply(reply: Reply) -> Reply:
    """Give an answer that is no refusal. Raises WordRefused."""
    if reply.kind is Kind.REFUSED:
        raise refused(reply)
    return reply


def take_back(state: Path, key: str) -> int:
    """Withdraw a command. Raises CommandRefused where it is too late."""
    with Visitor.opened(state, asks=True) as visitor:
        if visitor.withdraw(key):
            click.echo(f"withdrawn: {key}; nothing of it was done")
            return 0
        known = visitor.answer_to(key)
    raise CommandRefused(
        f"{key} was answered already" if known else f"{key} is not waiting, or an engine has read it and will answer it"
    )


async def _answer(visitor: Visitor, key: str, wait_s: float) -> str | None:
    """Look for the answer until it is there or the time is over."""
    ends = time.monotonic() + wait_s
    while (told := visitor.answer_to(key)) is None and (left_s := ends - time.monotonic()) > 0:  # noqa: ASYNC110 - another process answers, and cannot announce it
        await asyncio.sleep(min(LOOK_S, left_s))
    return told


def _unanswered(since: Now, key: str, wait_s: float) -> Unanswered:
    running = is_running(since, time.time())
    heard = "an engine was heard just now" if running else f"no engine was heard since {clock(since.wall)}"
    return Unanswered(
        f"not answered within {wait_s:g} s; {heard}. The command waits in the state directory and is answered "
        f"when `rollout run` goes on; `rollout withdraw {key}` takes it back",
        {"kind": "unanswered", "key": key, "running": running},
    )
