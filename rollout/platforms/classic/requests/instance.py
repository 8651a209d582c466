"""Reboot, Reimage, Rebuild, Delete: what an operator does to single role instances."""

from enum import StrEnum

import msgspec

from rollout.core.names import Target
from rollout.platforms.classic.paths import deployment_path, instance_path
from rollout.platforms.classic.request import CannotEncode, Request, require
from rollout.platforms.classic.vocabulary import Comp
from rollout.platforms.classic.write import document


class Renewal(StrEnum):
    """How far one instance is renewed."""

    REBOOT = "reboot"
    REIMAGE = "reimage"
    """Reboot with a fresh system disk."""
    REBUILD = "rebuild"
    """Reimage, and empty the local disks too."""


_COMPS = {Renewal.REBOOT: Comp.REBOOT, Renewal.REIMAGE: Comp.REIMAGE, Renewal.REBUILD: Comp.REBUILD}
_SINCE = {Renewal.REBOOT: "2010-10-28", Renewal.REIMAGE: "2010-10-28", Renewal.REBUILD: "2013-06-01"}


class RenewInstance(msgspec.Struct, frozen=True, kw_only=True):
    """Reboot, reimage or rebuild one instance. Nobody can see later that it was done, so it is never repeated."""

    target: Target
    instance: str
    renewal: Renewal

    @property
    def subscription(self) -> str:
        """Name the subscription of the deployment."""
        return self.target.subscription

    def request(self, version: str) -> Request:
        """Post without a body."""
        require(version, _SINCE[self.renewal], f"{self.renewal} of a role instance")
        path = instance_path(self.target, self.instance, _COMPS[self.renewal])
        return Request("POST", f"{path}&resources=allLocalDrives" if self.renewal is Renewal.REBUILD else path)


class DeleteInstances(msgspec.Struct, frozen=True, kw_only=True):
    """Take single instances away for good; the configuration counts fewer afterwards."""

    target: Target
    instances: tuple[str, ...]

    @property
    def subscription(self) -> str:
        """Name the subscription of the deployment."""
        return self.target.subscription

    def request(self, version: str) -> Request:
        """Post RoleInstances."""
        require(version, "2013-08-01", "Delete Role Instances")
        if not self.instances or len(set(self.instances)) != len(self.instances):
            raise CannotEncode("the instances to be deleted: at least one, and none of them twice")
        body = document("RoleInstances", [("Name", each) for each in self.instances])
        return Request("POST", f"{deployment_path(self.target)}/roleinstances/?comp={Comp.DELETE}", body)
