"""One route: what is asked for, who may, what comes with it, and who answers. The table of them is the API."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import unquote

import msgspec
from aiohttp import web
from pydantic import BaseModel, ConfigDict

from rollout.daemon.auth.person import Person
from rollout.daemon.auth.role import Role
from rollout.daemon.http.problem import Refused

ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Body(BaseModel):
    """A body that people or programs send: exact types, and a member it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Query(BaseModel):
    """What may stand behind the `?`; texts become numbers, and a name it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NoQuery(Query):
    """Nothing."""


B = TypeVar("B", bound=Body | None)
Q = TypeVar("Q", bound=Query)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q, B]):
    """One request that may be answered: who asks, and everything they said, judged."""

    request: web.Request
    person: Person
    names: Mapping[str, str]
    """What the braces of the path stand for."""
    query: Q
    body: B
    key: str
    """The Idempotency-Key, empty without one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: a document, or bytes that are one already."""

    document: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    content_type: str = "application/json"
    tag: str | None = None
    """What the answer was made from: an equal one is an equal answer. None = made from its bytes."""


Handler = Callable[[Any, Any], Awaitable[Answer | web.StreamResponse]]
"""Takes the desk and what was asked."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table. `roles`: any of them will do, none = anybody; `ticket` = so will a ticket in the query."""

    method: str
    path: str
    handler: Handler
    summary: str
    roles: tuple[Role, ...] = (Role.VIEWER,)
    query: type[Query] = NoQuery
    body: type[Body] | None = None
    answers: Any = None
    """The type of the answer's document, None = an object."""
    statuses: tuple[int, ...] = (200,)
    content_type: str = "application/json"
    ticket: bool = False
    streams: bool = False
    """It goes on for long, so it does not count among the requests in flight."""


class Found(NamedTuple):
    """The route of a request, and the names in its path."""

    route: Route
    names: dict[str, str]


class Table:
    """All routes; finds the one of a request."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._parts = [(route, route.path.split("/")) for route in routes]

    def find(self, method: str, path: str) -> Found:
        """Find a route by the raw path. Raises Refused: 400 for a path that cannot be read, 404, 405."""
        parts = [_plain(part) for part in path.split("/")]
        allowed: list[str] = []
        for route, pattern in self._parts:
            names = _match(pattern, parts)
            if names is None:
                continue
            if method == route.method or (method == "HEAD" and route.method == "GET" and not route.streams):
                return Found(route, names)
            allowed.append(route.method)
        if allowed:
            raise Refused(
                405,
                f"{method[:20]} is not for this path",
                headers={"Allow": ", ".join(sorted(set(allowed)))},
                close=True,
            )
        raise Refused(404, "there is nothing at this path")


def _match(pattern: Sequence[str], parts: Sequence[str]) -> dict[str, str] | None:
    rest = pattern[-1].startswith("{*")
    if len(parts) != len(pattern) and not (rest and len(parts) >= len(pattern)):
        return None
    names: dict[str, str] = {}
    for number, expected in enumerate(pattern):
        if expected.startswith("{*"):
            names[expected[2:-1]] = "/".join(parts[number:])
        elif expected.startswith("{"):
            names[expected[1:-1]] = parts[number]
        elif expected != parts[number]:
            return None
    return names


def _plain(part: str) -> str:
    """Undo the escapes of one part of a path; what would be a part of its own, or is none, is refused."""
    if "%" not in part:
        text = part
    else:
        try:
            text = "" if ESCAPE.search(part) else unquote(part, errors="strict")
        except UnicodeDecodeError:
            text = ""
        if not text:
            raise Refused(400, "the path has an escape that stands for nothing")
    if "/" in text or "\\" in text or not text.isprintable():
        raise Refused(400, "a part of the path holds a separator or a control character")
    if text in {".", ".."}:
        raise Refused(404, "there is nothing at this path")
    return text


def encode(document: Any) -> bytes:
    """Write a document as JSON."""
    return msgspec.json.encode(document)
