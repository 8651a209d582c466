"""What one rollout has promised to do: frozen data, so that yesterday's journal runs under today's code.

All durations are seconds.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

import msgspec

from rollout.core.change_plan import ChangePlan, ForeignPlan, RollbackPlan
from rollout.core.check_plan import CheckPlan, Moment
from rollout.core.names import Digest, RolloutId, ServiceName, Target
from rollout.core.notice import NotifyPlan
from rollout.core.wave_plan import ApprovalPlan, BakePlan, OnConflict, TagCap, WaveFailure, WindowsPlan

BY_PREFLIGHT = "instances"


class OnFailure(StrEnum):
    """What a failing service does; `hold` waits for a person where it stands, `suspend` is an outage."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    SUSPEND = "suspend"


class HealthPlan(msgspec.Struct, frozen=True):
    """The gate after each domain, with Service Fabric's three clocks.

    `wait_s` before the first check; `stable_s` of unbroken passes open the gate; `retry_s` of unbroken failures fail
    it. A verdict flip starts both afresh.
    """

    wait_s: float
    stable_s: float
    retry_s: float
    interval_s: float
    checks: tuple[CheckPlan, ...]
    on_unknown: str = "hold"
    """No evidence can be had: a person is asked after walk.domain_timeout (hold) or the whole timeout (wait)."""
    baseline: str = "record"
    """What is red before the change is excused by name (record), refused (require), or not asked about (ignore)."""

    def names(self, *moments: Moment) -> tuple[str, ...]:
        """Give the checks that are asked at any of these moments."""
        return tuple(check.name for check in self.checks if not set(moments).isdisjoint(check.moments))

    @property
    def asked_before(self) -> tuple[str, ...]:
        """The checks of before the change. Preflight finds every instance ready by itself, so those ask nothing."""
        if self.baseline == "ignore":
            return ()
        kinds = {check.name: check.kind for check in self.checks}
        return tuple(name for name in self.names(Moment.BEFORE) if kinds[name] != BY_PREFLIGHT)


class WalkPlan(msgspec.Struct, frozen=True):
    """Bounds of walking: `domain_timeout_s` holds walk, settling and gate of one domain together."""

    bake_before_last_s: float
    domain_timeout_s: float
    allow_no_rollback: bool


class ServicePlan(msgspec.Struct, frozen=True):
    """One service's way through the change."""

    rollout: RolloutId
    target: Target
    change: ChangePlan
    health: HealthPlan
    walk: WalkPlan
    begin_timeout_s: float
    timeout_s: float
    on_failure: OnFailure
    rollback: RollbackPlan
    swap_timeout_s: float = 900.0
    status_timeout_s: float = 1800.0
    foreign: ForeignPlan = ForeignPlan()

    @property
    def service(self) -> ServiceName:
        """The service this plan is about."""
        return self.target.service


class WavePlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """An ordered group of services with its own caps and failure tolerance."""

    name: str
    services: tuple[ServiceName, ...]
    max_parallel: int
    failure_tolerance: int
    strict: bool
    """Bound what is in flight so that failures can never exceed failure_tolerance + 1 (CloudFormation StackSets)."""
    needs: tuple[str, ...] | None = None
    """Earlier waves that must have ended well; None = the one before."""
    caps: tuple[TagCap, ...] = ()
    bake: BakePlan | None = None
    on_failure: WaveFailure = WaveFailure.HALT
    back_parallel: int | None = None
    """How many services go back at a time when the wave does; None = max_parallel."""
    windows: WindowsPlan | None = None
    expected_s: float = 0.0
    """How long one service is expected to take; used with windows, until the rollout has its own experience."""
    approval: ApprovalPlan | None = None


class Place(NamedTuple):
    """Where a service stands in a plan: in which wave, and as which of all, from 0."""

    wave: int
    number: int


class RolloutPlan(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """One run of a policy over a fleet."""

    rollout: RolloutId
    policy: Digest
    """The blob with the policy's text as submitted."""
    documents: Digest
    """Of everything the plan was made from; equal = the same rollout submitted again."""
    waves: tuple[WavePlan, ...]
    needs: dict[ServiceName, tuple[ServiceName, ...]] = {}
    """Services that must have ended well before this one is begun."""
    paired: dict[ServiceName, tuple[ServiceName, ...]] = {}
    """Services that are never in flight together with this one; what one says of the other holds for both."""
    approval: ApprovalPlan | None = None
    on_conflict: OnConflict = OnConflict.REFUSE
    urgent: bool = False
    submitter: str = ""
    """Who may not approve."""
    deadline_s: float | None = None
    """How long after its opening all of it is to be done, by people's clock."""
    notify: tuple[NotifyPlan, ...] = ()
    about: dict[str, str] = {}
    """Ticket, owner, runbook: shown, never interpreted; no part of what is compared."""
    tags: dict[ServiceName, dict[str, str]] = {}
    """Of the fleet's services that have any: shown, and chosen by; no part of what is compared."""
    beside: RolloutId | None = None
    """A rollout that stands still on the same deployment, and that a person named to be stepped in for."""

    @cached_property
    def places(self) -> Mapping[ServiceName, Place]:
        """Where each service stands. No amendment moves one, so its number is good for as long as the rollout runs."""
        names = [(name, at) for at, wave in enumerate(self.waves) for name in wave.services]
        return {name: Place(at, number) for number, (name, at) in enumerate(names)}
