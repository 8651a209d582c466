"""Where a daemon is: `https://HOST[:PORT]`, or `http://` on this machine, since every request carries a token."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from rollout.errors import UsageError
from rollout.settings import is_loopback

URL_CHARS_MAX: Final = 2_048


class Address(msgspec.Struct, frozen=True):
    """One daemon's address."""

    url: str
    """Scheme, host and port, without a slash at its end."""
    ca: Path | None = None
    """Authorities to trust instead of the machine's, in PEM."""

    @property
    def local(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(urlsplit(self.url).hostname or "")


def address_of(url: str, ca: Path | None = None) -> Address:
    """Read an address as people write it. Raises UsageError."""
    text = url.strip().rstrip("/")
    if not text.isprintable() or len(text) > URL_CHARS_MAX:
        raise _unfit("it is no URL")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _unfit("it is no URL") from None
    if "://" not in text:
        raise _unfit("it has no scheme")
    if parts.scheme not in {"http", "https"} or not host:
        raise _unfit(f"its scheme is {parts.scheme}" if host else "it has no host")
    if "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        raise _unfit("it has more than scheme, host and port; a token belongs into ROLLOUT_TOKEN or --token-file")
    if parts.scheme == "http" and not is_loopback(host):
        raise _unfit(f"http would show the token to the network between here and {host}: use https")
    return Address(text, ca)


def _unfit(why: str) -> UsageError:
    return UsageError(f"this is no address of a daemon, such as https://rollout.example:8642: {why}")
