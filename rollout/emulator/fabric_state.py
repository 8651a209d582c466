"""What the fabric is made of: services, deployments, instances, the change in progress, operations and the log."""

from dataclasses import dataclass, field
from math import inf
from typing import Final

from rollout.emulator.callers import OURS, Caller
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import (
    DeploymentStatus,
    InstanceStatus,
    Mode,
    OperationStatus,
    PowerState,
    Slot,
    Verb,
)

_BOOT: Final = (
    (InstanceStatus.STOPPED_VM, PowerState.STOPPED),
    (InstanceStatus.CREATING_VM, PowerState.STOPPED),
    (InstanceStatus.CREATING_VM, PowerState.STARTING),
    (InstanceStatus.STARTING_VM, PowerState.STARTING),
    (InstanceStatus.ROLE_STATE_UNKNOWN, PowerState.STARTING),
    (InstanceStatus.BUSY, PowerState.STARTED),
)
"""How a new instance was recorded to come up; here each phase lasts equally long."""


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension named by an ExtensionConfiguration; `role` none = all roles."""

    role: str | None
    id: str
    state: str | None


@dataclass(frozen=True, slots=True)
class InstalledExtension:
    """An extension of a service, which an ExtensionConfiguration can name; its private configuration is not kept."""

    provider: str
    type: str
    id: str
    version: str
    thumbprint: str
    thumbprint_algorithm: str
    public_configuration: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """What a deployment runs: code, configuration and what came with them."""

    label: str
    configuration: bytes
    counts: tuple[tuple[str, int], ...]
    """(role, instance count), as the configuration says."""
    package_url: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    extensions: tuple[Extension, ...] = ()


@dataclass(slots=True)
class Instance:
    """A role instance. Its status is a function of time: where it stands between its restart and its readiness."""

    role: str
    index: int
    domain: int
    fault_domain: int
    address: str
    release: Release
    restarted_at: float = -inf
    starts_at: float = -inf
    """When the stopped role begins to start again."""
    ready_at: float = -inf
    """inf = never."""
    created: bool = False
    """Whether it comes up as a new machine, through the phases that were recorded of a create."""

    @property
    def name(self) -> str:
        """The name on the wire."""
        return f"{self.role}_IN_{self.index}"

    def restart(self, now: float, takes_s: float, *, sick: bool, release: Release) -> None:
        """Go down now with one release and come up with another, ready after `takes_s` unless sick."""
        self.release = release
        self.created = False
        self.restarted_at = now
        self.starts_at = now + takes_s / 2
        self.ready_at = inf if sick else now + takes_s

    def boot(self, now: float, takes_s: float, *, created: bool = False) -> None:
        """Come up from nothing with the release it has."""
        self.created = created
        self.restarted_at = self.starts_at = now
        self.ready_at = now + takes_s

    def phases(self, now: float) -> tuple[InstanceStatus, PowerState]:
        """Tell status and power at a time."""
        if now >= self.ready_at:
            return InstanceStatus.READY, PowerState.STARTED
        if self.created:
            part = (now - self.starts_at) / (self.ready_at - self.starts_at)
            return _BOOT[min(int(part * len(_BOOT)), len(_BOOT) - 1)]
        if now < self.restarted_at + (self.starts_at - self.restarted_at) / 2:
            return InstanceStatus.STOPPING_ROLE, PowerState.STOPPING
        if now < self.starts_at:
            return InstanceStatus.BUSY, PowerState.STARTING
        if self.ready_at == inf:
            return InstanceStatus.BUSY, PowerState.STARTED
        return InstanceStatus.STARTING_ROLE, PowerState.STARTING

    def last_moved(self, now: float) -> float:
        """Give the date of its latest change of status."""
        first_half = self.restarted_at + (self.starts_at - self.restarted_at) / 2
        dates = (self.restarted_at, first_half, self.starts_at, self.ready_at)
        return max((date for date in dates if date <= now), default=-inf)


@dataclass(slots=True)
class Operation:
    """An accepted asynchronous request, known by the id of the reply that accepted it."""

    id: str
    verb: Verb
    service: str
    started_at: float
    status: OperationStatus = OperationStatus.IN_PROGRESS
    completed_at: float | None = None
    error: Refusal | None = None
    deployment: str = ""
    """The deployment it is about; empty = the service itself."""
    slot: str = ""
    caller: Caller = OURS
    name: str = ""
    """OperationName, where the request's own spelling decides it."""
    inputs: tuple[tuple[str, str], ...] = ()
    """What the request named and carried, as a listing shows it."""

    def succeed(self, now: float) -> None:
        """End well; an operation that has ended keeps its end."""
        self._end(OperationStatus.SUCCEEDED, now, None)

    def fail(self, now: float, error: Refusal) -> None:
        """End Failed; an operation that has ended keeps its end."""
        self._end(OperationStatus.FAILED, now, error)

    def _end(self, status: OperationStatus, now: float, error: Refusal | None) -> None:
        if self.status is OperationStatus.IN_PROGRESS:
            self.status, self.completed_at, self.error = status, now, error


@dataclass(slots=True)
class Change:
    """An update that the fabric controller has taken, in one of its two directions."""

    verb: Verb
    mode: Mode
    old: Release
    new: Release
    operation: Operation
    """The begin, or the rollback once the direction is back."""
    domains: tuple[int, ...]
    """What is gone through, in order; `place` counts in it."""
    role: str | None = None
    """RoleToUpgrade: only its instances are touched."""
    back: bool = False
    place: int = 0
    during: bool = False
    finished: bool = False
    """Every domain is done, only the signs of the change linger."""
    walk: Operation | None = None
    touched: set[int] = field(default_factory=set)
    """Domains with instances that left the old release."""
    turn: int = 0
    """Raised with each step; an event planned for an earlier turn is void."""

    @property
    def pointer(self) -> int:
        """CurrentUpgradeDomain."""
        return self.domains[self.place]

    @property
    def on_last(self) -> bool:
        """Whether the current domain is the last one of this direction."""
        return self.place == len(self.domains) - 1

    @property
    def target(self) -> Release:
        """The release that this direction ends with."""
        return self.old if self.back else self.new


@dataclass(slots=True)
class Deployment:
    """What runs in one slot of a service."""

    service: str
    name: str
    slot: Slot
    private_id: str
    release: Release
    """What it ran before the change in progress; with none, what it runs."""
    shown: Release
    """Whose Label and Configuration Get Deployment shows."""
    instances: list[Instance]
    domains_defined: int
    """The service definition's upgradeDomainCount; an update cannot change it."""
    domain_count: int
    address_key: int
    """Decides its addresses."""
    created_at: float
    modified_at: float
    vip_key: int = -1
    """Decides its virtual address, which belongs to the slot and is exchanged by a swap."""
    running: bool = True
    lock: Operation | None = None
    moving_to: DeploymentStatus | None = None
    """Deploying, Starting, Suspending or Deleting, while that is under way."""
    change: Change | None = None

    def __post_init__(self) -> None:
        if self.vip_key < 0:
            self.vip_key = self.address_key

    @property
    def status(self) -> DeploymentStatus:
        """The Status on the wire."""
        if self.moving_to is not None:
            return self.moving_to
        if self.change is not None:
            return DeploymentStatus.RUNNING_TRANSITIONING if self.running else DeploymentStatus.SUSPENDED_TRANSITIONING
        return DeploymentStatus.RUNNING if self.running else DeploymentStatus.SUSPENDED

    @property
    def rollback_possible(self) -> bool:
        """Whether a rollback would be accepted: forward, more than one domain, and the last not begun."""
        change = self.change
        if change is None or change.back or change.finished or self.domain_count < 2:  # noqa: PLR2004 - one domain has no way back
            return False
        return change.mode is not Mode.SIMULTANEOUS and not (change.during and change.on_last)

    def instance_phases(self, instance: Instance, now: float) -> tuple[InstanceStatus, PowerState]:
        """Tell an instance's status and power; while suspended none runs."""
        return instance.phases(now) if self.running else (InstanceStatus.STOPPED_VM, PowerState.STOPPED)

    def last_modified(self, now: float) -> float:
        """Give LastModifiedTime, which follows the instances too."""
        return max(self.modified_at, *(instance.last_moved(now) for instance in self.instances))


@dataclass(slots=True)
class Service:
    """A hosted service: a name and its two slots."""

    name: str
    label: str
    created_at: float
    slots: dict[Slot, Deployment] = field(default_factory=dict)
    description: str | None = None
    location: str | None = "East US"
    affinity_group: str | None = None
    """Exactly one of location and affinity group is given."""
    properties: tuple[tuple[str, str], ...] = ()
    reverse_dns: str | None = None
    extensions: dict[str, InstalledExtension] = field(default_factory=dict)
    """By lower-case id."""
    modified_at: float | None = None
    """None = not since it was created."""
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One effective change, dated in seconds of the emulated service since its start."""

    n: int
    at: float
    service: str
    deployment: str
    slot: str
    verb: Verb
    domain: int | None
    label: str
    """Of the change that the call belongs to, forward and back alike; without a change, the one shown."""
    request_id: str
