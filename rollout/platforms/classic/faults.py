"""Say what an exchange proves: a submit was accepted, refused or lost; a question was answered, or was not."""

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from rollout.core.outcome import (
    Accepted,
    Handle,
    Lost,
    Outcome,
    Progress,
    Refused,
    RefusedKind,
    Unknown,
    Unreachable,
)
from rollout.core.snapshot import Absent, Observation
from rollout.platforms.classic import xml
from rollout.platforms.classic.decode import (
    ApiError,
    DeploymentRead,
    decode_deployment,
    decode_error,
    decode_operation,
)
from rollout.platforms.classic.exchange import Broken, Exchange, Reply
from rollout.platforms.classic.fields import UnknownWord, normal_request_id
from rollout.platforms.classic.hop import TEMPORARY_REDIRECT
from rollout.platforms.classic.redact import redact, redact_bytes
from rollout.platforms.classic.vocabulary import REQUEST_ID_HEADER, ErrorCode

RETRY_AFTER_S_MAX: Final = 300.0

_Read = TypeVar("_Read")

_OK: Final = 200
_SUCCESSES: Final = range(200, 300)
_CLIENT_ERRORS: Final = range(400, 500)
_NOT_FOUND: Final = 404
_REQUEST_TIMEOUT: Final = 408
_CONFLICT: Final = 409
_TOO_MANY: Final = 429
_THROTTLES: Final = frozenset({ErrorCode.TOO_MANY_REQUESTS.casefold(), ErrorCode.SERVER_BUSY.casefold()})
"""Never seen after an effect, so a call answered with one was not applied."""
_AMBIGUOUS: Final = frozenset({ErrorCode.INTERNAL_ERROR.casefold(), ErrorCode.OPERATION_TIMED_OUT.casefold()})
_NO_SUCH_OPERATION: Final = frozenset({ErrorCode.RESOURCE_NOT_FOUND.casefold(), ErrorCode.BAD_REQUEST.casefold()})
_LOCK_TEXT: Final = "requires exclusive access"
_SECONDS = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?(?:e\d{1,3})?", re.ASCII | re.IGNORECASE)


class Observed(msgspec.Struct, frozen=True):
    """What Get Deployment showed, and the words nobody knew in it."""

    observation: Observation
    unknown: tuple[UnknownWord, ...] = ()


class Polled(msgspec.Struct, frozen=True):
    """What Get Operation Status showed, and the words nobody knew in it."""

    progress: Progress
    unknown: tuple[UnknownWord, ...] = ()
    mixed_up: bool = False
    """It was about another operation than the one asked about."""


def submit_outcome(exchange: Exchange, scope: str, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> Outcome:
    """Classify the one attempt of a mutating call. Whatever does not prove otherwise is lost."""
    if isinstance(exchange, Broken):
        if exchange.sent:
            return Lost(exchange.detail)
        return Refused(RefusedKind.NOT_SENT, exchange.detail)
    error = _error_in(exchange, limits)
    if exchange.status in _SUCCESSES:
        return _accepted(exchange, error, scope)
    if _is_throttle(exchange, error):
        return Refused(RefusedKind.THROTTLED, _said(exchange, error), retry_after_s(exchange))
    if exchange.status == TEMPORARY_REDIRECT:
        return Refused(RefusedKind.REJECTED, _redirected(exchange))
    if exchange.renewed:
        return Refused(RefusedKind.NOT_SENT, f"{_said(exchange, error)}; the token has been renewed since")
    if error is None or exchange.status not in _CLIENT_ERRORS or exchange.status == _REQUEST_TIMEOUT:
        return Lost(_said(exchange, error))
    if error.code.casefold() in _AMBIGUOUS:
        return Lost(_said(exchange, error))
    if exchange.status == _CONFLICT and _LOCK_TEXT in error.message.casefold():
        return Refused(RefusedKind.BUSY, _said(exchange, error), retry_after_s(exchange), error.blocking)
    return Refused(RefusedKind.REJECTED, _said(exchange, error))


def answered(
    exchange: Exchange,
    decode: Callable[[bytes, xml.XmlLimits], _Read | ApiError],
    limits: xml.XmlLimits = xml.DEFAULT_LIMITS,
) -> _Read | Unreachable | Absent:
    """Classify the answer to a question. Only the API's own 404 ResourceNotFound proves absence."""
    if isinstance(exchange, Broken):
        return Unreachable(exchange.detail)
    try:
        _whole(exchange)
        read = decode(exchange.body, limits)
    except xml.Unreadable as error:
        return _no_evidence(exchange, None, str(error))
    if not isinstance(read, ApiError):
        return read if exchange.status == _OK else _no_evidence(exchange, None, "not an answer for this status")
    if exchange.status == _NOT_FOUND and read.code.casefold() == ErrorCode.RESOURCE_NOT_FOUND.casefold():
        return Absent(_said(exchange, read))
    return _no_evidence(exchange, read)


def observed(exchange: Exchange, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> Observed:
    """Classify the answer to Get Deployment."""
    read = answered(exchange, decode_deployment, limits)
    return Observed(read.snapshot, read.unknown) if isinstance(read, DeploymentRead) else Observed(read)


def polled(exchange: Exchange, handle: Handle, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> Polled:
    """Classify the answer to Get Operation Status. A status under another id than asked is no evidence."""
    if isinstance(exchange, Broken):
        return Polled(Unreachable(exchange.detail))
    try:
        _whole(exchange)
        read = decode_operation(exchange.body, limits)
    except xml.Unreadable as error:
        return Polled(_no_evidence(exchange, None, str(error)))
    if isinstance(read, ApiError):
        if exchange.status in {400, _NOT_FOUND} and read.code.casefold() in _NO_SUCH_OPERATION:
            return Polled(Unknown(_said(exchange, read)))
        return Polled(_no_evidence(exchange, read))
    if exchange.status != _OK:
        return Polled(_no_evidence(exchange, None, "an Operation under another status than 200"))
    if read.id != normal_request_id(handle.id):
        told = _no_evidence(exchange, None, f"asked for operation {redact(handle.id)}, told of {read.id}")
        return Polled(told, mixed_up=True)
    return Polled(read.progress, read.unknown)


def retry_after_s(reply: Reply) -> float | None:
    """Give the Retry-After of a reply in seconds, clamped to 0-300; None where there is none or it is junk.

    A date counts from the reply's own Date, so no clock is needed here.
    """
    values = reply.header_values("retry-after")
    if len(values) != 1:
        return None
    if _SECONDS.fullmatch(values[0].strip()):
        seconds = float(values[0])
    else:
        try:
            until = parsedate_to_datetime(values[0])
            seconds = (until - parsedate_to_datetime("".join(reply.header_values("date")))).total_seconds()
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX)


def redirect_host(reply: Reply) -> str:
    """Name the host a redirect points to, and nothing else of it; `unknown` where it names none."""
    try:
        host = urlsplit("".join(reply.header_values("location")[:1])).hostname
    except ValueError:
        host = None
    return redact(host or "unknown")


def _accepted(reply: Reply, error: ApiError | None, scope: str) -> Outcome:
    """Accept a success that names its request; anything else leaves open what happened."""
    ids = [normal_request_id(value) for value in reply.header_values(REQUEST_ID_HEADER)]
    if error is not None:
        return Lost(f"HTTP {reply.status} around an error, {error}")
    if len(ids) != 1 or ids[0] is None:
        return Lost(f"HTTP {reply.status} without one well-formed {REQUEST_ID_HEADER}")
    return Accepted(Handle(scope=scope, id=ids[0]))


def _error_in(reply: Reply, limits: xml.XmlLimits) -> ApiError | None:
    """Read the Error body of a reply; None where there is none to be read."""
    if reply.oversize:
        return None
    try:
        return decode_error(reply.body, limits)
    except xml.Unreadable:
        return None


def _whole(reply: Reply) -> None:
    if reply.oversize:
        raise xml.Unreadable("the reply is over the cap and was cut")


def _no_evidence(reply: Reply, error: ApiError | None, why: str = "") -> Unreachable:
    """Say why a reply to a question proves nothing."""
    said = _redirected(reply) if reply.status == TEMPORARY_REDIRECT else _said(reply, error)
    throttled = _is_throttle(reply, error)
    return Unreachable(
        detail=f"{said} ({why})" if why else said,
        throttled=throttled,
        retry_after_s=retry_after_s(reply) if throttled else None,
    )


def _is_throttle(reply: Reply, error: ApiError | None) -> bool:
    """Key on the code: the API throttles with 503, folklore and its relatives with 429."""
    return reply.status == _TOO_MANY or (error is not None and error.code.casefold() in _THROTTLES)


def _redirected(reply: Reply) -> str:
    return f"HTTP 307 to host {redirect_host(reply)}, which is not followed there"


def _said(reply: Reply, error: ApiError | None) -> str:
    """Quote a reply for people: status, and the error or the beginning of the body."""
    if error is not None:
        return f"HTTP {reply.status} {error}"
    return f"HTTP {reply.status} {redact_bytes(reply.body) or 'without a body'}"
