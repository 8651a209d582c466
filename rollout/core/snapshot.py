"""What a deployment looked like at one moment, in words every platform shares."""

from enum import StrEnum

import msgspec

from rollout.core.names import Digest, Now
from rollout.core.outcome import Unreachable

NOT_READY_SHOWN_MAX = 8
"""How many instance names a recorded sighting keeps."""


class Activity(StrEnum):
    """What the deployment as a whole is doing."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    CHANGING = "changing"
    """In transition, as during every update."""
    SUSPENDED_CHANGING = "suspended_changing"
    """In transition, and not running."""
    OTHER = "other"


class Instance(msgspec.Struct, frozen=True):
    """One role instance. `domain` is None where the platform does not say (a deallocated one)."""

    name: str
    role: str
    domain: int | None
    ready: bool
    status: str
    """The platform's own word, for people."""
    address: str = ""
    """Where it can be asked from inside its network; empty = the platform does not say."""


class ChangeInFlight(msgspec.Struct, frozen=True):
    """The update a deployment is in the middle of."""

    manual: bool
    """Walked from outside; otherwise the platform walks it."""
    domain: int
    """The pointer: the domain whose turn it is. Compared only within one change and direction."""
    during: bool
    """That domain is being updated right now."""


class Snapshot(msgspec.Struct, frozen=True):
    """One look at one deployment."""

    deployment: str
    release: str
    """The label, whole."""
    activity: Activity
    status: str
    domain_count: int
    instances: tuple[Instance, ...]
    change: ChangeInFlight | None
    locked: bool
    rollback_allowed: bool | None
    """A hint, never a veto."""
    digest: str
    """Of the whole answer: an equal digest is an equal deployment."""
    configuration: bytes = b""
    """The service configuration as the platform shows it, which is not byte by byte what it was sent."""
    key: str = ""
    """Of the configuration in canonical form: an equal key is an equal configuration."""
    private_id: str = ""
    """The platform's own name of the deployment, which a copied package is called by."""

    @property
    def all_ready(self) -> bool:
        """Every instance is ready, and there is at least one."""
        return bool(self.instances) and all(instance.ready for instance in self.instances)

    def domain_ready(self, domain: int) -> bool:
        """Every instance of `domain` is ready; an empty domain is."""
        return all(instance.ready for instance in self.instances if instance.domain == domain)

    def instance_counts(self) -> dict[str, int]:
        """Instances for each role."""
        counts: dict[str, int] = {}
        for instance in self.instances:
            counts[instance.role] = counts.get(instance.role, 0) + 1
        return counts


class Absent(msgspec.Struct, frozen=True):
    """There is no such deployment, said by the platform itself."""

    detail: str


Observation = Snapshot | Absent | Unreachable


class Look(msgspec.Struct, frozen=True):
    """An observation and the moment its answer had been read."""

    observation: Observation
    now: Now


class Sighting(msgspec.Struct, frozen=True):
    """The part of a snapshot worth recording: evidence for people and for later readers of the journal."""

    release: str
    status: str
    locked: bool
    pointer: int | None
    during: bool
    ready: int
    instances: int
    not_ready: tuple[str, ...] = ()
    """At most `NOT_READY_SHOWN_MAX` of `name (status)`."""
    key: str = ""
    """Of the configuration, as in Snapshot."""


def sighting(snapshot: Snapshot) -> Sighting:
    """Cut a snapshot down to what an entry keeps."""
    waiting = [f"{instance.name} ({instance.status})" for instance in snapshot.instances if not instance.ready]
    return Sighting(
        release=snapshot.release,
        status=snapshot.status,
        locked=snapshot.locked,
        pointer=snapshot.change.domain if snapshot.change else None,
        during=snapshot.change.during if snapshot.change else False,
        ready=len(snapshot.instances) - len(waiting),
        instances=len(snapshot.instances),
        not_ready=tuple(waiting[:NOT_READY_SHOWN_MAX]),
        key=snapshot.key,
    )


class Before(msgspec.Struct, frozen=True):
    """The deployment as it was before the change: what going back is measured against."""

    deployment: str
    release: str
    domain_count: int
    instance_counts: dict[str, int]
    configuration: Digest | None = None
    """The configuration as it was shown, kept for a revert."""
    key: str = ""
    """Of that configuration, in canonical form."""
    private_id: str = ""
    """As in Snapshot."""
    running: bool = True
    """It was not suspended."""
