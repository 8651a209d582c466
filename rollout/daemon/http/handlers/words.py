"""What a word of a person is made of, and how its answer is told."""

import uuid
from typing import Annotated, Any, Final

import msgspec
from pydantic import AfterValidator, StringConstraints

from rollout.core.command import Ask
from rollout.core.reply import Kind, Reply
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer

REASON_CHARS_MAX: Final = 1_000


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    if not text.strip():
        raise ValueError("must say something: everybody who reads the journal will see it")
    return text.strip()


Reason = Annotated[str, StringConstraints(max_length=REASON_CHARS_MAX), AfterValidator(_line)]
Key = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""Of a service, a wave or a phase: never a path, and nothing behind it."""


def key_of(body_key: str | None, header_key: str) -> str:
    """Give the key of a command: the body's, the header's, or a new one. Raises Refused (400) where these differ."""
    if body_key and header_key and body_key != header_key:
        raise Refused(400, "`key` and the Idempotency-Key differ: give one of them")
    return body_key or header_key or uuid.uuid4().hex


async def recorded(desk: Desk, key: str) -> Reply | None:
    """Give the answer that a key had already, in this life of the daemon or an earlier one."""
    told = await desk.host.journal.answer_to(key)
    return None if told is None else msgspec.json.decode(told, type=Reply)


async def say(desk: Desk, ask: Ask) -> Answer:
    """Say a word and tell its answer. Raises Refused (409) where all of it is refused."""
    return told(await desk.host.say(ask))


def told(reply: Reply, **more: Any) -> Answer:
    """Tell an answer: 202, or 409 where nothing but refusals is left."""
    if reply.kind is Kind.REFUSED:
        first = reply.said[0] if reply.said else None
        detail = "it is refused" if first is None else f"{first.about}: {first.text}"
        instead = first.instead if first is not None else ""
        raise Refused(409, detail, instead=instead, said=reply.said, counts=reply.counts)
    return Answer({"kind": reply.kind, "said": reply.said, "counts": reply.counts, **more}, 202)
