"""Get Package: what a deployment runs is written to a blob container, or would be; here it is only kept in mind."""

from typing import Final

from rollout.emulator import refusals
from rollout.emulator.durations import Recorded
from rollout.emulator.fabric import Fabric, Target
from rollout.emulator.fabric_state import Deployment, Operation
from rollout.emulator.fabric_world import World
from rollout.platforms.classic.vocabulary import Verb

PACKAGES_MAX: Final = 100_000


def get(fabric: Fabric, target: Target, container: str, request_id: str, *, overwrite: bool) -> Operation:
    """Write the package and the configuration of what the deployment runs, under its PrivateID, when it is done."""
    deployment, world = fabric.unlocked(target), fabric.world
    places = _places(deployment, container)
    if not overwrite and any(place in world.packages for place in places):
        raise refusals.conflict("The container holds the package already; overwriteExisting is false.")
    if len(world.packages) >= PACKAGES_MAX:
        raise refusals.bad_request(f"The emulator remembers at most {PACKAGES_MAX} blobs.")
    operation = world.start(deployment, Verb.PACKAGE, request_id)
    failed = world.failure(deployment, Verb.PACKAGE)
    if failed is not None:
        after_s, error = failed
        world.agenda.plan(after_s, lambda: operation.fail(world.now, error))
        return operation
    world.record(deployment, operation)
    takes_s = world.draw(Recorded.PACKAGE, deployment, Verb.PACKAGE) + world.delay(deployment, Verb.PACKAGE)
    world.agenda.plan(takes_s, lambda: _written(world, deployment, places, operation))
    return operation


def _places(deployment: Deployment, container: str) -> tuple[str, str]:
    place = f"{_unsigned(container).rstrip('/')}/{deployment.private_id}"
    return f"{place}.cspkg", f"{place}.cscfg"


def _unsigned(address: str) -> str:
    """Leave out the query: a shared access signature is a secret, and nothing here needs it."""
    return address.partition("?")[0]


def _written(world: World, deployment: Deployment, places: tuple[str, str], operation: Operation) -> None:
    release = deployment.release
    package, configuration = places
    world.packages[package] = _unsigned(release.package_url or release.label).encode()
    world.packages[configuration] = release.configuration
    operation.succeed(world.now)
