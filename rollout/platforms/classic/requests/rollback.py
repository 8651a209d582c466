"""Rollback Update Or Upgrade: take the change in progress back."""

from typing import Final

import msgspec

from rollout.core.names import Target
from rollout.platforms.classic.paths import change_path
from rollout.platforms.classic.request import CannotEncode, Request, require
from rollout.platforms.classic.vocabulary import Comp, Mode
from rollout.platforms.classic.write import boolean_text, document

ROLLBACK_SINCE: Final = "2011-10-01"


class RollbackUpdateOrUpgrade(msgspec.Struct, frozen=True, kw_only=True):
    """Return what has been updated to what it was.

    `force` is always sent, as the documentation requires; without it a rollback that would lose data is refused.
    """

    target: Target
    mode: Mode
    force: bool = False

    @property
    def subscription(self) -> str:
        """Name the subscription of the deployment."""
        return self.target.subscription

    def request(self, version: str) -> Request:
        """Post RollbackUpdateOrUpgrade."""
        require(version, ROLLBACK_SINCE, "Rollback Update Or Upgrade")
        if self.mode is Mode.SIMULTANEOUS:
            raise CannotEncode("a rollback has no Mode Simultaneous: Auto or Manual")
        body = document("RollbackUpdateOrUpgrade", [("Mode", self.mode), ("Force", boolean_text(self.force))])
        return Request("POST", change_path(self.target, Comp.ROLLBACK), body)
