"""The server: the fabric behind HTTP, on loopback only, every reply framed as the recorded service frames it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import format_datetime
from ipaddress import ip_address
from typing import Final

import structlog
from aiohttp import web

from rollout.emulator import bodies, control, refusals, routes, write
from rollout.emulator.calls import Answer, Call, Dropped, Redirected
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import SUBSCRIPTION
from rollout.emulator.refusals import Refusal
from rollout.emulator.request_ids import RequestIds
from rollout.errors import UsageError
from rollout.platforms.classic.vocabulary import (
    REGION_HEADER,
    REQUEST_ID_HEADER,
    RESPONSE_CONTENT_TYPE,
    VERSION_HEADER,
    ErrorCode,
)

_HEADERS: Final = {
    REGION_HEADER: "ussouth3",
    "Cache-Control": "no-cache",
    "Server": "1.0.6198.319, (rd_rdfe_stable.160216-1642), Microsoft-HTTPAPI/2.0",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
_SHUTDOWN_SECONDS_MAX: Final = 1.0
_LINGERING_SECONDS_MAX: Final = 0.5
"""How long a connection stays to take the rest of a body that was refused."""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def serve(
    fabric: Fabric,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    body_seconds_max: float = bodies.BODY_SECONDS_MAX,
) -> AsyncIterator[str]:
    """Serve a fabric inside the running loop and give the base URL; port 0 = any free one.

    Raises UsageError for a host that is not loopback, and for an address that cannot be bound.
    """
    address = loopback(host)
    runner = web.AppRunner(
        make_app(fabric, body_seconds_max=body_seconds_max),
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS_MAX,
        lingering_time=_LINGERING_SECONDS_MAX,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address, port).start()
        except (OSError, OverflowError) as error:
            raise UsageError(f"cannot listen on {address} port {port}: {error}; choose another --port") from error
        bound = runner.addresses[0][1]
        yield f"http://[{address}]:{bound}" if ":" in address else f"http://{address}:{bound}"
    finally:
        await runner.cleanup()


def make_app(
    fabric: Fabric,
    *,
    subscription: str = SUBSCRIPTION,
    body_seconds_max: float = bodies.BODY_SECONDS_MAX,
) -> web.Application:
    """Build the application: the API of one subscription, and the emulator's own endpoints."""
    app = web.Application(client_max_size=bodies.BODY_BYTES_MAX)
    control.add_routes(app, fabric)
    front = _Front(fabric, RequestIds(fabric.seed), subscription, body_seconds_max)
    app.router.add_route("*", "/{path:.*}", front.answer)
    return app


def loopback(host: str) -> str:
    """Give the address to bind. Raises UsageError unless it is loopback: the emulator asks nobody who they are."""
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        inside = ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise UsageError(f"--host {host} is not loopback: the emulator has no authentication; use 127.0.0.1 or ::1")
    return host


class _Front:
    """The edge of the service: one request in, one reply out, never a traceback."""

    def __init__(self, fabric: Fabric, ids: RequestIds, subscription: str, body_seconds_max: float) -> None:
        self._fabric = fabric
        self._ids = ids
        self._subscription = subscription
        self._body_seconds_max = body_seconds_max

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer any method on any path."""
        request_id = self._ids.next()
        close = False
        try:
            answer = await self._answer(request, request_id)
        except Refusal as refusal:
            answer = Answer(refusal.status, write.error(refusal))
        except bodies.BodyRefused as error:
            answer = Answer(error.status, write.error(Refusal(error.status, ErrorCode.BAD_REQUEST, str(error))))
            close = True
        except Redirected:
            return web.Response(status=307, headers={"Location": _other_name(request), **self._dated()})
        except Dropped:
            return _hang_up(request)
        except Exception:  # noqa: BLE001 - the edge: whatever went wrong inside is answered, and logged loudly
            _log.exception("emulator_request_failed", request_id=request_id, method=request.method)
            failure = refusals.internal_error()
            answer = Answer(failure.status, write.error(failure))
        headers = {REQUEST_ID_HEADER: request_id, **self._dated()}
        if answer.body:
            headers["Content-Type"] = RESPONSE_CONTENT_TYPE
        response = web.Response(status=answer.status, body=answer.body, headers=headers)
        if close:
            response.force_close()
        return response

    async def _answer(self, request: web.Request, request_id: str) -> Answer:
        route, names = routes.find(request.method, request.rel_url.raw_path, request.query.items(), self._subscription)
        version = routes.version(request.headers.getall(VERSION_HEADER, []), route)
        body = await bodies.read_body(request, self._body_seconds_max)
        call = Call(self._fabric, self._ids, request_id, version, names, body)
        try:
            answer = route.handle(call)
        except Refusal:
            if call.lose_answer:
                raise Dropped from None
            raise
        if call.lose_answer:
            raise Dropped
        return answer

    def _dated(self) -> dict[str, str]:
        date = self._fabric.date(self._fabric.now())
        return {"Date": format_datetime(date, usegmt=True), **_HEADERS}


def _hang_up(request: web.Request) -> web.StreamResponse:
    """Drop the connection under the request; the reply that is given here goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _other_name(request: web.Request) -> str:
    """Give the same path at this host's other loopback name: who follows it blindly is seen in the log."""
    name, _, port = request.host.rpartition(":")
    other = "127.0.0.1" if (name or port).lower() == "localhost" else "localhost"
    place = f"{other}:{port}" if name and port.isdigit() else other
    return f"http://{place}{request.rel_url.raw_path_qs}"
