"""The scalar types of documents: text in, one exact type out, and nothing is guessed on the way."""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from rollout.policy.duration import PATTERN, checked_seconds, parse_duration
from rollout.policy.model.base import Kind, in_words
from rollout.policy.placeholders import refuse_misuse
from rollout.policy.tree import Text, shown

SERVICES_MAX = 10_000
LINE_MAX = 2_048
DIGITS_MAX = 12


def to_line(value: Any) -> str:
    """Give one line of text."""
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {kind_of(value)}")  # noqa: TRY004 - pydantic turns only ValueError into a problem
    if not value.strip():
        raise ValueError("is empty")
    if len(value) > LINE_MAX:
        raise ValueError(f"is longer than {LINE_MAX} characters")
    if not value.isprintable():
        raise ValueError("must be one line of printable characters")
    return str(value)


def to_bool(value: Any) -> bool:
    """Give a boolean: `true` or `false` without quotes, nothing else."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError(f"must be true or false, not {kind_of(value)}")  # noqa: TRY004 - as above
    if value in {"true", "false"} and isinstance(value, Text) and not value.quoted:
        return value == "true"
    if value in {"true", "false"}:
        raise ValueError(f'must be a boolean, not a text in quotes; write {value} instead of "{value}"')
    raise ValueError(f"must be true or false, not {shown(value)}")


def to_int(value: Any) -> int:
    """Give a whole number: decimal, without quotes and leading zeros."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError(f"must be a whole number, not {kind_of(value)}")  # noqa: TRY004 - as above
    if not isinstance(value, Text) or value.quoted:
        raise ValueError(f"must be a whole number, not a text in quotes: {shown(value)}")
    if not re.fullmatch(r"-?[0-9]+", value):
        raise ValueError(f"must be a whole number, not {shown(value)}")
    if re.match(r"-?0[0-9]", value):
        raise ValueError(f"must be a whole number without leading zeros, not {shown(value)}")
    if len(value) > DIGITS_MAX:
        raise ValueError(f"is too large a number: {shown(value)}")
    return int(value)


def to_seconds(value: Any) -> float:
    """Give seconds; Python code may also hand over seconds as a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return checked_seconds(float(value))
    if not isinstance(value, str):
        raise ValueError(f"must be a duration such as `90s`, not {kind_of(value)}")  # noqa: TRY004 - as above
    return parse_duration(value)


def kind_of(value: Any) -> str:
    """Name what was written instead of a scalar."""
    kinds = ((bool, "a boolean"), (dict, "a mapping"), (list, "a list"), (int | float, "a number"))
    return next((words for kind, words in kinds if isinstance(value, kind)), "nothing")


def matching(pattern: str, words: str) -> Callable[[Any], str]:
    """Make a validator for a text of this form; `words` finish the sentence "must be …"."""

    def parse(value: Any) -> str:
        line = to_line(value)
        if not re.fullmatch(pattern, line):
            raise ValueError(f"{shown(line)} must be {words}")
        return line

    return in_words(parse)


def url_fault(url: str, *, plain_http: bool) -> str | None:
    """Say what is wrong with a URL, or nothing. http is for loopback hosts only unless `plain_http`."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"{shown(url)} is not a URL"
    if parts.scheme not in {"https", "http"} or not host or any(char.isspace() for char in url):
        return f"{shown(url)} must be a URL such as `https://host/path`"
    if "@" in parts.netloc:
        return "a URL must not carry a user name or password"
    if parts.scheme == "http" and not plain_http and not _is_loopback(host):
        return f"{shown(url)} must be https; http is allowed only for a loopback host"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(*, plain_http: bool) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        line = to_line(value)
        if fault := url_fault(line, plain_http=plain_http):
            raise ValueError(fault)
        return line

    return in_words(parse)


def allowing(*names: str, other_braces: bool = False) -> AfterValidator:
    """Let a text use these placeholders and no others."""
    return AfterValidator(in_words(lambda text: refuse_misuse(text, frozenset(names), other_braces=other_braces)))


PER_SERVICE = ("service", "slot", "rollout", "tag.X")
"""The placeholders that have one value per service."""

Line: TypeAlias = Annotated[str, Kind("text"), BeforeValidator(in_words(to_line))]
Template: TypeAlias = Annotated[Line, Kind("text, placeholders of the service allowed"), allowing(*PER_SERVICE)]
Flag: TypeAlias = Annotated[bool, Kind("true or false"), BeforeValidator(in_words(to_bool))]
Count: TypeAlias = Annotated[
    int, Kind("a whole number, 1 or more"), BeforeValidator(in_words(to_int)), Field(ge=1, le=SERVICES_MAX)
]
Tolerance: TypeAlias = Annotated[
    int, Kind("a whole number, 0 or more"), BeforeValidator(in_words(to_int)), Field(ge=0, le=SERVICES_MAX)
]
_DURATION = {"type": "string", "pattern": PATTERN, "examples": ["90s", "1m30s", "24h"]}
Seconds: TypeAlias = Annotated[
    float, Kind("a duration such as `90s`"), BeforeValidator(in_words(to_seconds)), WithJsonSchema(_DURATION)
]
Bound: TypeAlias = Annotated[
    float,
    Kind("a duration longer than 0s"),
    BeforeValidator(in_words(to_seconds)),
    Field(gt=0),
    WithJsonSchema(_DURATION),
]
RolloutId: TypeAlias = Annotated[
    str,
    Kind("letters, digits, dot, dash, underscore; at most 64"),
    BeforeValidator(
        matching(
            r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
            "1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit",
        )
    ),
    WithJsonSchema({"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}),
]
ServiceName: TypeAlias = Annotated[
    str,
    Kind("the name of a cloud service"),
    BeforeValidator(
        matching(
            r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
            "a service name: 1 to 63 letters, digits and dashes, no dash at either end",
        )
    ),
]
WaveName: TypeAlias = Annotated[
    str,
    Kind("letters, digits, dash, underscore; at most 64"),
    BeforeValidator(matching(r"[A-Za-z0-9_-]{1,64}", "1 to 64 letters, digits, dashes or underscores")),
]
TagKey: TypeAlias = Annotated[
    str,
    Kind("the name of a tag"),
    BeforeValidator(matching(r"[A-Za-z0-9_-]{1,64}", "1 to 64 letters, digits, dashes or underscores")),
]
TagValue: TypeAlias = Annotated[
    str,
    Kind("letters, digits, dot, dash, underscore; at most 64"),
    # It goes into paths and URLs, so it can be neither `..` nor hold a slash.
    BeforeValidator(
        matching(
            r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
            "1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit",
        )
    ),
]
Guid: TypeAlias = Annotated[
    str,
    Kind("a subscription id: 8-4-4-4-12 hexadecimal digits"),
    BeforeValidator(
        matching(
            r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
            "a subscription id such as 00000000-0000-4000-8000-000000000001",
        )
    ),
]
PackageUrl: TypeAlias = Annotated[
    str, Kind("an https URL"), BeforeValidator(_url(plain_http=False)), allowing(*PER_SERVICE)
]
HookUrl: TypeAlias = Annotated[
    str,
    Kind("an http or https URL"),
    BeforeValidator(_url(plain_http=True)),
    allowing(*PER_SERVICE, "domain", "instances"),
]
NoticeUrl: TypeAlias = Annotated[
    str, Kind("an http or https URL"), BeforeValidator(_url(plain_http=True)), allowing("rollout")
]
