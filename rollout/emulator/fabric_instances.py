"""Single role instances: one is restarted with what it runs, or some are taken away."""

from dataclasses import replace
from math import inf

from rollout.emulator import refusals
from rollout.emulator.beside import Reboot
from rollout.emulator.durations import Recorded
from rollout.emulator.fabric import Fabric, Target
from rollout.emulator.fabric_state import Deployment, Instance, Operation, Release
from rollout.emulator.fabric_world import World
from rollout.emulator.faults import Effect
from rollout.emulator.read_configuration import with_count
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import Verb


def restart(fabric: Fabric, target: Target, instance_name: str, verb: Verb, request_id: str) -> Operation:
    """Reboot, Reimage or Rebuild: the instance goes down and comes up, which also heals a sick one.

    The deployment stays unlocked. An update that reaches the instance meanwhile has the last word.
    """
    deployment, world = fabric.unlocked(target), fabric.world
    instance = _instance(deployment, instance_name)
    operation = world.start(deployment, verb, request_id)
    operation.inputs = (("deploymentName", deployment.name), ("roleInstanceName", instance.name))
    failed = world.failure(deployment, verb, instance.domain)
    if failed is not None:
        after_s, error = failed
        world.agenda.plan(after_s, lambda: operation.fail(world.now, error))
        return operation
    world.record(deployment, operation, instance.domain)
    takes_s = world.draw(Recorded.REBUILD, deployment, verb, instance.domain) + world.delay(deployment, verb)
    illness = world.faults.take({Effect.STUCK, Effect.SICK}, deployment.service, verb, instance.domain)
    instance.restart(world.now, takes_s, sick=illness is not None, release=instance.release)
    deployment.modified_at = world.now
    ends_s = takes_s
    if illness is not None and illness.effect is Effect.STUCK:
        ends_s = inf if illness.seconds is None else illness.seconds
    if ends_s < inf:
        world.agenda.plan(ends_s, lambda: operation.succeed(world.now))
    return operation


def maintain(fabric: Fabric, target: Target) -> None:
    """Let the platform restart the first instance for its own reasons: an event, and no operation of anybody."""
    deployment, world = fabric.deployment(target), fabric.world
    instance = deployment.instances[0]
    takes_s = world.draw(Recorded.REBUILD, deployment, "maintenance", instance.domain)
    instance.restart(world.now, takes_s, sick=False, release=instance.release)
    world.reboots.append(Reboot(world.now, deployment.service, deployment.name, instance.role, instance.name))


def delete(fabric: Fabric, target: Target, names: tuple[str, ...], request_id: str) -> Operation:
    """Delete Role Instances: the configuration counts them no more, and every role keeps at least one."""
    deployment, world = fabric.unlocked(target), fabric.world
    if deployment.change is not None:
        raise refusals.conflict("Instances cannot be deleted while the deployment is being updated.")
    chosen = [_instance(deployment, name) for name in dict.fromkeys(names)]
    left = _counts([each for each in deployment.instances if each not in chosen])
    if set(left) != {each.role for each in deployment.instances}:
        raise refusals.bad_request("A role keeps at least one instance.")
    operation = deployment.lock = world.start(deployment, Verb.DELETE_INSTANCES, request_id)
    failed = world.failure(deployment, Verb.DELETE_INSTANCES)
    if failed is not None:
        after_s, error = failed
        world.agenda.plan(after_s, lambda: _end(world, deployment, operation, error))
        return operation
    world.record(deployment, operation)
    deployment.release = deployment.shown = _scaled(deployment.release, left)
    gone = {each.name for each in chosen}
    takes_s = world.draw(Recorded.DELETE_INSTANCES, deployment, Verb.DELETE_INSTANCES)

    def end() -> None:
        deployment.instances = [each for each in deployment.instances if each.name not in gone]
        _end(world, deployment, operation, None)

    world.agenda.plan(takes_s + world.delay(deployment, Verb.DELETE_INSTANCES), end)
    return operation


def _instance(deployment: Deployment, name: str) -> Instance:
    for each in deployment.instances:
        if each.name.lower() == name.lower():
            return each
    raise refusals.not_found(f"The role instance '{name[:64]}' does not exist.")


def _counts(instances: list[Instance]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in instances:
        counts[each.role] = counts.get(each.role, 0) + 1
    return counts


def _scaled(release: Release, counts: dict[str, int]) -> Release:
    configuration = release.configuration
    for role, count in counts.items():
        configuration = with_count(configuration, role, count)
    return replace(
        release, configuration=configuration, counts=tuple((role, counts[role]) for role, _ in release.counts)
    )


def _end(world: World, deployment: Deployment, operation: Operation, error: Refusal | None) -> None:
    deployment.lock = None
    deployment.modified_at = world.now
    if error is not None:
        operation.fail(world.now, error)
    else:
        operation.succeed(world.now)
