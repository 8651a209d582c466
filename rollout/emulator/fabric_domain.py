"""One upgrade domain's work: its instances restart with another release, ready or not."""

from dataclasses import dataclass
from math import inf

from rollout.emulator.durations import Recorded
from rollout.emulator.fabric_state import Change, Deployment, Instance
from rollout.emulator.fabric_world import World
from rollout.emulator.faults import Effect
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import Verb


@dataclass(frozen=True, slots=True)
class Work:
    """How one domain's work will go: when its operation ends (inf = never) and whether that is a failure."""

    ends_after_s: float
    error: Refusal | None = None


def update_domain(world: World, deployment: Deployment, change: Change, verb: Verb) -> Work:
    """Restart the instances of the current domain towards the change's target, as chance and faults have it."""
    domain = change.pointer
    if change.back and domain not in change.touched:
        return Work(0.0)
    failed = world.failure(deployment, verb, domain)
    if failed is not None:
        return Work(failed[0], failed[1])
    takes_s = world.draw(_recorded(verb), deployment, verb, domain) + world.delay(deployment, verb, domain)
    illness = world.faults.take({Effect.STUCK, Effect.SICK}, deployment.service, verb, domain)
    stuck = illness is not None and illness.effect is Effect.STUCK
    instances = of_domain(deployment, change, domain)
    for place, instance in enumerate(instances):
        sick = stuck or (illness is not None and place == 0)
        instance.restart(world.now, takes_s, sick=sick, release=change.target)
    change.touched.add(domain)
    if stuck and illness is not None:
        return Work(inf if illness.seconds is None else illness.seconds)
    return Work(takes_s)


def update_all(world: World, deployment: Deployment, change: Change) -> Work:
    """Restart every instance at once: Mode=Simultaneous ignores domains."""
    takes_s = world.draw(_recorded(change.verb), deployment, change.verb) + world.delay(deployment, change.verb)
    for instance in deployment.instances:
        if change.role in {None, instance.role}:
            instance.restart(world.now, takes_s, sick=False, release=change.target)
    change.touched.update(range(deployment.domain_count))
    return Work(takes_s)


def take_back(world: World, deployment: Deployment, change: Change) -> None:
    """Bring every touched domain back at once: what a new update over a running one does before it begins."""
    for domain in sorted(change.touched):
        takes_s = world.draw(Recorded.UPGRADE, deployment, "overtaken", domain)
        for instance in of_domain(deployment, change, domain):
            instance.restart(world.now, takes_s, sick=False, release=change.old)


def _recorded(verb: Verb) -> Recorded:
    """Give what is drawn from: a configuration that goes over the domains by itself was recorded apart."""
    return Recorded.CONFIG if verb is Verb.CONFIG else Recorded.UPGRADE


def of_domain(deployment: Deployment, change: Change, domain: int) -> list[Instance]:
    """List the instances that a change touches in one domain."""
    return [each for each in deployment.instances if each.domain == domain and change.role in {None, each.role}]
