"""How the application is served: the bounds of the framing below it."""

from typing import Final

from aiohttp import web

from rollout.daemon.http.limits import HttpLimits

LINE_BYTES_MAX: Final = 8_190
HEADERS_MAX: Final = 64
SHUTDOWN_S: Final = 5.0
"""How long an answer under way may take once the daemon ends."""
LINGERING_S: Final = 1.0
"""How long a connection stays to take the rest of a body that was refused."""


LIMITS: Final = web.AppKey("limits", HttpLimits)
"""Where an application keeps its bounds."""


def make_runner(app: web.Application) -> web.AppRunner:
    """Make the runner; whoever binds gives it its sockets."""
    bounds = app.get(LIMITS) or HttpLimits()
    return web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        keepalive_timeout=bounds.idle_s,
        max_line_size=LINE_BYTES_MAX,
        max_field_size=LINE_BYTES_MAX,
        max_headers=HEADERS_MAX,
        shutdown_timeout=SHUTDOWN_S,
        lingering_time=min(LINGERING_S, bounds.body_s),
        auto_decompress=False,
        handler_cancellation=True,
    )
