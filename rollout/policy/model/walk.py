"""How domains are walked, and the bounds of single operations."""

from typing import Annotated

from pydantic import Field

from rollout.policy.model.base import Doc, Word
from rollout.policy.model.change import MINUTE
from rollout.policy.model.scalars import Bound, Flag, Seconds


class Walk(Doc):
    """The way through the upgrade domains of one service."""

    bake_before_last: Seconds | None = Field(
        default=None,
        description="How long the service is watched before the last domain, the point of no return; unset, 5m for "
        "upgrades of production and 0s otherwise.",
    )
    domain_timeout: Annotated[Bound, Word("Service Fabric: UpgradeDomainTimeout")] = Field(
        default=45 * MINUTE, description="From a domain's walk to its verdict, all waits included."
    )
    allow_no_rollback: Flag = Field(
        default=False, description="Accept services with one domain: the platform has no Rollback for them."
    )


class OperationTimeout(Doc):
    """How long one asynchronous operation may run before a person is asked."""

    begin: Bound = Field(default=30 * MINUTE, description="The start of a change.")
    swap: Bound = Field(default=15 * MINUTE, description="A swap of the two slots.")
    status: Bound = Field(default=30 * MINUTE, description="A change of status.")
