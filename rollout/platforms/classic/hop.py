"""The one redirect that is followed: to the endpoint's own host or below it, for the very same thing."""

import re
from typing import Final
from urllib.parse import urlsplit

from rollout.platforms.classic.endpoint import Endpoint, is_loopback
from rollout.platforms.classic.exchange import Reply
from rollout.platforms.classic.request import Request

TEMPORARY_REDIRECT: Final = 307

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?\Z", re.ASCII)


def onward(reply: Reply, request: Request, endpoint: Endpoint) -> str | None:
    """Give the origin where `reply` sends `request` on to, or None where it must not be followed.

    Only a 307 counts, with one absolute Location of the endpoint's scheme, the endpoint's host or one below it, and
    the request's own path and query; the port may differ. Whoever is reached so is shown certificate, token and body.
    """
    values = reply.header_values("location")
    if reply.status != TEMPORARY_REDIRECT or len(values) != 1 or not values[0].isascii() or not values[0].isprintable():
        return None
    try:
        parts = urlsplit(values[0])
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if parts.scheme != endpoint.scheme or "@" in parts.netloc or parts.fragment or target != request.path:
        return None
    if not _is_within(host, endpoint.host.lower()) or not (endpoint.tls or is_loopback(host)):
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")


def _is_within(host: str, home: str) -> bool:
    """Tell a host that is `home` or below it; nothing is below an address."""
    if host == home:
        return True
    return host.endswith(f".{home}") and _HOST.match(host) is not None and not home.replace(".", "").isdigit()
