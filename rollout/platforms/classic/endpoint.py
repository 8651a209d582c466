"""The address of the API, checked once: https anywhere, http on loopback only."""

import ipaddress
from urllib.parse import urlsplit

import msgspec

from rollout.errors import UsageError
from rollout.platforms.classic.redact import redact

LOOPBACK_NAME = "localhost"


class Endpoint(msgspec.Struct, frozen=True):
    """Where the API answers: scheme, host and port, nothing else."""

    origin: str
    """E.g. `https://management.core.windows.net`, without a slash at the end."""
    host: str
    tls: bool

    @property
    def scheme(self) -> str:
        """Give the scheme as URLs spell it."""
        return "https" if self.tls else "http"


def parse_endpoint(url: str) -> Endpoint:
    """Read an endpoint's URL; raise UsageError where it is none or would show calls and certificate in the clear."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"endpoint {redact(url)!r} is not a URL: {error}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError(f"endpoint {redact(url)!r}: expected https://HOST, or http:// with a loopback host")
    if "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise UsageError(
            f"endpoint {redact(url)!r}: give scheme, host and port only; paths and credentials do not belong"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(f"endpoint {redact(url)!r}: http is for loopback hosts only; use https")
    shown = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")
    return Endpoint(origin=origin, host=host, tls=parts.scheme == "https")


def is_loopback(host: str) -> bool:
    """Tell whether a host can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == LOOPBACK_NAME
