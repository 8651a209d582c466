"""The gate: every request passes it, in this order: its frame, its host, its page, its route, its person, its pace."""

import contextlib
import math
import re
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

import structlog
from aiohttp import hdrs, web
from pydantic import ValidationError

from rollout.daemon.auth.person import Person
from rollout.daemon.auth.role import covers
from rollout.daemon.auth.sessions import TicketFor
from rollout.daemon.http import bodies, framing, tags
from rollout.daemon.http.buckets import Buckets
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.problem import Refused, problem, refusal_of
from rollout.daemon.http.requests import Requests
from rollout.daemon.http.route import Asked, Route, Table
from rollout.errors import RolloutError

NOBODY: Final = Person("", (), "")
QUERY_FIELDS_MAX: Final = 20
ROUTE: Final = web.RequestKey("route", Route)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] ([\x21-\x7e]{1,512})")
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="rollout"'}

_log = structlog.get_logger("rollout.daemon")


class Gate:
    """Answers requests from a table of routes."""

    def __init__(self, desk: Desk, table: Table, requests: Requests) -> None:
        self._desk = desk
        self._requests = requests
        self._table = table
        self._limits = desk.limits
        self._names = framing.Names(desk.site.settings.listen.host, desk.site.settings.hosts)
        burst_s = self._limits.burst_s
        self._reads = Buckets(self._limits.reads_per_s, self._limits.reads_per_s * burst_s, time.monotonic)
        self._writes = Buckets(self._limits.mutations_per_s, self._limits.mutations_per_s * burst_s, time.monotonic)
        self._in_flight = {True: 0, False: 0}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer any request, and count it."""
        began_s = time.monotonic()
        response = await self._answer(request)
        route = request.get(ROUTE)
        method, path = ("", "") if route is None else (route.method, route.path)
        self._requests.count(method, path, response.status)
        if route is None or not route.streams:
            self._requests.took(time.monotonic() - began_s)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """Whatever goes wrong, there is a problem document and never a traceback."""
        try:
            return await self._served(request)
        except Refused as refused:
            return problem(refused, request.raw_path)
        except RolloutError as error:
            return problem(refusal_of(error), request.raw_path)
        except ConnectionError:
            raise  # the caller has gone, and nobody reads an answer
        except Exception:  # noqa: BLE001 - the edge: our mistake is logged loudly, and the caller hears no more than that
            _log.exception("request_failed", method=request.method, path=request.raw_path[:200])
            return problem(Refused(500, "a mistake in rollout itself; its log says more"), request.raw_path)

    async def _served(self, request: web.Request) -> web.StreamResponse:
        path, query = framing.path_of(request, self._names, self._limits)
        framing.refuse_other_pages(request)
        route, names = self._table.find(request.method, path)
        request[ROUTE] = route
        pairs = _pairs(query)
        person = self._person(request, route, pairs)
        self._pace(route, person, request)
        with self._crowd(route, person):
            asked: Asked[Any, Any] = Asked(
                request, person, names, _query(route, pairs), await self._body(request, route), _key(request)
            )
            answered = await route.handler(self._desk, asked)
            if route.method != "GET":
                self._desk.forget()
        return answered if isinstance(answered, web.StreamResponse) else tags.response(request, answered)

    @contextlib.contextmanager
    def _crowd(self, route: Route, person: Person) -> Iterator[None]:
        """Be one of those who are answered at once. Raises Refused (503)."""
        known = person is not NOBODY
        most = self._limits.in_flight if known else self._limits.anonymous
        if route.streams:
            yield
            return
        if self._in_flight[known] >= most:
            raise Refused(503, f"{most} requests are being answered already", headers={"Retry-After": "1"})
        self._in_flight[known] += 1
        try:
            yield
        finally:
            self._in_flight[known] -= 1

    def _person(self, request: web.Request, route: Route, query: dict[str, str]) -> Person:
        if not route.roles:
            return NOBODY
        person = self._shown(request, route, query)
        if person is None:
            raise Refused(401, "say who you are: Authorization: Bearer TOKEN", headers=_CHALLENGE)
        if not any(covers(person.roles, role) for role in route.roles):
            held = ", ".join(person.roles)
            raise Refused(403, f"this is for {' or '.join(route.roles)}, and {person.name} is {held}")
        return person

    def _shown(self, request: web.Request, route: Route, query: dict[str, str]) -> Person | None:
        shown = request.headers.getall(hdrs.AUTHORIZATION, [])
        if not shown and route.ticket and (ticket := query.pop("ticket", None)) is not None:
            return self._desk.sessions.redeem(ticket, TicketFor.EVENTS)
        found = _BEARER.fullmatch(shown[0]) if len(shown) == 1 else None
        return None if found is None else self._desk.sessions.find(found.group(1))

    def _pace(self, route: Route, person: Person, request: web.Request) -> None:
        if person is NOBODY:
            return
        mutates = request.method not in {"GET", "HEAD"}
        wait_s = (self._writes if mutates else self._reads).take(person.bucket)
        if wait_s > 0:
            what = "changes" if mutates else "looks"
            after = str(max(math.ceil(wait_s), 1))
            raise Refused(429, f"{person.name} {what} too often", headers={"Retry-After": after}, close=route.streams)

    async def _body(self, request: web.Request, route: Route) -> Any:
        if route.body is None:
            if request.body_exists:
                raise Refused(400, f"{request.method} takes no body here", close=True)
            return None
        document = await bodies.read_body(request, self._limits)
        try:
            return route.body.model_validate(document)
        except ValidationError as error:
            raise Refused(400, "the body is not what is taken here", errors=_faults(error)) from None


def _pairs(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=QUERY_FIELDS_MAX
        )
    except ValueError:
        raise Refused(400, "the query cannot be read") from None
    if len(dict(pairs)) != len(pairs):
        raise Refused(400, "a name stands twice in the query")
    return dict(pairs)


def _query(route: Route, pairs: dict[str, str]) -> Any:
    if any("\0" in text for pair in pairs.items() for text in pair):
        raise Refused(400, "the query holds a NUL")
    try:
        return route.query.model_validate(pairs)
    except ValidationError as error:
        raise Refused(400, "the query is not what is taken here", errors=_faults(error)) from None


def _faults(error: ValidationError) -> list[dict[str, str]]:
    return [
        {"pointer": "".join(f"/{str(part)[:80]}" for part in each["loc"]), "message": each["msg"]}
        for each in error.errors(include_url=False, include_context=False, include_input=False)[:20]
    ]


def _key(request: web.Request) -> str:
    keys = request.headers.getall("Idempotency-Key", [])
    if not keys:
        return ""
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Refused(400, "an Idempotency-Key is one line of at most 200 printable ASCII characters, without blanks")
    return keys[0]
