"""What a service rollout is to change: one record for each kind of change, and the way back from it. Frozen data.

All durations are seconds.
"""

from enum import StrEnum

import msgspec

from rollout.core.names import Digest
from rollout.core.operation import NO_EXTRAS, Extras, InstanceVerb, Mode, RollbackMode

ROLLBACK_TIMEOUT_S_MIN = 3600.0
ROLLBACK_TIMEOUT_S_PER_DOMAIN = 1200.0


class UpgradePlan(msgspec.Struct, frozen=True, tag="upgrade"):
    """An in-place upgrade."""

    package: Digest
    package_shown: str
    """The package's URL without query or user part, for people."""
    configuration: Digest
    label: str
    force: bool = False
    role: str | None = None
    """Only this role; None = all."""
    mode: Mode = Mode.MANUAL
    extras: Extras = NO_EXTRAS
    keep_counts: bool = True
    """The instance counts of the running deployment replace those of the configuration."""
    package_expires_wall: float | None = None
    """When the URL's signature ends, in POSIX seconds UTC; None = never, or it has none."""
    check_package: bool = False
    """Ask whether the package can be fetched before anything is touched."""


class ConfigurePlan(msgspec.Struct, frozen=True, tag="configure"):
    """A change of configuration: a whole document, or single settings patched into what is deployed."""

    configuration: Digest | None = None
    settings: dict[str, str] = {}
    """`Role/Name`: value."""
    mode: Mode = Mode.MANUAL
    treat_warnings_as_error: bool = False
    extras: Extras = NO_EXTRAS
    keep_counts: bool = True


class Barrier(StrEnum):
    """Who must be upgraded on staging before the first swap."""

    NONE = "none"
    WAVE = "wave"
    ROLLOUT = "rollout"


class SwapPlan(msgspec.Struct, frozen=True, tag="swap"):
    """Staging becomes production; with `upgrade`, staging is upgraded (or created, where it is empty) before that."""

    bake_s: float
    keep_previous_s: float
    upgrade: UpgradePlan | None = None
    barrier: Barrier = Barrier.WAVE
    together: bool = False
    """A red bake of one swaps the whole group back."""


class StatusPlan(msgspec.Struct, frozen=True, tag="status"):
    """Run the deployment, or suspend it: an outage."""

    running: bool


class InstancePlan(msgspec.Struct, frozen=True, tag="instance"):
    """One word to one role instance, said once."""

    verb: InstanceVerb
    instance: str


ChangePlan = UpgradePlan | ConfigurePlan | SwapPlan | StatusPlan | InstancePlan


class RollbackPlan(msgspec.Struct, frozen=True):
    """How to go back; `timeout_s` None = an hour, or twenty minutes for each touched domain if that is more.

    `package` and `configuration` are for a revert, when the platform's Rollback is gone.
    """

    mode: RollbackMode = RollbackMode.AUTO
    timeout_s: float | None = None
    package: Digest | None = None
    package_shown: str = ""
    configuration: Digest | None = None
    capture: Digest | None = None
    """The container that the old package is copied to before the change; the blob holds its URL."""
    capture_shown: str = ""
    package_expires_wall: float | None = None
    """As in UpgradePlan, of `package`, or else of the container, whose signature the copied package is fetched with."""

    def bound_s(self, touched: int) -> float:
        """Give the time going back may take after `touched` domains."""
        if self.timeout_s is not None:
            return self.timeout_s
        return max(ROLLBACK_TIMEOUT_S_MIN, ROLLBACK_TIMEOUT_S_PER_DOMAIN * touched)


class Reaction(StrEnum):
    """What somebody else's operation on the deployment means."""

    TOLERATE = "tolerate"
    HOLD = "hold"


class ForeignPlan(msgspec.Struct, frozen=True):
    """What other people's operations mean. An upgrade of theirs always ends ours; `tolerate` only leaves it to them.

    A status or a word to an instance is no change of the same kind: with `tolerate` it is said over theirs.
    """

    scale: Reaction = Reaction.TOLERATE
    reboot: Reaction = Reaction.TOLERATE
    upgrade: Reaction = Reaction.HOLD


def package_shown(change: ChangePlan) -> str:
    """Give the package a change brings, for people; empty where it brings none."""
    update = updates(change)
    return update.package_shown if isinstance(update, UpgradePlan) else ""


def configuration_sent(change: ChangePlan) -> Digest | None:
    """Give the configuration file a change brings; None where it brings none."""
    update = updates(change)
    return None if update is None else update.configuration


def may_create(change: ChangePlan) -> bool:
    """Tell whether the change does without a deployment in its slot: one is created in an empty staging."""
    return isinstance(change, SwapPlan) and change.upgrade is not None


def updates(change: ChangePlan) -> UpgradePlan | ConfigurePlan | None:
    """Give the update that a change begins with, if it begins with one."""
    match change:
        case UpgradePlan() | ConfigurePlan():
            return change
        case SwapPlan(upgrade=upgrade):
            return upgrade
        case StatusPlan() | InstancePlan():
            return None
