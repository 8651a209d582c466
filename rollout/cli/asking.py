"""One word on its way: counted, confirmed, said where it belongs, and its answer told."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import click
import msgspec

from rollout.cli.target import Target
from rollout.cli.where import Where
from rollout.core.command import FOR_ROLLOUTS, Verb
from rollout.core.reply import Kind, Reply
from rollout.errors import CommandRefused, UsageError
from rollout.remote.refused import CountChanged, Unanswered, WordRefused, line_of, refused
from rollout.views.choosing import EVERYTHING, NOT_ROWS, Selection
from rollout.views.text import counted, printable

COUNTS_MAX: Final = 3
_WORDS: Final = {"accepted": "accepted", "no_op": "nothing to do", "refused": "refused"}


class Manner(NamedTuple):
    """How to ask: without a question back, how to show the answer, under which key."""

    yes: bool
    output: str
    key: str | None


async def ask(
    where: Where, verb: Verb, target: Target, said: dict[str, Any], manner: Manner, *, selection: Selection
) -> int:
    """Ask, wait and tell; gives the exit code. `said` are the reason and the verb's own flags.

    Raises UsageError, CommandRefused, and what `where` raises.
    """
    reason = reason_of(said.pop("reason"))
    if selection != EVERYTHING and (target.service is not None or verb in FOR_ROLLOUTS):
        raise UsageError("--wave, --select and --phase choose among the services of a rollout: give its ID alone")
    number = None
    if target.service is None and verb is not Verb.CLAIM and (verb not in FOR_ROLLOUTS or verb is Verb.ABORT):
        weighed = await where.weigh(verb, str(target), reason=reason, selection=selection, **said)
        number = confirmed(verb, target, weighed["count"], manner, some=selection != EVERYTHING)
    if verb is Verb.APPROVE and not said.get("plan"):
        said["plan"] = (await where.read(target.rollout, NOT_ROWS))["plan"]

    async def say(count: int | None) -> Reply:
        return await where.tell(
            verb, str(target), reason=reason, selection=selection, confirm_count=count, key=manner.key, **said
        )

    return await told(lambda: _counting(say, number, manner), manner)


async def _counting(say: Callable[[int | None], Awaitable[Reply]], number: int | None, manner: Manner) -> Reply:
    """Say it for so many services; where these change all the while, whoever gave --yes means those there are."""
    for _ in range(COUNTS_MAX):
        try:
            return await say(number or None)
        except CountChanged as changed:
            if not manner.yes:
                raise
            number = changed.count
    return await say(number or None)


def reason_of(text: str) -> str:
    """Take the reason; raises UsageError for an empty one."""
    if not text.strip():
        raise UsageError("--reason is empty: say why, for everybody who reads the journal")
    return text


def confirmed(verb: str, target: Target, number: int, manner: Manner, *, some: bool) -> int:
    """Show the count before several services are spoken to, and give it back. Raises UsageError."""
    if some and not number:
        raise UsageError(f"no service of {target.rollout} is meant by that; `rollout get` shows waves, tags and phases")
    question = f"{verb} {counted(number, 'service')} of {target.rollout}"
    if manner.yes or number <= 1:
        return number
    if not sys.stdin.isatty():
        raise UsageError(f"this would {question}: give --yes, or name one as {target.rollout}/SERVICE")
    if not click.confirm(f"{question}?", err=True):
        raise UsageError("nothing was asked")
    return number


async def told(say: Callable[[], Awaitable[Reply]], manner: Manner) -> int:
    """Say it and tell the answer; gives the exit code."""
    try:
        reply = await say()
    except WordRefused as error:
        if manner.output == "json" and error.reply is not None:
            return show(error.reply, manner.output)
        raise
    except Unanswered as silence:
        if manner.output == "json":
            click.echo(msgspec.json.encode(silence.document).decode())
        click.echo(printable(str(silence)), err=True)
        return silence.exit_code
    return show(reply, manner.output)


def show(reply: Reply, output: str) -> int:
    """Tell an answer; gives the exit code. Raises CommandRefused."""
    if output == "json":
        click.echo(msgspec.json.encode(reply).decode())
        return CommandRefused.exit_code if reply.kind is Kind.REFUSED else 0
    if reply.kind is Kind.REFUSED:
        raise refused(reply)
    for said in reply.said:
        click.echo(printable(line_of(said)))
    total = sum(reply.counts.values())
    if total > 1:
        click.echo(f"{total} answers: " + ", ".join(f"{n} {_WORDS[kind]}" for kind, n in reply.counts.items() if n))
    return 0
