"""The front: one request in, one reply out, framed as the recorded service frames it, or spoilt as a fault says."""

from contextlib import suppress
from email.utils import format_datetime
from typing import Final

from aiohttp import web

from rollout.emulator import bodies, refusals, routes, signing, write
from rollout.emulator.access import Access
from rollout.emulator.calls import Answer, Call, Dropped, Late, Page, Redirected
from rollout.emulator.fabric import Fabric
from rollout.emulator.faults import Effect
from rollout.emulator.refusals import BadToken, Refusal
from rollout.emulator.request_ids import RequestIds
from rollout.emulator.routes import Route
from rollout.platforms.classic.vocabulary import (
    CONTINUATION_HEADER,
    PIPELINING_HEADER,
    REGION_HEADER,
    REQUEST_ID_HEADER,
    RESPONSE_CONTENT_TYPE,
    VERSION_HEADER,
    ErrorCode,
)

_HEADERS: Final = {
    PIPELINING_HEADER: "16",
    REGION_HEADER: "ussouth3",
    "Cache-Control": "no-cache",
    "Server": "1.0.6198.319, (rd_rdfe_stable.160216-1642), Microsoft-HTTPAPI/2.0",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
_PAGE: Final = (
    b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>"
    b"<body><h1>502 Bad Gateway</h1><hr></body></html>\n"
)
_PAGE_CONTENT_TYPE: Final = "text/html; charset=us-ascii"
_CUT_BODY: Final = b"<Operation"
"""Where a reply has no body to cut, the beginning of one."""


class Front:
    """What answers requests."""

    def __init__(
        self, fabric: Fabric, ids: RequestIds, subscription: str, body_seconds_max: float, access: Access
    ) -> None:
        self.redirects_to: str | None = None
        """The base URL of a second port; none = the other name of this host."""
        self._fabric = fabric
        self._ids = ids
        self._subscription = subscription
        self._body_seconds_max = body_seconds_max
        self._access = access

    async def reply(self, request: web.Request, request_id: str) -> web.StreamResponse:
        """Answer any method on any path."""
        close = False
        try:
            call, answer = await self._answer(request, request_id)
            if call.instead is not None:
                return await self._spoilt(request, answer, request_id, call.instead)
        except BadToken as refusal:
            return self._unknown_caller(refusal)
        except Refusal as refusal:
            answer = _refused(refusal)
        except bodies.BodyRefused as error:
            answer = _refused(Refusal(error.status, ErrorCode.BAD_REQUEST, str(error)))
            close = True
        except Redirected:
            return web.Response(status=307, headers={"Location": self._elsewhere(request), **self._dated()})
        except Page:
            return web.Response(status=503, body=_PAGE, headers={"Content-Type": _PAGE_CONTENT_TYPE})
        except Dropped:
            return _hang_up(request)
        response = self._response(answer, request_id)
        if close:
            response.force_close()
        return response

    def failed(self, request_id: str) -> web.Response:
        """Answer for a mistake of ours."""
        return self._response(_refused(refusals.internal_error()), request_id)

    async def _answer(self, request: web.Request, request_id: str) -> tuple[Call, Answer]:
        if not self._access.admits(request):
            raise refusals.bad_token(self._fabric.knobs.token_failure)
        route, names = routes.find(request.method, request.rel_url.raw_path, request.query.items(), self._subscription)
        version = routes.version(request.headers.getall(VERSION_HEADER, []), route)
        body = await bodies.read_body(request, self._body_seconds_max)
        call = Call(
            self._fabric,
            self._ids,
            request_id,
            version,
            names,
            body,
            query={name.lower(): value for name, value in request.query.items()},
            token=request.headers.get(CONTINUATION_HEADER),
            subscription=self._subscription,
        )
        try:
            return call, self._handled(request, route, call)
        except Late as late:
            call.late = True
            self._fabric.world.agenda.plan(late.seconds, lambda: self._arrive(request, route, call))
            raise
        except Refusal as refusal:
            if call.instead is None:
                raise
            return call, _refused(refusal)

    def _handled(self, request: web.Request, route: Route, call: Call) -> Answer:
        """Let the operation happen, and write down who asked for it."""
        answer = route.handle(call)
        if call.request_id in self._fabric.world.history:
            signing.sign(call, self._access.caller(request))
        return answer

    def _arrive(self, request: web.Request, route: Route, call: Call) -> None:
        """Let a call happen that its caller has given up; nobody hears of a refusal."""
        with suppress(Refusal):
            self._handled(request, route, call)

    async def _spoilt(
        self, request: web.Request, answer: Answer, request_id: str, instead: Effect
    ) -> web.StreamResponse:
        """Answer a call that has happened in a way that hides it."""
        match instead:
            case Effect.INTERNAL_ERROR_AFTER:
                return self._response(_refused(refusals.internal_error()), request_id)
            case Effect.TIMED_OUT_AFTER:
                return self._response(_refused(refusals.timed_out()), request_id)
            case Effect.HTML:
                return web.Response(status=answer.status, body=_PAGE, headers={"Content-Type": _PAGE_CONTENT_TYPE})
            case Effect.CUT:
                return await self._cut(request, answer, request_id)
            case _:
                return _hang_up(request)

    async def _cut(self, request: web.Request, answer: Answer, request_id: str) -> web.StreamResponse:
        """Send half of what was promised, then close the connection."""
        whole = answer.body or _CUT_BODY
        response = web.StreamResponse(status=answer.status, headers=self._headers(answer, request_id))
        response.content_length = 2 * len(whole)
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        if request.transport is not None:
            request.transport.close()
        return response

    def _unknown_caller(self, refusal: BadToken) -> web.Response:
        """Refuse a caller; such a reply was recorded without an id."""
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"', "Content-Type": RESPONSE_CONTENT_TYPE}
        return web.Response(status=refusal.status, body=write.error(refusal), headers={**headers, **self._dated()})

    def _response(self, answer: Answer, request_id: str) -> web.Response:
        return web.Response(status=answer.status, body=answer.body, headers=self._headers(answer, request_id))

    def _headers(self, answer: Answer, request_id: str) -> dict[str, str]:
        headers = {REQUEST_ID_HEADER: request_id, **self._dated(), **dict(answer.headers)}
        if answer.body:
            headers["Content-Type"] = RESPONSE_CONTENT_TYPE
        return headers

    def _dated(self) -> dict[str, str]:
        date = self._fabric.date(self._fabric.now())
        return {"Date": format_datetime(date, usegmt=True), **_HEADERS}

    def _elsewhere(self, request: web.Request) -> str:
        """Give the same path at the second port, or at this host's other loopback name."""
        base = self.redirects_to or _other_name(request)
        return f"{base}{request.rel_url.raw_path_qs}"


def _refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, write.error(refusal))


def _hang_up(request: web.Request) -> web.StreamResponse:
    """Drop the connection under the request; the reply that is given here goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _other_name(request: web.Request) -> str:
    """Give the base URL of this host's other loopback name: who follows it blindly is seen in the log."""
    name, _, port = request.host.rpartition(":")
    other = "127.0.0.1" if (name or port).lower() == "localhost" else "localhost"
    place = f"{other}:{port}" if name and port.isdigit() else other
    return f"{request.scheme}://{place}"
