"""One command on its way: counted, confirmed, put into the inbox, and its answer waited for and told."""

import asyncio
import sys
import time
import uuid
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import msgspec

from rollout.cli.actor import actor
from rollout.cli.target import Target
from rollout.core.approvals import plan_digest
from rollout.core.command import FOR_ROLLOUTS, Ask, Command, Verb
from rollout.core.names import ENGINE_STREAM, Now, RolloutId
from rollout.core.reply import Kind, Reply, Said, reply
from rollout.errors import CommandRefused, EndpointUnreachable, UsageError
from rollout.journal.journal import Question
from rollout.journal.visitor import Visitor
from rollout.views.reading import Read, is_running, read_rollout
from rollout.views.tell import clock
from rollout.views.text import counted, printable

LOOK_S: Final = 0.1
"""How often the answer is looked for."""


class Manner(NamedTuple):
    """How to ask: without a question back, how long to wait (seconds), how to show the answer, under which key."""

    yes: bool
    wait_s: float
    output: str
    key: str | None


def ask(state: Path, target: Target, verb: Verb, said: dict[str, Any], manner: Manner) -> int:
    """Ask, wait and tell; gives the exit code. `said` are the reason and the verb's own flags.

    Raises UsageError, CommandRefused, StateUnusable.
    """
    if not said["reason"].strip():
        raise UsageError("--reason is empty: say why, for everybody who reads the journal")
    read = read_rollout(state, target.rollout)
    if target.service is not None and target.service not in read.services:
        raise UsageError(f"rollout {target.rollout} has no service {target.service}; `rollout get` names them")
    if verb is Verb.APPROVE and not said["plan"]:
        said = said | {"plan": plan_digest(read.rollout.plan)}
    command = Command(manner.key or uuid.uuid4().hex, verb, actor(), **said)
    asked = Ask(target.rollout, target.service, command)
    if read.rollout.closed is not None:
        # Nothing can change it any more, so nobody has to be asked.
        return _tell(reply(read.rollout, read.services, asked, read.now)[0], manner)
    _confirm(read, target, verb, manner)
    return post(state, asked, manner)


def ask_engine(state: Path, verb: Verb, said: dict[str, Any], manner: Manner) -> int:
    """Ask what concerns every rollout, wait and tell; gives the exit code.

    Raises UsageError, CommandRefused, StateUnusable.
    """
    if not said["reason"].strip():
        raise UsageError("--reason is empty: say why, for everybody who reads the journal")
    command = Command(manner.key or uuid.uuid4().hex, verb, actor(), **said)
    return post(state, Ask(RolloutId(ENGINE_STREAM), None, command), manner)


def post(state: Path, asked: Ask, manner: Manner) -> int:
    """Put a command into the inbox, wait for its answer and tell it; gives the exit code."""
    command = asked.command
    with Visitor.opened(state, asks=True) as visitor:
        text = msgspec.json.encode(asked).decode()
        visitor.post(Question(command.key, command.actor, command.reason, text, time.time()))
        told = asyncio.run(_answer(visitor, command.key, manner.wait_s))
        heard = visitor.heard()
    if told is None:
        return _unanswered(heard, command.key, manner)
    return _tell(msgspec.json.decode(told, type=Reply), manner)


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


def _confirm(read: Read, target: Target, verb: Verb, manner: Manner) -> None:
    """Show the count before several services are spoken to."""
    open_now = sum(state.ended is None for state in read.services.values())
    number = len(read.services) if verb is Verb.RETRY else open_now
    if target.service is not None or verb in FOR_ROLLOUTS - {Verb.ABORT} or manner.yes or number <= 1:
        return
    question = f"{verb} {counted(number, 'service')} of {target.rollout}"
    if not sys.stdin.isatty():
        raise UsageError(f"this would {question}: give --yes, or name one as {target.rollout}/SERVICE")
    if not click.confirm(f"{question}?", err=True):
        raise UsageError("nothing was asked")


async def _answer(visitor: Visitor, key: str, wait_s: float) -> str | None:
    """Look for the answer until it is there or the time is over."""
    ends = time.monotonic() + wait_s
    while (told := visitor.answer_to(key)) is None and (left_s := ends - time.monotonic()) > 0:  # noqa: ASYNC110 - another process answers, and cannot announce it
        await asyncio.sleep(min(LOOK_S, left_s))
    return told


def _unanswered(since: Now, key: str, manner: Manner) -> int:
    running = is_running(since, time.time())
    heard = "an engine was heard just now" if running else f"no engine was heard since {clock(since.wall)}"
    told = (
        f"not answered within {manner.wait_s:g} s; {heard}. The command waits in the state directory and is answered "
        f"when `rollout run` goes on; `rollout withdraw {key}` takes it back"
    )
    if manner.output == "json":
        click.echo(msgspec.json.encode({"kind": "unanswered", "key": key, "running": running}).decode())
    click.echo(told, err=True)
    return EndpointUnreachable.exit_code


def _tell(told: Reply, manner: Manner) -> int:
    if manner.output == "json":
        click.echo(msgspec.json.encode(told).decode())
        return CommandRefused.exit_code if told.kind is Kind.REFUSED else 0
    if told.kind is Kind.REFUSED:
        raise CommandRefused("\n".join(map(_line, told.said)))
    for said in told.said:
        click.echo(printable(_line(said)))
    total = sum(told.counts.values())
    if total > 1:
        click.echo(f"{total} answers: " + ", ".join(f"{n} {_WORDS[kind]}" for kind, n in told.counts.items() if n))
    return 0


_WORDS: Final = {"accepted": "accepted", "no_op": "nothing to do", "refused": "refused"}


def _line(said: Said) -> str:
    match said.kind:
        case Kind.ACCEPTED:
            return f"{said.about}: {said.text}"
        case Kind.NO_OP:
            return f"{said.about}: nothing to do: {said.text}"
        case Kind.REFUSED:
            return f"{said.about}: refused: {said.text}; would work: {said.instead}"
