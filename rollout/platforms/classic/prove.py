"""Tell a person at start whether an endpoint is the API and lets us in, before anything depends on it."""

from typing import Final

from rollout.core.snapshot import Observation
from rollout.errors import EndpointUnreachable
from rollout.platforms.classic import xml
from rollout.platforms.classic.decode import ApiError, decode_deployment
from rollout.platforms.classic.endpoint import Endpoint
from rollout.platforms.classic.exchange import Break, Broken, Exchange, Reply
from rollout.platforms.classic.faults import observed, redirect_host
from rollout.platforms.classic.redact import redact_bytes
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, ErrorCode

_REDIRECT: Final = 307
_NOT_LET_IN: Final = frozenset({401, 403})


def proof(
    exchange: Exchange,
    endpoint: Endpoint,
    limits: xml.XmlLimits = xml.DEFAULT_LIMITS,
    version: str = CLIENT_VERSION,
) -> Observation:
    """Give what a first Get Deployment showed; raise EndpointUnreachable unless the API itself answered and let us in.

    An absent deployment and a throttled call are the API's own answers, so they prove it.
    """
    if isinstance(exchange, Broken):
        raise EndpointUnreachable(_without_reply(exchange, endpoint))
    if exchange.status == _REDIRECT:
        raise EndpointUnreachable(
            f"{endpoint.origin} sends its callers on to host {redirect_host(exchange)}, and a redirect is "
            "followed only once, to the same host or below it: give the address that answers by itself"
        )
    try:
        read = decode_deployment(exchange.body, limits)
    except xml.Unreadable as error:
        raise EndpointUnreachable(_not_the_api(exchange, endpoint, error)) from error
    if isinstance(read, ApiError):
        _check_admission(exchange.status, read, endpoint, version)
    return observed(exchange, limits).observation


def _check_admission(status: int, error: ApiError, endpoint: Endpoint, version: str) -> None:
    """Refuse errors that every later call would meet again."""
    if status in _NOT_LET_IN:
        raise EndpointUnreachable(
            f"{endpoint.origin} does not let us in (HTTP {status} {error}): check the management certificate, and that "
            "it was uploaded to this subscription; or the token, and that its holder administers the subscription"
        )
    if error.code.casefold() == ErrorCode.MISSING_OR_INCORRECT_VERSION_HEADER.casefold():
        raise EndpointUnreachable(f"{endpoint.origin} does not speak version {version} of the API ({error})")


def _without_reply(broken: Broken, endpoint: Endpoint) -> str:
    """Explain a missing reply by what most often causes it."""
    match broken.kind:
        case Break.NO_CONNECTION:
            return f"nothing answers at {endpoint.origin} ({broken.detail}): check the address, and that it is running"
        case Break.CERTIFICATE:
            return (
                f"the certificate of {endpoint.origin} is not trusted ({broken.detail}): check the host name, who "
                "issued the certificate, and this machine's clock"
            )
        case Break.DECLINED:
            return f"{endpoint.origin} cannot be asked: {broken.detail}"
        case Break.NO_ACCESS:
            return f"{endpoint.origin} was not asked: {broken.detail}; check where the token comes from"
        case Break.CLIENT_CERTIFICATE:
            return (
                f"{endpoint.origin} does not accept our management certificate, or wants one ({broken.detail}): check "
                "which certificate is configured for this subscription"
            )
        case Break.HANDSHAKE | Break.DISCONNECTED if endpoint.tls:
            return (
                f"{endpoint.origin} hung up without an answer ({broken.detail}): this is how a missing or wrong client "
                "certificate shows, so check the management certificate"
            )
        case _:
            return f"{endpoint.origin} gave no usable answer: {broken.detail}"


def _not_the_api(reply: Reply, endpoint: Endpoint, error: xml.Unreadable) -> str:
    quoted = redact_bytes(reply.body) or "an empty body"
    return (
        f"{endpoint.origin} answers, but not as the Service Management API does: HTTP {reply.status}, {error}; "
        f"it said: {quoted}"
    )
