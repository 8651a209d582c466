"""Create Deployment: put a first deployment into an empty slot."""

import msgspec

from rollout.core.names import Target
from rollout.platforms.classic.extensions import ExtensionConfiguration
from rollout.platforms.classic.paths import segment, slot_path
from rollout.platforms.classic.properties import ExtendedProperty
from rollout.platforms.classic.request import CannotEncode, Request
from rollout.platforms.classic.requests.parts import attachments, warnings
from rollout.platforms.classic.write import Field, base64_text, blob_url, boolean_text, document, label_text


class CreateDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """Create the deployment `target.deployment` in `target.slot`; unless started it is born suspended."""

    target: Target
    package_url: str
    configuration: bytes
    label: str
    start: bool = False
    treat_warnings_as_error: bool = False
    properties: tuple[ExtendedProperty, ...] = ()
    extensions: ExtensionConfiguration | None = None

    @property
    def subscription(self) -> str:
        """Name the subscription of the service."""
        return self.target.subscription

    def request(self, version: str) -> Request:
        """Post CreateDeployment to the slot; Label comes before Configuration here, unlike in an upgrade."""
        if self.target.deployment is None:
            raise CannotEncode("a deployment to be created needs a name")
        segment(self.target.deployment)
        fields: list[Field] = [
            ("Name", self.target.deployment),
            ("PackageUrl", blob_url(self.package_url, "the package reference")),
            ("Label", label_text(self.label)),
            ("Configuration", base64_text(self.configuration)),
            ("StartDeployment", boolean_text(self.start)),
            *warnings(self.treat_warnings_as_error, version),
            *attachments(self.properties, self.extensions, version),
        ]
        return Request("POST", slot_path(self.target), document("CreateDeployment", fields))
