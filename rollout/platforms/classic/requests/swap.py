"""Swap Deployment: exchange what stands in the production and the staging slot of a cloud service."""

import msgspec

from rollout.platforms.classic.paths import service_path
from rollout.platforms.classic.request import CannotEncode, Request
from rollout.platforms.classic.write import Field, document


class SwapDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """Move `source` from staging to production.

    Naming what stands in production makes the call a compare-and-swap: repeated after success it names the wrong
    slots, and is answered 409.
    """

    subscription: str
    service: str
    source: str
    """The deployment in staging."""
    production: str | None
    """The deployment in production; None = that slot is empty."""

    def request(self, _version: str) -> Request:
        """Post Swap; the order of its children is significant."""
        if not self.source or self.production == "":
            raise CannotEncode("a swap names deployments, and an empty text names none")
        fields: list[Field] = [] if self.production is None else [("Production", self.production)]
        fields.append(("SourceDeployment", self.source))
        return Request("POST", service_path(self.subscription, self.service), document("Swap", fields))
