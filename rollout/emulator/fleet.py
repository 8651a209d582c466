"""The fleet that the emulator starts with: services svc-0001 and up, each with one role and its deployments."""

from dataclasses import dataclass
from typing import Final

from rollout.emulator import layout
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Deployment, Release, Service
from rollout.errors import UsageError
from rollout.platforms.classic.vocabulary import CONFIGURATION_NAMESPACE, UPGRADE_DOMAINS_MAX, Slot

SUBSCRIPTION: Final = "00000000-0000-4000-8000-000000000001"
ROLE: Final = "WebRole1"
FIRST_RELEASE: Final = "web-2.4.0"
SERVICES_MAX: Final = 20_000
INSTANCES_MAX: Final = 250

_CONFIGURATION: Final = """\
<?xml version="1.0" encoding="utf-8"?>
<ServiceConfiguration serviceName="{service}" osFamily="4" osVersion="*" xmlns="{namespace}">
  <Role name="{role}">
    <ConfigurationSettings>
      <Setting name="Release" value="{release}"/>
    </ConfigurationSettings>
    <Instances count="{instances}"/>
  </Role>
</ServiceConfiguration>"""


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """How large the fleet is. `instances` none = one for each domain."""

    services: int = 1
    domains: int = 5
    instances: int | None = None
    staging: bool = False

    def checked(self) -> "FleetPlan":
        """Give itself. Raises UsageError saying which number is wrong."""
        _within("--services", self.services, 0, SERVICES_MAX)
        _within("--domains", self.domains, 1, UPGRADE_DOMAINS_MAX)
        if self.instances is not None:
            _within("--instances", self.instances, 1, INSTANCES_MAX)
            if self.instances < self.domains:
                raise UsageError(
                    f"--instances {self.instances} is less than --domains {self.domains}: a deployment never has more"
                    f" upgrade domains than instances; give --instances {self.domains} or more",
                )
        return self


def populate(fabric: Fabric, plan: FleetPlan) -> None:
    """Create the services of a plan, all Running their first release."""
    plan.checked()
    for number in range(1, plan.services + 1):
        name = f"svc-{number:04}"
        service = Service(name, name, created_at=fabric.world.now)
        slots = (Slot.PRODUCTION, Slot.STAGING) if plan.staging else (Slot.PRODUCTION,)
        for slot in slots:
            address_key = number - 1 + (plan.services if slot is Slot.STAGING else 0)
            service.slots[slot] = _deployment(fabric, plan, name, slot, address_key)
        fabric.world.services[name] = service


def configuration(service: str, release: str, instances: int) -> bytes:
    """Write a service configuration as the fleet's deployments have it."""
    text = _CONFIGURATION.format(
        service=service,
        namespace=CONFIGURATION_NAMESPACE,
        role=ROLE,
        release=release,
        instances=instances,
    )
    return text.encode()


def _deployment(fabric: Fabric, plan: FleetPlan, service: str, slot: Slot, address_key: int) -> Deployment:
    count = plan.domains if plan.instances is None else plan.instances
    release = Release(FIRST_RELEASE, configuration(service, FIRST_RELEASE, count), ((ROLE, count),))
    domains = layout.domain_count(release, plan.domains)
    name = f"{service}-{slot.lower()}"
    return Deployment(
        service=service,
        name=name,
        slot=slot,
        private_id=layout.private_id(fabric.seed, service, name),
        release=release,
        shown=release,
        instances=layout.instances(address_key, release, domains, fabric.knobs),
        domains_defined=plan.domains,
        domain_count=domains,
        address_key=address_key,
        created_at=fabric.world.now,
        modified_at=fabric.world.now,
    )


def _within(option: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UsageError(f"{option} {value} is out of range: give a number from {low} to {high}")
