"""How far an endpoint can be reached without showing anything: its name, a connection, its certificate."""

import asyncio
import ssl
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import msgspec

from rollout.platforms.classic.endpoint import Endpoint
from rollout.platforms.classic.redact import redact

REACH_S_MAX: Final = 10.0
_PORTS: Final = {True: 443, False: 80}


class Stage(StrEnum):
    """Where it ends."""

    NO_NAME = "no name"
    NO_CONNECTION = "no connection"
    NO_TLS = "no TLS"
    """Something answers that does not speak TLS."""
    NOT_TRUSTED = "not trusted"
    """The endpoint's own certificate is expired, unknown or of another name."""
    DROPPED = "dropped"
    """It hangs up while TLS is agreed: so does an endpoint that wants a certificate, and so do some proxies."""
    REACHED = "reached"
    """Everything up to our own credentials works."""


class Reach(msgspec.Struct, frozen=True):
    """How far we came, in words for people."""

    stage: Stage
    words: str


async def reach(endpoint: Endpoint, context: ssl.SSLContext | None = None, seconds_max: float = REACH_S_MAX) -> Reach:
    """Connect and shake hands, nothing more. `context` trusts what the client trusts, and shows no certificate."""
    host, port = endpoint.host, _port(endpoint)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds_max):
            try:
                await loop.getaddrinfo(host, port)
            except OSError as error:
                return Reach(Stage.NO_NAME, f"the name {host} is not found ({error.strerror or error})")
            return await _shake_hands(endpoint, port, context)
    except TimeoutError:
        return Reach(Stage.NO_CONNECTION, f"{host} port {port} does not answer within {seconds_max:g} s")


async def _shake_hands(endpoint: Endpoint, port: int, context: ssl.SSLContext | None) -> Reach:
    shown = f"{endpoint.host} port {port}"
    try:
        _, writer = await asyncio.open_connection(endpoint.host, port)
    except OSError as error:
        return Reach(Stage.NO_CONNECTION, f"no connection to {shown} ({redact(error.strerror or str(error))})")
    try:
        if not endpoint.tls:
            return Reach(Stage.REACHED, f"{shown} answers")
        await writer.start_tls(context or ssl.create_default_context(), server_hostname=endpoint.host)
    except ssl.SSLCertVerificationError as error:
        return Reach(Stage.NOT_TRUSTED, f"the certificate of {shown} is not trusted ({error.verify_message})")
    except ssl.SSLError as error:
        return _without_tls(shown, error)
    except OSError:
        return Reach(Stage.DROPPED, f"{shown} takes the connection and drops it while TLS is agreed")
    else:
        return Reach(Stage.REACHED, f"{shown} answers, and its certificate is trusted")
    finally:
        # After a handshake that was cut short, an orderly close waits for ever.
        writer.transport.abort()


def _without_tls(shown: str, error: ssl.SSLError) -> Reach:
    """Tell an alert, which only a TLS server sends, and only after its certificate was trusted, from no TLS at all."""
    reason = error.reason or ""
    if "ALERT" in reason:
        return Reach(Stage.REACHED, f"{shown} answers, its certificate is trusted, and it asks for one of ours")
    return Reach(Stage.NO_TLS, f"{shown} answers, but not with TLS ({reason or 'handshake failed'})")


def _port(endpoint: Endpoint) -> int:
    return urlsplit(endpoint.origin).port or _PORTS[endpoint.tls]
