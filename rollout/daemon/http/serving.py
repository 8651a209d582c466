"""How the application is served: the bounds of the framing below it, and what is said to who speaks no HTTP at all."""

import asyncio
from typing import Any, Final

import structlog
from aiohttp import web

from rollout.daemon.http.limits import HttpLimits
from rollout.daemon.http.problem import Refused, problem

LINE_BYTES_MAX: Final = 8_190
HEADERS_MAX: Final = 64
SHUTDOWN_S: Final = 5.0
"""How long an answer under way may take once the daemon ends."""
LINGERING_S: Final = 1.0
"""How long a connection stays to take the rest of a body that was refused."""
LIMITS: Final = web.AppKey("limits", HttpLimits)
"""Where an application keeps its bounds."""
MISTAKE: Final = 500

_log = structlog.get_logger("rollout.daemon")


class Protocol(web.RequestHandler):
    """One connection. The library's words for what it cannot read quote it, in answer and log; ours do not."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = MISTAKE,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - the library's signature
    ) -> web.StreamResponse:
        """Answer what never came to the gate, unless nobody is there any more."""
        if isinstance(exc, ConnectionError):
            raise exc
        if status >= MISTAKE:
            _log.error("request_failed", error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        said = "this is no request of HTTP that can be read" if status < MISTAKE else "a mistake in rollout itself"
        return problem(Refused(status, said, close=True), "/")


class Listener(web.Server):
    """Makes a protocol for each connection."""

    def __init__(self, made: web.Server, bounds: HttpLimits) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory, handler_cancellation=True)
        self._framing: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,
            "keepalive_timeout": bounds.idle_s,
            "lingering_time": min(LINGERING_S, bounds.body_s),
            "max_field_size": LINE_BYTES_MAX,
            "max_headers": HEADERS_MAX,
            "max_line_size": LINE_BYTES_MAX,
        }

    def __call__(self) -> web.RequestHandler:
        """Give the protocol of a new connection."""
        return Protocol(self, loop=asyncio.get_running_loop(), **self._framing)


class Runner(web.AppRunner):
    """Runs an application behind that listener."""

    __slots__ = ()

    async def _make_server(self) -> web.Server:
        return Listener(await super()._make_server(), self.app.get(LIMITS) or HttpLimits())


def make_runner(app: web.Application) -> web.AppRunner:
    """Make the runner; whoever binds gives it its sockets."""
    return Runner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
