"""Upgrade Deployment: give a deployment a new package and configuration."""

from typing import Final

import msgspec

from rollout.core.names import Target
from rollout.platforms.classic.extensions import ExtensionConfiguration
from rollout.platforms.classic.paths import change_path
from rollout.platforms.classic.properties import ExtendedProperty
from rollout.platforms.classic.request import Request, require
from rollout.platforms.classic.requests.parts import attachments
from rollout.platforms.classic.vocabulary import Comp, Mode
from rollout.platforms.classic.write import Field, base64_text, blob_url, boolean_text, document, label_text

FORCE_SINCE: Final = "2011-10-01"
SIMULTANEOUS_SINCE: Final = "2012-12-01"


class UpgradeDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """Replace the code of a deployment.

    TreatWarningsAsError, which only the service's own contract knows here, is never sent.
    """

    target: Target
    mode: Mode
    package_url: str
    configuration: bytes
    label: str
    role: str | None = None
    """Only this role; None = all."""
    force: bool = False
    """Go on even where local data is lost."""
    properties: tuple[ExtendedProperty, ...] = ()
    extensions: ExtensionConfiguration | None = None
    """None leaves them as they are."""

    @property
    def subscription(self) -> str:
        """Name the subscription of the deployment."""
        return self.target.subscription

    def request(self, version: str) -> Request:
        """Post UpgradeDeployment."""
        if self.mode is Mode.SIMULTANEOUS:
            require(version, SIMULTANEOUS_SINCE, "Mode Simultaneous of an upgrade")
        fields: list[Field] = [
            ("Mode", self.mode),
            ("PackageUrl", blob_url(self.package_url, "the package reference")),
            ("Configuration", base64_text(self.configuration)),
            ("Label", label_text(self.label)),
        ]
        if self.role is not None:
            fields.append(("RoleToUpgrade", self.role))
        if version >= FORCE_SINCE or self.force:
            require(version, FORCE_SINCE, "Force of an upgrade")
            fields.append(("Force", boolean_text(self.force)))
        fields += attachments(self.properties, self.extensions, version)
        return Request("POST", change_path(self.target, Comp.UPGRADE), document("UpgradeDeployment", fields))
