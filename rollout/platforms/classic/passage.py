"""How far one call has come on its way out, told by aiohttp's hooks, and what its errors mean."""

import re
import ssl as tls
from collections.abc import Callable
from types import SimpleNamespace
from typing import Final

import aiohttp

from rollout.platforms.classic.exchange import Break, Broken
from rollout.platforms.classic.redact import redact
from rollout.platforms.classic.request import Request

_READ_PASSES_MAX: Final = 2
"""A read may be repeated once by the library, as when the kept connection had died meanwhile."""
_WRITE_PASSES_MAX: Final = 1
_CLIENT_CERTIFICATE_ALERT: Final = re.compile(
    r"ALERT_(?:NO_|BAD_|UNSUPPORTED_)?CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_HANDSHAKE_FAILURE|ALERT_ACCESS_DENIED"
)


class Stopped(aiohttp.ClientError):
    """Raised inside a hook to end the request before it writes anything more."""


class Passage:
    """One leg of a call, to one host; a hop or a renewed token begins another, and the caller is asked again."""

    def __init__(self, request: Request, still_wanted: Callable[[], bool]) -> None:
        self.sent = False
        self.stopped: Break | None = None
        self.host = ""
        self._still_wanted = still_wanted
        self._has_body = bool(request.body)
        self._passes = 0
        self._passes_max = _WRITE_PASSES_MAX if request.mutates else _READ_PASSES_MAX

    def begin_leg(self, host: str) -> None:
        """Set out for `host`; whatever was sent before is known to have had no effect."""
        self.sent, self.host, self._passes = False, host, 0

    def headers_ready(self) -> None:
        """Count the pass: aiohttp repeats PUT and DELETE by itself when a connection is lost without an answer."""
        self._passes += 1
        if self._passes > self._passes_max:
            self.stopped = Break.REPEATED
            raise Stopped
        if not self._has_body:
            self._leave()

    def body_ready(self) -> None:
        """Headers wait for the body's first chunk, and leave together with it."""
        if not self.sent:
            self._leave()

    def broken(self, error: Exception) -> Broken:
        """Name what went wrong, and whether a byte may have left by then."""
        kind = self.stopped or _kind(error)
        reason = PROSE[kind].format(host=self.host)
        if kind in _WITH_CAUSE:
            reason = f"{reason}: {_cause(error)}"
        return Broken(kind, self.sent, redact(reason))

    def _leave(self) -> None:
        if not self._still_wanted():
            self.stopped = Break.DECLINED
            raise Stopped
        self.sent = True


def hooks() -> aiohttp.TraceConfig:
    """Wire a passage, given as a request's trace context, to the two moments just before aiohttp writes."""
    config = aiohttp.TraceConfig()

    async def headers(
        _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        context.trace_request_ctx.headers_ready()

    async def chunk(
        _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestChunkSentParams
    ) -> None:
        context.trace_request_ctx.body_ready()

    config.on_request_headers_sent.append(headers)
    config.on_request_chunk_sent.append(chunk)
    return config


def _kind(error: Exception) -> Break:
    """Sort what aiohttp raises; the order matters, its classes overlap."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return Break.CERTIFICATE
        case _ if _is_client_certificate_alert(error):
            return Break.CLIENT_CERTIFICATE
        case TimeoutError():
            return Break.TIMEOUT
        case aiohttp.ClientConnectorError(os_error=ConnectionResetError()):
            return Break.HANDSHAKE
        case aiohttp.ClientConnectorError():
            return Break.NO_CONNECTION
        case aiohttp.ClientPayloadError():
            return Break.CUT
        case aiohttp.ServerDisconnectedError() | OSError():
            return Break.DISCONNECTED
        case _:
            return Break.GARBLED


def _cause(error: Exception) -> str:
    """Give the library's own words; for a certificate only the verdict, which stands at the end of a long text."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(getattr(error.certificate_error, "verify_message", "") or error.certificate_error)
    return str(error) or type(error).__name__


def _is_client_certificate_alert(error: BaseException) -> bool:
    """Tell the endpoint's TLS alert about our certificate; an older TLS sends it within the handshake, 1.3 after it."""
    causes = (error, error.__cause__, getattr(error, "os_error", None))
    reasons = [getattr(each, "reason", None) or "" for each in causes if isinstance(each, tls.SSLError)]
    return any(_CLIENT_CERTIFICATE_ALERT.search(reason) for reason in reasons)


_WITH_CAUSE: Final = frozenset(
    {Break.NO_CONNECTION, Break.CERTIFICATE, Break.CLIENT_CERTIFICATE, Break.DISCONNECTED, Break.GARBLED}
)

PROSE: Final = {
    Break.DECLINED: "no longer wanted when the connection to {host} was ready; nothing was sent",
    Break.NO_ACCESS: "nothing was sent to {host} for want of a token",
    Break.NO_CONNECTION: "no connection to {host}",
    Break.HANDSHAKE: "{host} dropped the connection before TLS was agreed",
    Break.CERTIFICATE: "the certificate of {host} was not accepted",
    Break.CLIENT_CERTIFICATE: "{host} did not accept our certificate",
    Break.TIMEOUT: "no complete answer from {host} in time",
    Break.DISCONNECTED: "the connection to {host} was lost without an answer",
    Break.CUT: "the answer of {host} was cut off",
    Break.GARBLED: "what {host} answered is not HTTP",
    Break.REPEATED: "the connection to {host} was lost without an answer, and the call was not repeated",
}
