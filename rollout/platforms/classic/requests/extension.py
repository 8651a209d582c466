"""Add, list, get and delete the extensions of a cloud service."""

import re
from typing import Final

import msgspec

from rollout.platforms.classic.extensions import EXTENSIONS_SINCE
from rollout.platforms.classic.paths import segment, service_path
from rollout.platforms.classic.request import CannotEncode, Request, require
from rollout.platforms.classic.write import Field, base64_text, document

_VERSION: Final = re.compile(r"\*|\d{1,5}\.(?:\*|\d{1,5}(?:\.\d{1,5}){0,2})", re.ASCII)


class AddExtension(msgspec.Struct, frozen=True, kw_only=True):
    """Add an extension to a cloud service; deployments then name it by its id."""

    subscription: str
    service: str
    provider: str
    type: str
    id: str
    thumbprint: str | None = None
    """Of the certificate that encrypts the private configuration."""
    thumbprint_algorithm: str | None = None
    public: bytes | None = None
    private: bytes | None = None
    version: str | None = None
    """`*`, `X.*` or `X.Y`; None = the service's choice."""

    def request(self, version: str) -> Request:
        """Post Extension."""
        require(version, EXTENSIONS_SINCE, "Add Extension")
        if self.version is not None and not _VERSION.fullmatch(self.version):
            raise CannotEncode(f"the version {self.version[:20]!r} of an extension: expected *, X.* or X.Y")
        required = {"ProviderNameSpace": self.provider, "Type": self.type, "Id": self.id}
        for name, text in required.items():
            if not text:
                raise CannotEncode(f"an extension needs its {name}")
        optional = {
            "Thumbprint": self.thumbprint,
            "ThumbprintAlgorithm": self.thumbprint_algorithm,
            "PublicConfiguration": None if self.public is None else base64_text(self.public),
            "PrivateConfiguration": None if self.private is None else base64_text(self.private),
            "Version": self.version,
        }
        fields: list[Field] = [*required.items()]
        fields += [(name, text) for name, text in optional.items() if text is not None]
        return Request("POST", extensions_path(self.subscription, self.service), document("Extension", fields))


class ListExtensions(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for the extensions of a cloud service."""

    subscription: str
    service: str

    def request(self, version: str) -> Request:
        """Get the list."""
        require(version, EXTENSIONS_SINCE, "List Extensions")
        return Request("GET", extensions_path(self.subscription, self.service))


class GetExtension(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for one extension of a cloud service."""

    subscription: str
    service: str
    id: str

    def request(self, version: str) -> Request:
        """Get it by its id."""
        require(version, EXTENSIONS_SINCE, "Get Extension")
        return Request("GET", f"{extensions_path(self.subscription, self.service)}/{segment(self.id)}")


class DeleteExtension(msgspec.Struct, frozen=True, kw_only=True):
    """Take an extension from a cloud service; it must be in no deployment any more."""

    subscription: str
    service: str
    id: str

    def request(self, version: str) -> Request:
        """Delete it by its id."""
        require(version, EXTENSIONS_SINCE, "Delete Extension")
        return Request("DELETE", f"{extensions_path(self.subscription, self.service)}/{segment(self.id)}")


def extensions_path(subscription: str, service: str) -> str:
    """Name the extensions of a cloud service."""
    return f"{service_path(subscription, service)}/extensions"
