"""Reading requests about whole deployments: their configuration, their creation, their exchange, their instances."""

from typing import Final

from rollout.emulator import read_values as values
from rollout.emulator.fabric_slots import Create
from rollout.emulator.fabric_state import Release
from rollout.emulator.fabric_update import Configure
from rollout.emulator.read import EXTENSIONS_SINCE, PROPERTIES_SINCE
from rollout.emulator.read_configuration import INSTANCES_MAX, role_counts
from rollout.emulator.read_elements import Child, Found, Reader
from rollout.emulator.read_extensions import read_extensions
from rollout.emulator.read_properties import read_properties
from rollout.emulator.refusals import bad_request, invalid_xml
from rollout.platforms.classic.vocabulary import Mode

CONFIGURE_MODE_SINCE: Final = "2011-08-01"
CONFIGURE_SIMULTANEOUS_SINCE: Final = "2013-03-01"
WARNINGS_SINCE: Final = "2011-04-01"

_NAME_CHARACTERS_MAX: Final = 256

_CONFIGURE: Final = (
    Child("Configuration", required=True),
    Child("TreatWarningsAsError", since=WARNINGS_SINCE),
    Child("Mode", since=CONFIGURE_MODE_SINCE),
    Child("ExtendedProperties", since=PROPERTIES_SINCE),
    Child("ExtensionConfiguration", since=EXTENSIONS_SINCE),
)
_CREATE: Final = (
    Child("Name", required=True),
    Child("PackageUrl", required=True),
    Child("Label", required=True),
    Child("Configuration", required=True),
    Child("StartDeployment"),
    Child("TreatWarningsAsError", since=WARNINGS_SINCE),
    Child("ExtendedProperties", since=PROPERTIES_SINCE),
    Child("ExtensionConfiguration", since=EXTENSIONS_SINCE),
)


def configure(body: bytes, reader: Reader) -> Configure:
    """Read ChangeConfiguration; without a Mode it is Auto."""
    found = reader.root(body, "ChangeConfiguration", _CONFIGURE)
    configuration = values.configuration(found.text("Configuration"))
    role_counts(configuration)
    _boolean(found, "TreatWarningsAsError")
    mode = values.enum(found.text("Mode"), Mode, "Mode", reader) if found.has("Mode") else Mode.AUTO
    if mode is Mode.SIMULTANEOUS and reader.version < CONFIGURE_SIMULTANEOUS_SINCE:
        raise bad_request(f"Mode Simultaneous needs x-ms-version {CONFIGURE_SIMULTANEOUS_SINCE} or later.")
    extensions = found.element("ExtensionConfiguration")
    return Configure(
        mode,
        configuration,
        read_properties(found.element("ExtendedProperties"), reader),
        None if extensions is None else read_extensions(extensions, reader),
    )


def create(body: bytes, reader: Reader) -> Create:
    """Read CreateDeployment; unless StartDeployment says so, it is not started."""
    found = reader.root(body, "CreateDeployment", _CREATE)
    name = _named(found, "Name")
    url = values.web_address(found.text("PackageUrl"), "PackageUrl")
    label = values.label(found.text("Label"))
    configuration = values.configuration(found.text("Configuration"))
    start = _boolean(found, "StartDeployment")
    _boolean(found, "TreatWarningsAsError")
    properties = read_properties(found.element("ExtendedProperties"), reader)
    release = Release(
        label=label,
        configuration=configuration,
        counts=role_counts(configuration),
        package_url=url,
        properties=tuple((key, value) for key, value in properties if value is not None),
        extensions=read_extensions(found.element("ExtensionConfiguration"), reader),
    )
    return Create(name, release, start)


def swap(body: bytes, reader: Reader) -> tuple[str | None, str]:
    """Read Swap: the name in production, if it is given, and the name that goes the other way."""
    found = reader.root(body, "Swap", (Child("Production"), Child("SourceDeployment", required=True)))
    production = found.text("Production") if found.has("Production") else ""
    return production or None, _named(found, "SourceDeployment")


def instances(body: bytes, reader: Reader) -> tuple[str, ...]:
    """Read RoleInstances: the names of those to delete."""
    names = reader.texts(body, "RoleInstances", "Name")
    if not 1 <= len(names) <= INSTANCES_MAX:
        raise invalid_xml(f"RoleInstances holds 1 to {INSTANCES_MAX} times Name.")
    return names


def _named(found: Found, name: str) -> str:
    text = found.text(name)
    if not 1 <= len(text) <= _NAME_CHARACTERS_MAX or "/" in text or not text.isprintable():
        raise bad_request(f"{name} is not the name of a deployment.")
    return text


def _boolean(found: Found, name: str) -> bool:
    return found.has(name) and values.boolean(found.text(name), name)
