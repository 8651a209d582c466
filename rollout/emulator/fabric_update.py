"""The life of an update: begun, accepted, domain after domain forward or back, and done.

    POST -> Locked -> (accept delay) UpgradeStatus Before/0 -> each domain Before -> During -> next ... -> gone

The callers have checked that a step is legal; here it happens, at once and at its later dates.
"""

from dataclasses import dataclass
from math import inf

from rollout.emulator import layout
from rollout.emulator.durations import Recorded
from rollout.emulator.fabric_domain import Work, take_back, update_all, update_domain
from rollout.emulator.fabric_state import Change, Deployment, Extension, Operation, Release
from rollout.emulator.fabric_world import World
from rollout.emulator.refusals import Refusal, conflict
from rollout.platforms.classic.vocabulary import Mode, Verb


@dataclass(frozen=True, slots=True)
class Begin:
    """A checked Upgrade Deployment or Change Deployment Configuration."""

    mode: Mode
    release: Release
    role: str | None = None
    properties: tuple[tuple[str, str | None], ...] = ()
    """Extended properties to set; none as the value deletes."""
    force: bool = False
    """Whether data may be lost."""


@dataclass(frozen=True, slots=True)
class Configure:
    """A checked Change Deployment Configuration."""

    mode: Mode
    configuration: bytes
    properties: tuple[tuple[str, str | None], ...] = ()
    extensions: tuple[Extension, ...] | None = None
    """None = as they are."""


def begin(world: World, deployment: Deployment, request: Begin, operation: Operation) -> None:
    """Take a new update: Locked until the fabric controller has accepted it."""
    deployment.lock = operation
    deployment.modified_at = world.now
    failed = world.failure(deployment, operation.verb)
    if failed is not None:
        after_s, error = failed
        world.agenda.plan(after_s, lambda: _refused_late(world, deployment, operation, error))
        return
    world.record(deployment, operation, label=request.release.label)
    delay_s = _accept_delay(world, deployment, operation.verb)
    world.agenda.plan(delay_s, lambda: _accept(world, deployment, request, operation))


def walk(world: World, deployment: Deployment, change: Change, operation: Operation) -> None:
    """Update the current domain of a Manual change."""
    change.walk = operation
    _start_domain(world, deployment, change, operation)


def roll_back(world: World, deployment: Deployment, change: Change, mode: Mode, operation: Operation) -> None:
    """Turn the change in progress round, once the fabric controller has accepted it."""
    deployment.lock = operation
    deployment.modified_at = world.now
    failed = world.failure(deployment, operation.verb)
    if failed is not None:
        after_s, error = failed
        world.agenda.plan(after_s, lambda: _refused_late(world, deployment, operation, error))
        return
    world.record(deployment, operation)
    delay_s = _accept_delay(world, deployment, operation.verb)
    _stop_work(world, change)
    world.agenda.plan(delay_s, lambda: _turn_round(world, deployment, change, mode, operation))


def abandon(world: World, deployment: Deployment) -> None:
    """End the change in progress, if any: its deployment goes away."""
    change = deployment.change
    if change is not None:
        _stop_work(world, change)
        change.operation.fail(world.now, overtaken())
        deployment.change = None


def _accept_delay(world: World, deployment: Deployment, verb: Verb) -> float:
    drawn = world.draw(Recorded.SWAP, deployment, verb)
    given = world.knobs.accept_delay_s
    return (drawn if given is None else given) + world.delay(deployment, verb)


def _refused_late(world: World, deployment: Deployment, operation: Operation, error: Refusal) -> None:
    deployment.lock = None
    operation.fail(world.now, error)


def _accept(world: World, deployment: Deployment, request: Begin, operation: Operation) -> None:
    earlier = deployment.change
    if earlier is not None and earlier.finished:
        _complete(world, deployment, earlier)
    elif earlier is not None:
        # Over a running update the service rolls back and applies the new one on top: the touched domains go down
        # together, which is why no careful client begins before the earlier update has ended.
        take_back(world, deployment, earlier)
        _stop_work(world, earlier)
        earlier.operation.fail(world.now, overtaken())
        deployment.shown = deployment.release
    change = Change(
        verb=operation.verb,
        mode=request.mode,
        old=deployment.release,
        new=request.release,
        operation=operation,
        domains=tuple(range(deployment.domain_count)),
        role=request.role,
    )
    deployment.change = change
    _accepted(world, deployment, change)
    if change.mode is Mode.AUTO:
        _start_domain(world, deployment, change, None)
    elif change.mode is Mode.SIMULTANEOUS:
        change.domains = (0,)
        _run(world, deployment, change, update_all(world, deployment, change))


def _turn_round(world: World, deployment: Deployment, change: Change, mode: Mode, operation: Operation) -> None:
    change.operation.fail(world.now, overtaken())
    everything = world.knobs.rollback_pointer == "restart" and mode is Mode.MANUAL
    change.domains = tuple(range(deployment.domain_count)) if everything else tuple(sorted(change.touched))
    change.back, change.mode, change.operation = True, mode, operation
    change.place, change.during = 0, False
    if not change.domains:
        deployment.lock = None
        operation.succeed(world.now)
        _complete(world, deployment, change)
        return
    _accepted(world, deployment, change)
    if mode is Mode.AUTO:
        _start_domain(world, deployment, change, None)


def _accepted(world: World, deployment: Deployment, change: Change) -> None:
    deployment.lock = None
    deployment.modified_at = world.now
    if world.knobs.label_flip == "accept":
        deployment.shown = change.target
    if change.mode is Mode.MANUAL and world.knobs.manual_op_done == "accept":
        change.operation.succeed(world.now)


def _start_domain(world: World, deployment: Deployment, change: Change, walk_operation: Operation | None) -> None:
    verb = change.operation.verb if walk_operation is None else walk_operation.verb
    work = update_domain(world, deployment, change, verb)
    if walk_operation is not None and work.error is None:
        world.record(deployment, walk_operation, change.pointer)
    _run(world, deployment, change, work)


def _run(world: World, deployment: Deployment, change: Change, work: Work) -> None:
    change.during = True
    change.turn += 1
    deployment.modified_at = world.now
    if work.error is None and world.knobs.label_flip == "first_walk":
        deployment.shown = change.target
    turn, error = change.turn, work.error

    def end() -> None:
        if deployment.change is not change or change.turn != turn:
            return
        if error is not None:
            _fail_domain(world, deployment, change, error)
        else:
            _finish_domain(world, deployment, change)

    if work.ends_after_s == 0:
        end()
    elif work.ends_after_s < inf:
        world.agenda.plan(work.ends_after_s, end)


def _fail_domain(world: World, deployment: Deployment, change: Change, error: Refusal) -> None:
    """Leave the domain as it was: a Manual change can walk it again, an Auto one stands still."""
    change.during = False
    deployment.modified_at = world.now
    (change.walk or change.operation).fail(world.now, error)
    change.walk = None


def _finish_domain(world: World, deployment: Deployment, change: Change) -> None:
    """End the operation, then move the pointer: at once, or when the signs have lingered long enough."""
    if change.back:
        change.touched.discard(change.pointer)
    if change.walk is not None:
        change.walk.succeed(world.now)
        change.walk = None
    elif not change.on_last:
        _next_domain(world, deployment, change)
        return
    if change.on_last:
        change.finished = True
        change.operation.succeed(world.now)
    lag_s, turn = world.knobs.settle_lag_s, change.turn

    def settle() -> None:
        if deployment.change is change and change.turn == turn:
            _next_domain(world, deployment, change)

    if lag_s == 0:
        settle()
    else:
        world.agenda.plan(lag_s, settle)


def _next_domain(world: World, deployment: Deployment, change: Change) -> None:
    if change.on_last:
        _complete(world, deployment, change)
        return
    change.place += 1
    change.during = False
    deployment.modified_at = world.now
    if change.mode is Mode.AUTO:
        _start_domain(world, deployment, change, None)


def _complete(world: World, deployment: Deployment, change: Change) -> None:
    deployment.change = None
    deployment.release = deployment.shown = change.target
    deployment.modified_at = world.now
    if not change.back:
        layout.resize(deployment, world.knobs, world.now)


def _stop_work(world: World, change: Change) -> None:
    """Void what is planned; a walk in flight has been overtaken."""
    change.turn += 1
    if change.walk is not None:
        change.walk.fail(world.now, overtaken())
        change.walk = None


def overtaken() -> Refusal:
    """Say that a later operation put an end to this one."""
    return conflict("The operation was overtaken by a later one on the same deployment.")
