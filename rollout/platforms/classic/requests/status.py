"""Update Deployment Status: run a deployment's code, or take the whole deployment down."""

import msgspec

from rollout.core.names import Target
from rollout.platforms.classic.paths import change_path
from rollout.platforms.classic.request import Request
from rollout.platforms.classic.vocabulary import Comp, DeploymentStatus
from rollout.platforms.classic.write import document


class UpdateDeploymentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Set Running or Suspended. Suspended is an outage: no code of the deployment runs, and it is still billed."""

    target: Target
    running: bool

    @property
    def subscription(self) -> str:
        """Name the subscription of the deployment."""
        return self.target.subscription

    def request(self, _version: str) -> Request:
        """Post UpdateDeploymentStatus."""
        status = DeploymentStatus.RUNNING if self.running else DeploymentStatus.SUSPENDED
        body = document("UpdateDeploymentStatus", [("Status", status)])
        return Request("POST", change_path(self.target, Comp.STATUS), body)
