"""The application over a site: one gate, one table, and nothing beside them."""

import importlib.metadata
from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion11, hdrs, web

from rollout.daemon.http.desk import Desk
from rollout.daemon.http.gate import Gate
from rollout.daemon.http.limits import HttpLimits, limits_of
from rollout.daemon.http.openapi import openapi
from rollout.daemon.http.problem import Refused, problem
from rollout.daemon.http.requests import Requests
from rollout.daemon.http.route import Table
from rollout.daemon.http.serving import LIMITS
from rollout.daemon.http.static import Files
from rollout.daemon.http.table import ROUTES
from rollout.daemon.metrics import HostCollector
from rollout.daemon.site import Site

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(site: Site, limits: HttpLimits | None = None) -> web.Application:
    """Build the application; `limits` None = those of the settings."""
    bounds = limits or limits_of(site.settings)
    desk = Desk(site, bounds, Files(), openapi(ROUTES, importlib.metadata.version("rollout-engine")))
    gate = Gate(desk, Table(ROUTES), Requests(site.host.metrics))
    site.host.metrics.register(HostCollector(site.host, lambda: desk.streams.count))

    @web.middleware
    async def everything(request: web.Request, handler: Handler) -> web.StreamResponse:  # noqa: ARG001 - the gate decides
        return await gate.answer(request)

    app = web.Application(middlewares=[everything], client_max_size=bounds.body_bytes)
    app[LIMITS] = bounds
    app.router.add_route("*", "/{path:.*}", gate.answer, expect_handler=_expected)

    async def close(_: web.Application) -> None:
        desk.streams.closing.set()

    app.on_shutdown.append(close)
    return app


async def _expected(request: web.Request) -> web.StreamResponse | None:
    """Refuse what nobody can do; `100-continue` is answered once the request was judged (`bodies`)."""
    expected = request.headers.getall(hdrs.EXPECT, [])
    if request.version >= HttpVersion11 and [each.lower() for each in expected] != ["100-continue"]:
        return problem(Refused(417, "nothing but 100-continue can be expected here", close=True), request.raw_path)
    return None
