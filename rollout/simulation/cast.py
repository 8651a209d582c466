"""The fleet of a rehearsal: a policy's own services, roles and slots, running an older release."""

from collections.abc import Mapping

from rollout.core.change_plan import configuration_sent
from rollout.core.compile import Compiled
from rollout.core.names import Digest
from rollout.core.plan import ServicePlan
from rollout.emulator import layout
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Deployment, Release, Service
from rollout.emulator.fleet import FIRST_RELEASE
from rollout.emulator.fleet import configuration as first
from rollout.emulator.read_configuration import role_counts
from rollout.platforms.classic.configuration import with_instance_counts
from rollout.platforms.classic.vocabulary import Slot


def cast(
    fabric: Fabric, compiled: Compiled, configurations: Mapping[Digest, bytes], domains: int, instances: int
) -> None:
    """Create every service of the plan, each with `instances` of each role of its own configuration."""
    for number, plan in enumerate(compiled.services):
        sent = configuration_sent(plan.change)
        configuration = first(plan.service, FIRST_RELEASE, instances) if sent is None else configurations[sent]
        roles = dict.fromkeys(dict(role_counts(configuration)), instances)
        release = Release(FIRST_RELEASE, with_instance_counts(configuration, roles), tuple(roles.items()))
        name = plan.service.lower()
        service = fabric.world.services.get(name)
        if service is None:
            service = fabric.world.services[name] = Service(plan.service, plan.service, created_at=0.0)
        deployment = _deployment(fabric, plan, release, number, domains)
        service.slots[deployment.slot] = deployment


def _deployment(fabric: Fabric, plan: ServicePlan, release: Release, number: int, domains: int) -> Deployment:
    slot = next(each for each in Slot if each.lower() == plan.target.slot)
    count = layout.domain_count(release, domains)
    name = f"{plan.service}-{plan.target.slot}"
    return Deployment(
        service=plan.service,
        name=name,
        slot=slot,
        private_id=layout.private_id(fabric.seed, plan.service, name),
        release=release,
        shown=release,
        instances=layout.instances(number, release, count, fabric.knobs),
        domains_defined=domains,
        domain_count=count,
        address_key=number,
        created_at=0.0,
        modified_at=0.0,
    )
