"""Where the daemon listens: bound before anything is begun, so that a port in use is found out in time."""

import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Final

from aiohttp import web

from rollout.daemon.http.serving import make_runner
from rollout.errors import UsageError
from rollout.settings.daemon import Daemon, Listen

BACKLOG: Final = 128


@contextlib.contextmanager
def bound(listen: Listen) -> Iterator[socket.socket]:
    """Bind for the time of a block. Raises UsageError."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        opened = socket.create_server((listen.host, listen.port), family=family, backlog=BACKLOG)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"cannot listen on {listen}: {why}; choose another one with --listen") from error
    with opened:
        opened.settimeout(0)
        yield opened


def tls_context(settings: Daemon) -> ssl.SSLContext | None:
    """Give the TLS settings, None for plain http on loopback. Raises UsageError."""
    if settings.certificate is None:
        if not settings.listen.is_loopback:
            raise UsageError(f"{settings.listen} is not loopback, and without daemon.certificate there is no TLS")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A password is answered with nothing, so that an encrypted key is an error and not a prompt.
        context.load_cert_chain(settings.certificate, settings.key, password="")
    except OSError as error:
        names = ", ".join(str(path) for path in (settings.certificate, settings.key) if path is not None)
        raise UsageError(f"cannot use the TLS files {names}: {error.strerror or error}") from error
    return context


@contextlib.asynccontextmanager
async def answering(app: web.Application, opened: socket.socket, context: ssl.SSLContext | None) -> AsyncIterator[str]:
    """Answer on a bound socket for the time of a block, and give the URL."""
    runner = make_runner(app)
    await runner.setup()
    try:
        await web.SockSite(runner, opened, ssl_context=context, backlog=BACKLOG).start()
        host, port = opened.getsockname()[:2]
        yield f"{'http' if context is None else 'https'}://{Listen(host, port)}"
    finally:
        await runner.cleanup()
