"""Refusals as problem documents (RFC 9457): what, why, and what would work instead."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from rollout.errors import (
    CommandRefused,
    DocumentsChanged,
    EndpointUnreachable,
    Forbidden,
    PolicyError,
    RolloutError,
    StateUnusable,
    Stopping,
    UsageError,
)

CONTENT_TYPE: Final = "application/problem+json"
ERRORS_MAX: Final = 100
"""So many mistakes of one document are told."""
RETRY_S: Final = 5

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "rollout",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer, unless it says otherwise. None of them is a CORS header: no other origin may read anything."""


class Refused(Exception):
    """A request that is not served, and why. `more` are further members of the document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        close: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.close = close
        """The connection is of no further use."""
        self.more = more


def problem(refused: Refused, path: str) -> web.Response:
    """Write a refusal down."""
    status = HTTPStatus(refused.status)
    document = {
        "type": f"urn:rollout:problem:{status.name.lower().replace('_', '-')}",
        "title": status.phrase,
        "status": int(status),
        "detail": refused.detail,
        "instance": path[:512],
        **refused.more,
    }
    body = msgspec.json.encode(document)
    response = web.Response(status=refused.status, body=body, headers={**HEADERS, **refused.headers})
    response.headers["Content-Type"] = CONTENT_TYPE
    if refused.close:
        response.force_close()
    return response


def refusal_of(error: RolloutError) -> Refused:
    """Give the refusal that an error of ours comes to."""
    match error:
        case PolicyError(problems=problems):
            return Refused(400, f"the documents have {len(problems)} mistakes", errors=_places(problems))
        case DocumentsChanged(diff=diff):
            return Refused(409, str(error), diff=diff, instead="a new `rollout:` id, or the documents unchanged")
        case Stopping() | StateUnusable():
            return Refused(503, str(error), headers={"Retry-After": str(RETRY_S)})
        case CommandRefused():
            return Refused(409, str(error))
        case Forbidden():
            return Refused(403, str(error))
        case EndpointUnreachable():
            return Refused(502, str(error))
        case UsageError():
            return Refused(400, str(error))
        case _:
            return Refused(409, str(error))


def _places(problems: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {"file": each.file, "line": each.line, "col": each.column, "path": each.path, "message": each.message}
        for each in problems[:ERRORS_MAX]
    ]
