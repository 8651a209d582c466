"""What one HTTP exchange came to: a reply, or the way it broke."""

from enum import StrEnum

import msgspec


class Break(StrEnum):
    """How an exchange ended without a whole reply."""

    DECLINED = "declined"
    """The caller no longer wanted it, asked with the connection in hand."""
    NO_ACCESS = "no access"
    """There is no token to be shown, so nothing was sent."""
    NO_CONNECTION = "no connection"
    HANDSHAKE = "handshake"
    """The connection stood and was dropped before TLS did."""
    CERTIFICATE = "certificate"
    """The endpoint's certificate is expired, unknown or of another name; a repeat cannot help."""
    CLIENT_CERTIFICATE = "client certificate"
    """The endpoint said so in TLS: it wants a certificate of ours, or another one."""
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    CUT = "cut"
    """The answer's body ended too early."""
    GARBLED = "garbled"
    """What came back is not HTTP."""
    REPEATED = "repeated"
    """The library set out to send a mutating request a second time, and was stopped."""


class Broken(msgspec.Struct, frozen=True):
    """No usable reply. `sent` = the first byte may have left."""

    kind: Break
    sent: bool
    detail: str
    """For people, redacted."""


class Reply(msgspec.Struct, frozen=True):
    """A whole reply; with `oversize` its body was cut at the cap and is not to be read."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, every value of a repeated one."""
    body: bytes = b""
    oversize: bool = False
    renewed: bool = False
    """It refused our token, which has been renewed since."""

    def header_values(self, name: str) -> tuple[str, ...]:
        """Give every value of a header, named in lower case."""
        return tuple(value for key, value in self.headers if key == name)


Exchange = Reply | Broken
