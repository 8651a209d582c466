"""Get Package: have a deployment's package and configuration written to a blob container."""

from typing import Final

import msgspec

from rollout.core.names import Target
from rollout.platforms.classic.paths import deployment_path, with_query
from rollout.platforms.classic.request import Request, require
from rollout.platforms.classic.write import blob_url, boolean_text

PACKAGE_SINCE: Final = "2012-03-01"


class GetPackage(msgspec.Struct, frozen=True, kw_only=True):
    """Write the .cspkg and .cscfg of a deployment to a container: the only way to have the old package back.

    No reply ever shows where a package came from.
    """

    target: Target
    container_url: str
    overwrite: bool = False

    @property
    def subscription(self) -> str:
        """Name the subscription of the deployment."""
        return self.target.subscription

    def request(self, version: str) -> Request:
        """Post without a body; it is an operation of its own, to be polled."""
        require(version, PACKAGE_SINCE, "Get Package")
        query = {
            "containerUri": blob_url(self.container_url, "the container reference"),
            "overwriteExisting": boolean_text(self.overwrite),
        }
        return Request("POST", with_query(f"{deployment_path(self.target)}/package", query))
