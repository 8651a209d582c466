"""One question before anything depends on the answers; a failure says which it is: network, endpoint or credentials."""

import time
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from rollout.core.names import ServiceName, Slot, Target
from rollout.core.snapshot import Observation
from rollout.errors import EndpointUnreachable
from rollout.platforms.classic.certificate import tls_context
from rollout.platforms.classic.credentials import open_credentials
from rollout.platforms.classic.endpoint import parse_endpoint
from rollout.platforms.classic.exchange import Exchange, Reply
from rollout.platforms.classic.opening import document_limits, reply_limits
from rollout.platforms.classic.prove import proof
from rollout.platforms.classic.reach import Reach, Stage, reach
from rollout.platforms.classic.requests.deployment import GetDeployment
from rollout.platforms.classic.transport import Transport
from rollout.platforms.classic.vocabulary import CLIENT_VERSION
from rollout.settings import RunSettings

NOBODYS_SERVICE: Final = ServiceName("rollout-preflight")
"""Asked for where no service is known yet: that it is absent is an answer, given only to who is let in."""

_ADVICE: Final = {
    Stage.NO_NAME: "This is the network: check the address, and this machine's name service and proxy rules",
    Stage.NO_CONNECTION: "This is the network: check the address, the way there, and that somebody listens",
    Stage.NO_TLS: "This is the address: something else than the API listens there",
    Stage.NOT_TRUSTED: "This is the endpoint's own certificate: check its host name, who issued it, and this clock",
    Stage.DROPPED: "So the way there is open, and unless a proxy stands in it, what is not accepted is ours",
    Stage.REACHED: "So the network is fine, and what is not accepted is ours",
}


async def preflight(
    settings: RunSettings, target: Target, prove: Callable[[Target], Awaitable[Observation]]
) -> Observation:
    """Ask once for a deployment, by `ClassicPlatform.prove`; absent is an answer too, and is given back.

    Raises EndpointUnreachable, which then says how far the endpoint can be reached without credentials: so a wrong
    certificate, which looks like a lost connection, is told from a network fault.
    """
    try:
        return await prove(target)
    except EndpointUnreachable as error:
        found = await reached(settings)
        raise EndpointUnreachable(f"{error}. {_told(settings, found)}.") from error


async def reached(settings: RunSettings) -> Reach:
    """Look how far the endpoint can be reached, trusting what the client trusts. Raises NoAccess for a bad `ca`."""
    endpoint = parse_endpoint(settings.endpoint)
    ca = settings.access.ca if settings.access else None
    return await reach(endpoint, tls_context(ca) if endpoint.tls else None)


def _told(settings: RunSettings, found: Reach) -> str:
    if found.stage is Stage.REACHED and settings.emulated and settings.access is None:
        return f"Without credentials {found.words}"
    advice = _ADVICE[found.stage]
    if found.stage in {Stage.DROPPED, Stage.REACHED}:
        advice += f": {_credentials(settings)}"
    return f"Without credentials {found.words}. {advice}"


def _credentials(settings: RunSettings) -> str:
    access = settings.access
    if access is not None and access.certificate is not None:
        path = access.certificate.pem or access.certificate.pfx
        return f"check that the certificate in {path} was uploaded to this subscription and has not expired"
    if access is not None and access.token is not None:
        return "check that the token is for https://management.core.windows.net/ and for this subscription"
    return "the settings name neither a certificate nor a token for this subscription"


class Knock(msgspec.Struct, frozen=True):
    """What one question to an endpoint showed, once the API had let us in."""

    seconds: float
    """For connecting, shaking hands and the answer."""
    date: float | None
    """The endpoint's own clock, POSIX seconds; None where it does not say."""


async def knock(settings: RunSettings, subscription: str, monotonic: Callable[[], float] = time.monotonic) -> Knock:
    """Ask for a deployment that hardly exists, and take the time. Raises EndpointUnreachable, NoAccess, UsageError."""
    endpoint = parse_endpoint(settings.endpoint)
    transport = Transport(endpoint, credentials=open_credentials(settings.access), limits=reply_limits(settings))
    exchanges: list[Exchange] = []

    async def prove(target: Target) -> Observation:
        request = GetDeployment(target=target).request(CLIENT_VERSION)
        exchanges.append(await transport.exchange(request, settings.request_timeout_s))
        return proof(exchanges[-1], endpoint, document_limits(settings))

    began = monotonic()
    try:
        await preflight(settings, Target(subscription, NOBODYS_SERVICE, Slot.PRODUCTION), prove)
    finally:
        await transport.close()
    return Knock(monotonic() - began, _date(exchanges[-1]))


def _date(exchange: Exchange) -> float | None:
    values = exchange.header_values("date") if isinstance(exchange, Reply) else ()
    try:
        return parsedate_to_datetime(values[0]).timestamp() if values else None
    except ValueError:
        return None
