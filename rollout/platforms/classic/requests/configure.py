"""Change Deployment Configuration: give a deployment another configuration of the code it has."""

from typing import Final

import msgspec

from rollout.core.names import Target
from rollout.platforms.classic.extensions import ExtensionConfiguration
from rollout.platforms.classic.paths import change_path
from rollout.platforms.classic.properties import ExtendedProperty
from rollout.platforms.classic.request import Request, require
from rollout.platforms.classic.requests.parts import attachments, warnings
from rollout.platforms.classic.vocabulary import Comp, Mode
from rollout.platforms.classic.write import Field, base64_text, document

MODE_SINCE: Final = "2011-08-01"
SIMULTANEOUS_SINCE: Final = "2013-03-01"


class ChangeConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Replace the configuration of a deployment. It has neither Label nor Force."""

    target: Target
    configuration: bytes
    mode: Mode
    treat_warnings_as_error: bool = False
    properties: tuple[ExtendedProperty, ...] = ()
    extensions: ExtensionConfiguration | None = None
    """None leaves them as they are."""

    @property
    def subscription(self) -> str:
        """Name the subscription of the deployment."""
        return self.target.subscription

    def request(self, version: str) -> Request:
        """Post ChangeConfiguration; what says no more than the API's default is left out for versions without it."""
        fields: list[Field] = [("Configuration", base64_text(self.configuration))]
        fields += warnings(self.treat_warnings_as_error, version)
        if version >= MODE_SINCE or self.mode is not Mode.AUTO:
            since = SIMULTANEOUS_SINCE if self.mode is Mode.SIMULTANEOUS else MODE_SINCE
            require(version, since, f"Mode {self.mode} of a configuration change")
            fields.append(("Mode", self.mode))
        fields += attachments(self.properties, self.extensions, version)
        return Request("POST", change_path(self.target, Comp.CONFIG), document("ChangeConfiguration", fields))
