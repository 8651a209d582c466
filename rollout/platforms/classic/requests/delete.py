"""Delete Deployment: take a deployment away, with its disks where that is asked for."""

from typing import Final

import msgspec

from rollout.core.names import Target
from rollout.platforms.classic.paths import deployment_path, with_query
from rollout.platforms.classic.request import CannotEncode, Request, require
from rollout.platforms.classic.vocabulary import Comp

MEDIA_SINCE: Final = "2013-08-01"


class DeleteDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """Delete a deployment."""

    target: Target
    media: bool = False
    """Delete its disks and their blobs as well; only for a deployment named by its own name."""

    @property
    def subscription(self) -> str:
        """Name the subscription of the deployment."""
        return self.target.subscription

    def request(self, version: str) -> Request:
        """Delete without a body."""
        if not self.media:
            return Request("DELETE", deployment_path(self.target))
        require(version, MEDIA_SINCE, "deleting a deployment with its disks")
        if self.target.deployment is None:
            raise CannotEncode("a deployment is deleted with its disks by its own name, not by slot")
        return Request("DELETE", with_query(deployment_path(self.target), {"comp": Comp.MEDIA}))
