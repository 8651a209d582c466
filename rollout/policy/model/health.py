"""What counts as healthy after a domain, and for how long: Service Fabric's three clocks."""

from typing import Annotated, Literal

from pydantic import Field

from rollout.policy.model.base import Doc, Word
from rollout.policy.model.check import Check
from rollout.policy.model.check_kinds import InstancesCheck
from rollout.policy.model.scalars import Bound, Seconds

CHECKS_MAX = 50


def default_checks() -> tuple[Check, ...]:
    """Give the one check that is there when a policy names none."""
    return (Check(instances=InstancesCheck()),)


class Health(Doc):
    """Asked after every domain. A verdict that flips restarts the stable and the retry clock."""

    wait_duration: Annotated[Seconds, Word("Service Fabric: HealthCheckWaitDuration")] = Field(
        default=0.0, description="How long nothing is asked after a domain settled."
    )
    stable_duration: Annotated[Seconds, Word("Service Fabric: HealthCheckStableDuration")] = Field(
        default=120.0, description="How long every check must have been healthy without a break."
    )
    retry_timeout: Annotated[Bound, Word("Service Fabric: HealthCheckRetryTimeout")] = Field(
        default=600.0, description="How long checks may stay red before the domain counts as failed."
    )
    interval: Bound = Field(default=15.0, description="The time between two rounds of checks.")
    on_unknown: Literal["hold", "wait"] = Field(
        default="hold",
        description="No verdict can be had: every clock stands still until one can. It never passes and never rolls "
        "back; a person is asked once that lasts as long as walk.domain_timeout (hold) or the whole `timeout` (wait).",
    )
    baseline: Literal["record", "require", "ignore"] = Field(
        default="record",
        description="Checks that are red before the change: excuse them by name until they first pass (record), "
        "refuse to begin (require), or do not ask beforehand (ignore).",
    )
    checks: tuple[Check, ...] = Field(
        default_factory=default_checks, max_length=CHECKS_MAX, description="What is asked; unset, `instances: ready`."
    )
