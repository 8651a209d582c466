"""The fabric: a pure model of the service on a given clock and keyed chance; every call looks, checks, then acts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from rollout.emulator import fabric_status, fabric_update, refusals
from rollout.emulator.durations import Durations
from rollout.emulator.fabric_state import Change, Deployment, LogEntry, Operation, Service
from rollout.emulator.fabric_update import Begin, Configure
from rollout.emulator.fabric_world import World
from rollout.emulator.faults import Fault, Faults
from rollout.emulator.knobs import Knobs
from rollout.emulator.read_configuration import role_counts
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import PROPERTIES_MAX, Mode, OperationStatus, Slot, Verb

EPOCH: Final = datetime(2016, 2, 19, 1, 33, 3, tzinfo=UTC)
"""The date of the fabric's start where the caller gives none."""


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment as a path names it: by slot or by name, exactly one of them."""

    service: str
    slot: Slot | None = None
    name: str | None = None


@dataclass(slots=True)
class Fabric:
    """The emulated service. It has no task and no timer: whoever enters first lets everything due happen.

    `clock` gives seconds from any start, never backwards. The fabric's own seconds run `time_scale` times faster.
    Every method raises Refusal for what the service would answer with an Error; then nothing has changed.
    """

    clock: Callable[[], float]
    knobs: Knobs = field(default_factory=Knobs)
    seed: int = 0
    epoch: datetime = EPOCH
    on_effect: Callable[[LogEntry], None] | None = None
    world: World = field(init=False)
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()
        self.world = World(self.knobs, Durations(self.seed), Faults(), on_effect=self.on_effect)

    # Looking

    def now(self) -> float:
        """Let everything due happen, each at its own date; give seconds of the emulated service since its start."""
        self.world.agenda.run_until((self.clock() - self._started) * self.knobs.time_scale)
        return self.world.now

    def date(self, at: float) -> datetime:
        """Turn seconds of the emulated service into the date that replies carry: the caller's, not a faster one."""
        return self.epoch + timedelta(seconds=at / self.knobs.time_scale)

    def deployment(self, target: Target) -> Deployment:
        """Find a deployment."""
        self.now()
        service = self.service(target.service)
        if target.slot is not None:
            if target.slot not in service.slots:
                raise refusals.empty_slot()
            return service.slots[target.slot]
        for deployment in service.slots.values():
            if deployment.name.lower() == (target.name or "").lower():
                return deployment
        raise refusals.no_such_deployment(target.name or "")

    def service(self, name: str) -> Service:
        """Find a hosted service; names match in any case."""
        self.now()
        service = self.world.services.get(name.lower())
        if service is None:
            raise refusals.no_such_service()
        return service

    def operation(self, operation_id: str) -> Operation | None:
        """Find an asynchronous operation by its 32 hexadecimal digits."""
        self.now()
        return self.world.operations.get(operation_id)

    def log(self) -> Sequence[LogEntry]:
        """List every effective change so far."""
        self.now()
        return self.world.log

    def set_faults(self, faults: Sequence[Fault]) -> None:
        """Replace the faults to come."""
        self.now()
        self.world.faults.replace(faults)

    # Acting

    def begin(self, target: Target, request: Begin, verb: Verb, request_id: str) -> Operation:
        """Upgrade Deployment (or, with its verb, Change Deployment Configuration).

        Over a running update that is not Locked this is legal, and applied on top.
        """
        deployment = self.unlocked(target)
        return self._begin(deployment, request, verb, request_id)

    def configure(self, target: Target, request: Configure, request_id: str) -> Operation:
        """Change Deployment Configuration, as its body gives it: code and label stay."""
        deployment = self.unlocked(target)
        extensions = deployment.release.extensions if request.extensions is None else request.extensions
        release = replace(
            deployment.release,
            configuration=request.configuration,
            counts=role_counts(request.configuration),
            extensions=extensions,
        )
        begin = Begin(request.mode, release, properties=request.properties)
        return self._begin(deployment, begin, Verb.CONFIG, request_id)

    def _begin(self, deployment: Deployment, request: Begin, verb: Verb, request_id: str) -> Operation:
        known = {instance.role for instance in deployment.instances}
        named = {role for role, _ in request.release.counts}
        if named != known:
            raise refusals.bad_request(
                f"The configuration names the roles {_names(named)}; the deployment has {_names(known)}.",
            )
        if request.role is not None and request.role not in known:
            raise refusals.bad_request(f"RoleToUpgrade names no role of the deployment, which has {_names(known)}.")
        properties = dict[str, str | None](deployment.release.properties) | dict(request.properties)
        kept = tuple((name, value) for name, value in properties.items() if value is not None)
        if len(kept) > PROPERTIES_MAX:
            raise refusals.bad_request(f"A deployment has at most {PROPERTIES_MAX} extended properties.")
        operation = self.world.start(deployment, verb, request_id)
        complete = replace(request, release=replace(request.release, properties=kept))
        fabric_update.begin(self.world, deployment, complete, operation)
        return operation

    def walk(self, target: Target, domain: int, request_id: str) -> Operation:
        """Walk Upgrade Domain: only the current domain of a Manual change, one at a time."""
        deployment = self.unlocked(target)
        change = self._walkable(deployment)
        if change.during and self.knobs.walk_while_during == refusals.CONFLICT_STATUS:
            raise self._lock_text(change.walk or change.operation)
        if change.during:
            raise refusals.bad_request("The upgrade domain is being updated.")
        if domain in change.domains[: change.place]:
            if self.knobs.walk_done_domain != "accept":
                raise refusals.by_knob(self.knobs.walk_done_domain, f"Upgrade domain {domain} is already updated.")
            operation = self.world.start(deployment, Verb.WALK, request_id)
            operation.succeed(self.world.now)
            return operation
        if domain != change.pointer:
            raise refusals.by_knob(
                self.knobs.walk_wrong_domain,
                f"Upgrade domain {domain} cannot be walked: the current one is {change.pointer}.",
            )
        operation = self.world.start(deployment, Verb.WALK, request_id)
        fabric_update.walk(self.world, deployment, change, operation)
        return operation

    def roll_back(self, target: Target, mode: Mode, request_id: str) -> Operation:
        """Rollback Update Or Upgrade: only while going forward, before the last domain is begun."""
        deployment = self.unlocked(target)
        change = deployment.change
        if change is None or not deployment.rollback_possible:
            raise refusals.by_knob(self.knobs.rollback_denied, "No update that can be rolled back is in progress.")
        operation = self.world.start(deployment, Verb.ROLLBACK, request_id)
        fabric_update.roll_back(self.world, deployment, change, mode, operation)
        return operation

    def set_running(self, target: Target, request_id: str, *, running: bool) -> Operation:
        """Update Deployment Status."""
        deployment = self.unlocked(target)
        operation = self.world.start(deployment, Verb.STATUS, request_id)
        fabric_status.set_running(self.world, deployment, operation, running=running)
        return operation

    def lock_text(self, target: Target, stranger: str) -> Refusal:
        """Give the exclusive-access conflict as a fault shows it: of what is under way there, or of a stranger."""
        deployment = self.deployment(target)
        holder = deployment.lock or (deployment.change.walk if deployment.change else None)
        shown = holder.id if holder is not None else stranger
        return refusals.locked(shown if self.knobs.conflict_text == "with_id" else None)

    def unlocked(self, target: Target) -> Deployment:
        """Find a deployment that nothing has exclusive access to."""
        deployment = self.deployment(target)
        self.check_unlocked(deployment)
        return deployment

    def check_unlocked(self, deployment: Deployment) -> None:
        """Raise the exclusive-access conflict where something holds the deployment."""
        if deployment.lock is not None:
            raise self._lock_text(deployment.lock)

    def _lock_text(self, operation: Operation) -> Refusal:
        shown = self.knobs.conflict_text == "with_id" and operation.status is OperationStatus.IN_PROGRESS
        return refusals.locked(operation.id if shown else None)

    def _walkable(self, deployment: Deployment) -> Change:
        change = deployment.change
        if change is None or change.mode is not Mode.MANUAL or change.finished:
            raise refusals.by_knob(self.knobs.walk_no_update, "No manual update is in progress.")
        return change


def _names(roles: set[str]) -> str:
    return ", ".join(sorted(roles)) or "none"
