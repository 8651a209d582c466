"""What happens on failure, and the way back."""

from typing import Annotated, Literal

from pydantic import Field

from rollout.policy.model.base import Doc, Word
from rollout.policy.model.scalars import Bound, Count, PackageUrl, Template


class OnFailure(Doc):
    """What a failure does to its service and to its wave."""

    service: Annotated[Literal["rollback", "hold", "suspend"], Word("Service Fabric: FailureAction")] = Field(
        default="rollback", description="The failed service goes back, holds for a person, or is suspended: an outage."
    )
    wave: Literal["halt", "rollback_wave", "rollback_all"] = Field(
        default="halt",
        description="With more failures than tolerated: nothing new starts and those in flight hold after their "
        "domain (halt), or the wave or everything goes back, what has ended well included where there is a way.",
    )


class Rollback(Doc):
    """The way back."""

    mode: Annotated[Literal["auto", "manual"], Word("Azure: Mode of Rollback Update Or Upgrade")] = Field(
        default="auto",
        description="Who walks the domains back while the platform's Rollback exists: the platform by itself (auto), "
        "or rollout, one domain after another (manual). After the last walk a revert takes its place.",
    )
    timeout: Bound | None = Field(
        default=None,
        description="How long going back may take, from its first call on; unset, 20m for each touched "
        "domain, at least 1h.",
    )
    max_parallel: Count | None = Field(
        default=None, description="How many services go back at a time; unset, the wave's max_parallel."
    )
    package: PackageUrl | None = Field(
        default=None, description="The old package, for a revert after the last walk, when Rollback is gone."
    )
    configuration: Template | None = Field(default=None, description="The old configuration file, for a revert.")
    capture_container: Annotated[PackageUrl | None, Word("Azure: Get Package")] = Field(
        default=None, description="The blob container the running package is copied to before the change."
    )
