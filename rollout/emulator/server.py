"""The server: the fabric behind HTTP, on loopback only, every reply framed as the recorded service frames it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Final

import structlog
from aiohttp import web

from rollout.emulator import bodies, control
from rollout.emulator.access import OPEN, Access
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import SUBSCRIPTION
from rollout.emulator.front import Front
from rollout.emulator.request_ids import RequestIds
from rollout.errors import UsageError

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
    access: Access = OPEN,
    redirect_port: int | None = None,
) -> AsyncIterator[str]:
    """Serve a fabric inside the running loop and give the base URL; port 0 = any free one.

    With `redirect_port` a second port serves the same fabric, and redirects lead there. Raises UsageError for a host
    that is not loopback, for files of `access` that cannot be used, and for an address that cannot be bound.
    """
    address = loopback(host)
    context = access.check().context()
    app, front = _application(fabric, SUBSCRIPTION, body_seconds_max, access)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS_MAX,
        lingering_time=_LINGERING_SECONDS_MAX,
    )
    await runner.setup()
    scheme = "http" if context is None else "https"
    try:
        first = await _listen(runner, address, port, context)
        if redirect_port is not None:
            front.redirects_to = _url(scheme, address, await _listen(runner, address, redirect_port, context))
        yield _url(scheme, address, first)
    finally:
        await runner.cleanup()


def make_app(
    fabric: Fabric,
    *,
    subscription: str = SUBSCRIPTION,
    body_seconds_max: float = bodies.BODY_SECONDS_MAX,
) -> web.Application:
    """Build the application: the API of one subscription, and the emulator's own endpoints."""
    return _application(fabric, subscription, body_seconds_max, OPEN)[0]


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
    """The edge of the service: whatever went wrong inside, there is a reply and never a traceback."""

    def __init__(self, front: Front, ids: RequestIds) -> None:
        self._front = front
        self._ids = ids

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer any method on any path."""
        request_id = self._ids.next()
        try:
            return await self._front.reply(request, request_id)
        except Exception:  # noqa: BLE001 - the edge: whatever went wrong inside is answered, and logged loudly
            _log.exception("emulator_request_failed", request_id=request_id, method=request.method)
            return self._front.failed(request_id)


def _application(
    fabric: Fabric, subscription: str, body_seconds_max: float, access: Access
) -> tuple[web.Application, Front]:
    app = web.Application(client_max_size=bodies.BODY_BYTES_MAX)
    control.add_routes(app, fabric)
    ids = RequestIds(fabric.seed)
    front = Front(fabric, ids, subscription, body_seconds_max, access)
    app.router.add_route("*", "/{path:.*}", _Front(front, ids).answer)
    return app, front


async def _listen(runner: web.AppRunner, address: str, port: int, context: ssl.SSLContext | None) -> int:
    """Listen on one more port and give its number."""
    try:
        await web.TCPSite(runner, address, port, ssl_context=context).start()
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen on {address} port {port}: {error}; choose another --port") from error
    number: int = runner.addresses[-1][1]
    return number


def _url(scheme: str, address: str, port: int) -> str:
    return f"{scheme}://[{address}]:{port}" if ":" in address else f"{scheme}://{address}:{port}"
