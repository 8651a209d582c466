"""Reading requests about services: their creation, their description, their extensions."""

from typing import Final

from rollout.emulator import read_values as values
from rollout.emulator.fabric_services import CreateService, UpdateService
from rollout.emulator.fabric_state import InstalledExtension
from rollout.emulator.read import PROPERTIES_SINCE
from rollout.emulator.read_elements import Child, Found, Reader
from rollout.emulator.read_properties import read_properties
from rollout.emulator.refusals import bad_request
from rollout.platforms.classic.vocabulary import SERVICE_PROPERTIES_MAX

_DESCRIPTION_CHARACTERS_MAX: Final = 1024
_TEXT_CHARACTERS_MAX: Final = 256

_CREATE: Final = (
    Child("ServiceName", required=True),
    Child("Label", required=True),
    Child("Description"),
    Child("Location"),
    Child("AffinityGroup"),
    Child("ExtendedProperties", since=PROPERTIES_SINCE),
    Child("ReverseDnsFqdn"),
)
_UPDATE: Final = (
    Child("Label"),
    Child("Description"),
    Child("ExtendedProperties", since=PROPERTIES_SINCE),
    Child("ReverseDnsFqdn"),
)
_EXTENSION: Final = (
    Child("ProviderNameSpace", required=True),
    Child("Type", required=True),
    Child("Id", required=True),
    Child("Thumbprint"),
    Child("ThumbprintAlgorithm"),
    Child("PublicConfiguration"),
    Child("PrivateConfiguration"),
    Child("Version"),
)


def create(body: bytes, reader: Reader) -> CreateService:
    """Read CreateHostedService: exactly one of Location and AffinityGroup."""
    found = reader.root(body, "CreateHostedService", _CREATE)
    if found.has("Location") is found.has("AffinityGroup"):
        raise bad_request("Exactly one of Location and AffinityGroup is given.")
    return CreateService(
        found.text("ServiceName"),
        _label(found),
        _optional(found, "Description", _DESCRIPTION_CHARACTERS_MAX),
        _optional(found, "Location"),
        _optional(found, "AffinityGroup"),
        read_properties(found.element("ExtendedProperties"), reader, most=SERVICE_PROPERTIES_MAX),
        _optional(found, "ReverseDnsFqdn"),
    )


def update(body: bytes, reader: Reader) -> UpdateService:
    """Read UpdateHostedService; recorded clients leave out whatever stays."""
    found = reader.root(body, "UpdateHostedService", _UPDATE)
    return UpdateService(
        _label(found) if found.has("Label") else None,
        _optional(found, "Description", _DESCRIPTION_CHARACTERS_MAX),
        read_properties(found.element("ExtendedProperties"), reader, most=SERVICE_PROPERTIES_MAX),
        _optional(found, "ReverseDnsFqdn"),
    )


def extension(body: bytes, reader: Reader) -> InstalledExtension:
    """Read Extension; its private configuration is checked and forgotten."""
    found = reader.root(body, "Extension", _EXTENSION)
    _configuration(found, "PrivateConfiguration")
    return InstalledExtension(
        _required(found, "ProviderNameSpace"),
        _required(found, "Type"),
        _required(found, "Id"),
        _optional(found, "Version") or "*",
        _optional(found, "Thumbprint") or "",
        _optional(found, "ThumbprintAlgorithm") or "",
        _configuration(found, "PublicConfiguration"),
    )


def _label(found: Found) -> str:
    """Read a service's label; one recorded client breaks its base64 into lines, and the service took it."""
    return values.label("".join(found.text("Label").split()))


def _required(found: Found, name: str) -> str:
    text = found.text(name)
    if not text.strip() or len(text) > _TEXT_CHARACTERS_MAX or "/" in text:
        raise bad_request(f"{name} is empty or longer than {_TEXT_CHARACTERS_MAX} characters.")
    return text


def _optional(found: Found, name: str, most: int = _TEXT_CHARACTERS_MAX) -> str | None:
    if not found.has(name):
        return None
    text = found.text(name)
    if len(text) > most:
        raise bad_request(f"{name} has at most {most} characters.")
    return text


def _configuration(found: Found, name: str) -> bytes:
    return values.base64(found.text(name), name) if found.has(name) and found.text(name) else b""
