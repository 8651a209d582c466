"""Read the extensions of a cloud service."""

import msgspec
from lxml import etree

from rollout.platforms.classic import fields, xml
from rollout.platforms.classic.decode import ApiError, error_of


class Extension(msgspec.Struct, frozen=True):
    """One extension of a cloud service; its private configuration never comes back."""

    provider: str
    type: str
    id: str
    version: str
    thumbprint: str | None
    thumbprint_algorithm: str | None
    public: str | None
    """As it came: base64 text, or a placeholder where somebody has hidden it."""


def decode_extensions(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> tuple[Extension, ...] | ApiError:
    """Read the answer to List Extensions; raise `Unreadable` where it is neither that nor an Error."""
    root = xml.parse(body, {"Extensions", xml.ERROR}, limits=limits)
    if xml.local(root) == xml.ERROR:
        return error_of(root)
    return tuple(_extension(each) for each in xml.children(root, "Extension"))


def decode_extension(body: bytes, limits: xml.XmlLimits = xml.DEFAULT_LIMITS) -> Extension | ApiError:
    """Read the answer to Get Extension."""
    root = xml.parse(body, {"Extension", xml.ERROR}, limits=limits)
    return error_of(root) if xml.local(root) == xml.ERROR else _extension(root)


def _extension(element: etree._Element) -> Extension:
    return Extension(
        provider=fields.required(element, "ProviderNameSpace"),
        type=fields.required(element, "Type"),
        id=fields.required(element, "Id"),
        version=xml.text(element, "Version") or "",
        thumbprint=xml.text(element, "Thumbprint") or None,
        thumbprint_algorithm=xml.text(element, "ThumbprintAlgorithm") or None,
        public=xml.text(element, "PublicConfiguration") or None,
    )
