"""What the URL of a package says: what people may see of it, and until when its signature holds."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit


def without_secrets(url: str) -> str:
    """Cut the query and the user part of a URL: either may carry a signature or a password."""
    scheme, mark, rest = url.partition("?")[0].partition("#")[0].partition("://")
    host, slash, tail = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{tail}"


def expires_wall(url: str) -> float | None:
    """Give when the URL's shared access signature ends (`se`), in POSIX seconds UTC.

    None = it has no signature, or one whose end stands elsewhere or cannot be read: then only the platform knows. Of
    several ends the earliest counts.
    """
    try:
        pairs = parse_qsl(urlsplit(url).query)
    except ValueError:
        return None
    if not any(name == "sig" for name, _ in pairs):
        return None
    return min(
        (moment for name, value in pairs if name == "se" and (moment := _moment(value)) is not None), default=None
    )


def _moment(text: str) -> float | None:
    """Read an ISO date, with or without a time; without a zone it is UTC. A bare `+` of a zone arrives as a blank."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
