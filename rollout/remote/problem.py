"""An answer that is no success becomes one of our errors: what, why, and what would work instead (RFC 9457). Pure."""

from typing import Any, Final

import msgspec

from rollout.core.reply import Kind, Reply, Said
from rollout.errors import (
    CommandRefused,
    EndpointUnreachable,
    Forbidden,
    PolicyError,
    Problem,
    RolloutError,
    UsageError,
)
from rollout.remote.refused import CountChanged, refused

PROBLEM_BYTES_MAX: Final = 1 << 20
CHARS_MAX: Final = 8_192
"""So much of one text of an answer is shown."""

TOO_MANY: Final = 429
UNAVAILABLE: Final = frozenset({502, 503, 504})


class Gone(UsageError):
    """The daemon keeps no events that old."""


class Document(msgspec.Struct, frozen=True):
    """A problem document, as far as we read it; what is absent is empty."""

    title: str = ""
    detail: str = ""
    instead: str = ""
    diff: str = ""
    errors: tuple[dict[str, Any], ...] = ()
    said: tuple[Said, ...] = ()
    counts: dict[str, int] = {}
    count: int | None = None


def error_of(status: int, content_type: str, body: bytes, what: str, where: str) -> RolloutError:
    """Give the error for an answer. `what` was asked (`GET /v1/rollouts`) at `where` (the daemon's address)."""
    document = _document(content_type, body)
    if document is None:
        return _no_daemon(status, what, where)
    said = _said(document)
    match status:
        case 401 | 403:
            return Forbidden(f"{where} does not let us: {said}")
        case 404:
            return UsageError(said)
        case 409:
            return _conflict(document, said)
        case 400 | 422 if problems := _problems(document):
            return PolicyError(problems)
        case 410:
            return Gone(said)
        case 421:
            return EndpointUnreachable(f"{where} answers under other names only: {said}")
        case 429:
            return EndpointUnreachable(f"{where} is asked too much: {said}")
        case _ if status >= 500:  # noqa: PLR2004 - the server's own errors
            return EndpointUnreachable(f"{where} cannot answer {what} ({status}): {said}")
        case _:
            return UsageError(f"{where} does not accept {what} ({status}): {said}")


def _conflict(document: Document, said: str) -> CommandRefused:
    if document.said:
        return refused(Reply(Kind.REFUSED, document.said, document.counts))
    return CommandRefused(said) if document.count is None else CountChanged(said, document.count)


def _document(content_type: str, body: bytes) -> Document | None:
    if content_type.partition(";")[0].strip().lower() not in {"application/problem+json", "application/json"}:
        return None
    try:
        return msgspec.json.decode(body, type=Document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _no_daemon(status: int, what: str, where: str) -> RolloutError:
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        return EndpointUnreachable(
            f"{where} sends {what} on to another address ({status}); that is not followed, since a token belongs to "
            "the address it was given for: give --url as it is in the end"
        )
    return EndpointUnreachable(f"what answers {what} at {where} ({status}) is no rollout daemon: look at --url")


def _said(document: Document) -> str:
    """Put the parts of a problem together, its errors and a diff below each other."""
    parts = [document.detail or document.title or "it does not say why"]
    if document.instead:
        parts.append(f"; would work: {document.instead}")
    if document.errors:
        parts.append("".join(f"\n  {_of_field(each)}" for each in document.errors))
    if document.diff:
        parts.append(f"\n{document.diff}")
    return "".join(part[:CHARS_MAX] for part in parts)


def _of_field(error: dict[str, Any]) -> str:
    where = error.get("pointer") or error.get("path") or ""
    return f"{where}: {error.get('message', '')}".removeprefix(": ")


def _problems(document: Document) -> list[Problem]:
    """Give the mistakes that stand at a place of a document, if the errors are such."""
    return [
        Problem(
            file=str(each["file"]),
            line=_number(each.get("line")),
            column=_number(each.get("col", each.get("column"))),
            path=str(each.get("path") or ""),
            message=str(each.get("message") or ""),
        )
        for each in document.errors
        if each.get("file")
    ]


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
