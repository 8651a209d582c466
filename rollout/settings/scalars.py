"""The scalar types of `rollout.toml`: TOML values in, one exact type out, errors in plain words."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from rollout.settings.run import is_loopback

SECONDS_MAX: Final = 3_600.0
WORDS_MAX: Final = 64
LIST_MAX: Final = 1_000

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}
GUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_HOST: Final = re.compile(r"(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\]")


def wrong(message: str) -> PydanticCustomError:
    """Make a validator's error whose text reaches people unchanged."""
    return PydanticCustomError("wrong", "{message}", {"message": message})


def seconds(value: Any) -> float:
    """Read a duration such as `30s`; a bare number has no unit and is refused."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h)", value) if isinstance(value, str) else None
    if found is None:
        raise wrong('must be a duration with its unit, such as "30s" or "500ms"')
    total = float(found[1]) * _UNITS[found[2]]
    if not 0 < total <= SECONDS_MAX:
        raise wrong("must be longer than 0s and at most 1h")
    return total


def from_folder(value: Any, info: ValidationInfo) -> Path:
    """Read a path: `~` is the home folder, a relative one starts at the folder of the file that names it."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or not value.isprintable():
        raise wrong("must be the path of a file or folder")
    folder = (info.context or {}).get("folder", Path())
    try:
        return Path(folder) / Path(value).expanduser()
    except RuntimeError:
        raise wrong("names a home folder that is not known") from None


def _endpoint(value: Any) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong("is not a URL") from None
    if parts.scheme not in {"https", "http"} or not host or not value.isprintable():
        raise wrong("must be https://HOST, or http:// with a loopback host")
    if "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong("gives scheme, host and port only; paths and credentials do not belong")
    if parts.scheme == "http" and not is_loopback(host):
        raise wrong("must be https: http is for loopback hosts only")
    return str(value).rstrip("/")


def _matching(pattern: re.Pattern[str], words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise wrong(f"must be {words}")
        return value

    return read


def _checked_host(value: Any) -> str:
    """Read whom checks may ask: a host as above, an address, or a network such as `10.0.0.0/8`."""
    if isinstance(value, str):
        try:
            bare = value.strip("[]")
            return str(ipaddress.ip_network(bare) if "/" in bare else ipaddress.ip_address(bare))
        except ValueError:
            pass
    words = "a host such as gate.internal or *.internal, an address, or a network like 10.0.0.0/8"
    return _matching(_HOST, words)(value)


def _hook(value: Any) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong("is not a URL") from None
    if parts.scheme not in {"https", "http"} or not host or not value.isprintable() or " " in value:
        raise wrong("must be a URL such as http://prometheus.internal:9090")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise wrong("gives scheme, host, port and path only; credentials do not belong")
    return str(value).rstrip("/")


def _lower(value: str) -> str:
    return value.lower()


def _argv(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise wrong('must be a list of words, such as ["az", "account", "get-access-token"]: no shell reads it')
    if not isinstance(value, list | tuple) or not value or len(value) > WORDS_MAX:
        raise wrong(f"must be a list of 1 to {WORDS_MAX} words")
    if not all(isinstance(word, str) and "\0" not in word for word in value) or not value[0]:
        raise wrong("must be a list of texts, the first one a program")
    return tuple(value)


FilePath: TypeAlias = Annotated[Path, BeforeValidator(from_folder)]
Seconds: TypeAlias = Annotated[float, BeforeValidator(seconds)]
EndpointUrl: TypeAlias = Annotated[str, BeforeValidator(_endpoint)]
SubscriptionId: TypeAlias = Annotated[
    str,
    BeforeValidator(_matching(GUID, "a subscription id such as 00000000-0000-4000-8000-000000000001")),
    AfterValidator(_lower),
]
Host: TypeAlias = Annotated[
    str,
    BeforeValidator(_matching(_HOST, "a host name such as relstore.blob.core.windows.net or *.example.com")),
    AfterValidator(_lower),
]
Name: TypeAlias = Annotated[
    str, BeforeValidator(_matching(re.compile(r"[A-Za-z0-9_-]{1,64}"), "letters, digits, dashes or underscores"))
]
Person: TypeAlias = Annotated[str, BeforeValidator(_matching(re.compile(r"[^\s\x00-\x1f]{1,64}"), "a login name"))]
People: TypeAlias = Annotated[tuple[Person, ...], Field(strict=False, max_length=LIST_MAX)]
Variable: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"),
]
Argv: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_argv)]
Cap: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]
Rate: TypeAlias = Annotated[float, Field(gt=0, le=10_000)]
CheckedHost: TypeAlias = Annotated[str, BeforeValidator(_checked_host), AfterValidator(_lower)]
CheckedHosts: TypeAlias = Annotated[tuple[CheckedHost, ...], Field(strict=False, max_length=LIST_MAX)]
HookUrl: TypeAlias = Annotated[str, BeforeValidator(_hook)]
Hosts: TypeAlias = Annotated[tuple[Host, ...], Field(strict=False, max_length=LIST_MAX)]
SubscriptionIds: TypeAlias = Annotated[tuple[SubscriptionId, ...], Field(strict=False, max_length=LIST_MAX)]
