"""A service configuration looked at from afar: well-formed, no document type, and its roles with their counts.

The platform's own XML reader belongs to the platform; this one only says early and cheaply that a file is no
configuration at all.
"""

from xml.parsers import expat

import msgspec

DEPTH_MAX = 50
ELEMENTS_MAX = 20_000
COUNT_DIGITS_MAX = 6


class Configuration(msgspec.Struct, frozen=True):
    """A service configuration file as it is sent, and what is in it."""

    file: str
    data: bytes
    digest: str
    """SHA-256 of `data`, in hexadecimal."""
    roles: dict[str, int]
    """Instance count by role name."""


def roles_of(data: bytes) -> dict[str, int]:
    """Give the instance count of every role; raises ValueError saying why it is no service configuration."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes it by position
    except expat.ExpatError as error:
        words = expat.ErrorString(error.code)
        raise ValueError(f"line {error.lineno}:{error.offset + 1} is not XML: {words}") from None
    except LookupError:
        raise ValueError("declares an encoding that is not known") from None
    if not reader.roles:
        raise ValueError("names no role")
    for role, count in reader.roles.items():
        if count < 1:
            raise ValueError(f"role `{role[:80]}` has no instance count of 1 or more")
    return reader.roles


class _Reader:
    """Counts elements and remembers roles."""

    def __init__(self) -> None:
        self.roles: dict[str, int] = {}
        self.path: list[str] = []
        self.elements = 0

    def doctype(self, *_: object) -> None:
        raise ValueError("has a document type or entities, which are not allowed")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name.rpartition(" ")[2])
        self.elements += 1
        if len(self.path) > DEPTH_MAX or self.elements > ELEMENTS_MAX:
            raise ValueError("is too large or too deep for a service configuration")
        if self.path[0] != "ServiceConfiguration":
            raise ValueError(f"is not a service configuration: its root is <{self.path[0][:40]}>")
        match self.path[1:]:
            case ["Role"]:
                self._role(attributes.get("name", ""))
            case ["Role", "Instances"]:
                self._count(attributes.get("count", ""))
            case _:
                pass  # settings and certificates are the platform's to judge

    def end(self, _: str) -> None:
        self.path.pop()

    def _role(self, name: str) -> None:
        if not name or name in self.roles:
            raise ValueError(f"has two roles `{name[:80]}`" if name else "has a role without a name")
        self.roles[name] = 0

    def _count(self, count: str) -> None:
        if count.isascii() and count.isdigit() and len(count) <= COUNT_DIGITS_MAX:
            self.roles[next(reversed(self.roles))] = int(count)
