"""Update Deployment Status: a deployment is stopped as a whole, or starts again."""

from rollout.emulator.durations import Recorded
from rollout.emulator.fabric_state import Deployment, Operation
from rollout.emulator.fabric_world import World
from rollout.platforms.classic.vocabulary import DeploymentStatus, Verb


def set_running(world: World, deployment: Deployment, operation: Operation, *, running: bool) -> None:
    """Begin to start or suspend a deployment; what is already so only Succeeds."""
    recorded = Recorded.STATUS_RUNNING if running else Recorded.STATUS_SUSPENDED
    takes_s = world.draw(recorded, deployment, Verb.STATUS) + world.delay(deployment, Verb.STATUS)
    deployment.lock = operation
    failed = world.failure(deployment, Verb.STATUS)
    if failed is not None:
        after_s, error = failed

        def fail() -> None:
            deployment.lock = None
            operation.fail(world.now, error)

        world.agenda.plan(after_s, fail)
        return
    if deployment.running is not running:
        world.record(deployment, operation)
        deployment.moving_to = DeploymentStatus.STARTING if running else DeploymentStatus.SUSPENDING
        deployment.modified_at = world.now
    world.agenda.plan(takes_s, lambda: _settle(world, deployment, operation, running=running))


def _settle(world: World, deployment: Deployment, operation: Operation, *, running: bool) -> None:
    deployment.lock = None
    deployment.moving_to = None
    operation.succeed(world.now)
    if deployment.running is running:
        return
    deployment.running = running
    deployment.modified_at = world.now
    if running:
        boot_s = world.draw(Recorded.CREATE, deployment, "boot")
        for instance in deployment.instances:
            instance.boot(world.now, boot_s)
