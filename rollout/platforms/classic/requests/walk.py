"""Walk Upgrade Domain: update the next domain of a change in progress."""

import msgspec

from rollout.core.names import Target
from rollout.platforms.classic.paths import change_path
from rollout.platforms.classic.request import CannotEncode, Request
from rollout.platforms.classic.vocabulary import UPGRADE_DOMAINS_MAX, Comp
from rollout.platforms.classic.write import document


class WalkUpgradeDomain(msgspec.Struct, frozen=True, kw_only=True):
    """Update one domain; they count from 0 and go in order."""

    target: Target
    domain: int

    @property
    def subscription(self) -> str:
        """Name the subscription of the deployment."""
        return self.target.subscription

    def request(self, _version: str) -> Request:
        """Post WalkUpgradeDomain."""
        if not 0 <= self.domain < UPGRADE_DOMAINS_MAX:
            raise CannotEncode(
                f"upgrade domain {self.domain} cannot exist: they count from 0, at most {UPGRADE_DOMAINS_MAX} of them"
            )
        body = document("WalkUpgradeDomain", [("UpgradeDomain", str(self.domain))])
        return Request("POST", change_path(self.target, Comp.WALK), body)
