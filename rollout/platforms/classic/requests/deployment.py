"""Get Deployment: look at one deployment."""

import msgspec

from rollout.core.names import Target
from rollout.platforms.classic.paths import deployment_path
from rollout.platforms.classic.request import Request


class GetDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for one deployment, by its name where the target has one, else by slot."""

    target: Target

    @property
    def subscription(self) -> str:
        """Name the subscription of the deployment."""
        return self.target.subscription

    def request(self, _version: str) -> Request:
        """Get it; this path has no slash at its end."""
        return Request("GET", deployment_path(self.target))
