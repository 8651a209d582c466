"""Reading requests: a body becomes what the fabric takes, or a refusal that says what is wrong with it."""

from typing import Final

from rollout.emulator import read_values as values
from rollout.emulator.fabric_state import Release
from rollout.emulator.fabric_update import Begin
from rollout.emulator.read_configuration import role_counts
from rollout.emulator.read_elements import Child, Reader
from rollout.emulator.read_extensions import read_extensions
from rollout.emulator.read_properties import read_properties
from rollout.emulator.refusals import bad_request
from rollout.platforms.classic.vocabulary import DeploymentStatus, Mode

FORCE_SINCE: Final = "2011-10-01"
PROPERTIES_SINCE: Final = "2012-03-01"
SIMULTANEOUS_SINCE: Final = "2012-12-01"
EXTENSIONS_SINCE: Final = "2013-03-01"

_DOMAIN_MAX: Final = 999_999_999

_UPGRADE: Final = (
    Child("Mode", required=True),
    Child("PackageUrl", required=True),
    Child("Configuration", required=True),
    Child("Label", required=True),
    Child("RoleToUpgrade"),
    Child("TreatWarningsAsError"),
    Child("Force", required=True, since=FORCE_SINCE),
    Child("ExtendedProperties", since=PROPERTIES_SINCE),
    Child("ExtensionConfiguration", since=EXTENSIONS_SINCE),
)


def upgrade(body: bytes, reader: Reader) -> Begin:
    """Read UpgradeDeployment."""
    found = reader.root(body, "UpgradeDeployment", _UPGRADE)
    mode = values.enum(found.text("Mode"), Mode, "Mode", reader)
    if mode is Mode.SIMULTANEOUS and reader.version < SIMULTANEOUS_SINCE:
        raise bad_request(f"Mode Simultaneous needs x-ms-version {SIMULTANEOUS_SINCE} or later.")
    url = values.web_address(found.text("PackageUrl"), "PackageUrl")
    configuration = values.configuration(found.text("Configuration"))
    label = values.label(found.text("Label"))
    if found.has("TreatWarningsAsError"):
        values.boolean(found.text("TreatWarningsAsError"), "TreatWarningsAsError")
    release = Release(
        label=label,
        configuration=configuration,
        counts=role_counts(configuration),
        package_url=url,
        extensions=read_extensions(found.element("ExtensionConfiguration"), reader),
    )
    role = found.text("RoleToUpgrade") if found.has("RoleToUpgrade") else None
    force = found.has("Force") and values.boolean(found.text("Force"), "Force")
    return Begin(mode, release, role, read_properties(found.element("ExtendedProperties"), reader), force=force)


def walk(body: bytes, reader: Reader) -> int:
    """Read WalkUpgradeDomain; whether there is such a domain is for the fabric to say."""
    found = reader.root(body, "WalkUpgradeDomain", (Child("UpgradeDomain", required=True),))
    return values.integer(found.text("UpgradeDomain"), "UpgradeDomain", most=_DOMAIN_MAX)


def rollback(body: bytes, reader: Reader) -> Mode:
    """Read RollbackUpdateOrUpgrade. Force is optional, as the clients and the data contract have it."""
    found = reader.root(body, "RollbackUpdateOrUpgrade", (Child("Mode", required=True), Child("Force")))
    mode = values.enum(found.text("Mode"), Mode, "Mode", reader)
    if mode is Mode.SIMULTANEOUS:
        raise bad_request("Mode of a rollback is Auto or Manual.")
    if found.has("Force"):
        values.boolean(found.text("Force"), "Force")
    return mode


def status(body: bytes, reader: Reader) -> bool:
    """Read UpdateDeploymentStatus; True = Running."""
    found = reader.root(body, "UpdateDeploymentStatus", (Child("Status", required=True),))
    wanted = values.enum(found.text("Status"), DeploymentStatus, "Status", reader)
    if wanted not in {DeploymentStatus.RUNNING, DeploymentStatus.SUSPENDED}:
        raise bad_request("Status is Running or Suspended.")
    return wanted is DeploymentStatus.RUNNING
