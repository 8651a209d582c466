"""The fleet of a rehearsal: a policy's own services, roles and slots, as they stand before its change."""

from collections.abc import Iterator, Mapping
from typing import Final

from lxml import etree

from rollout.core.change_plan import ConfigurePlan, StatusPlan, SwapPlan, configuration_sent, may_create
from rollout.core.compile import Compiled
from rollout.core.names import Digest
from rollout.core.plan import ServicePlan
from rollout.emulator import chance, hardened, layout
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Deployment, Release, Service
from rollout.emulator.fleet import FIRST_RELEASE
from rollout.emulator.fleet import configuration as first
from rollout.emulator.read_configuration import role_counts
from rollout.platforms.classic.configuration import with_instance_counts
from rollout.platforms.classic.vocabulary import CONFIGURATION_NAMESPACE, Slot

STAGED_RELEASE: Final = "web-2.4.1"
"""What stands in staging where a policy only swaps."""
VACANT: Final = 0.25
"""The share of services whose staging is empty, where a policy creates what it swaps."""
BEFORE: Final = "before"
"""The value of each setting that a change of configuration is about."""


def cast(
    fabric: Fabric, compiled: Compiled, configurations: Mapping[Digest, bytes], domains: int, instances: int
) -> None:
    """Create every service of the plan, each with `instances` of each role of its own configuration."""
    for plan in compiled.services:
        configuration = _before(plan, configurations, instances)
        roles = dict.fromkeys(dict(role_counts(configuration)), instances)
        name = plan.service.lower()
        service = fabric.world.services.get(name)
        if service is None:
            service = fabric.world.services[name] = Service(plan.service, plan.service, created_at=0.0)
        for slot, label in _slots(fabric.seed, plan):
            release = Release(label, with_instance_counts(configuration, roles), tuple(roles.items()))
            deployment = _deployment(fabric, plan.service, slot, release, domains)
            deployment.running = not (isinstance(plan.change, StatusPlan) and plan.change.running)
            service.slots[slot] = deployment


def _slots(seed: int, plan: ServicePlan) -> Iterator[tuple[Slot, str]]:
    """Give the slots in use, and what runs there."""
    if not isinstance(plan.change, SwapPlan):
        yield next(each for each in Slot if each.lower() == plan.target.slot), FIRST_RELEASE
        return
    yield Slot.PRODUCTION, FIRST_RELEASE
    if not (may_create(plan.change) and chance.unit(seed, "vacant", plan.service) < VACANT):
        yield Slot.STAGING, FIRST_RELEASE if may_create(plan.change) else STAGED_RELEASE


def _before(plan: ServicePlan, configurations: Mapping[Digest, bytes], instances: int) -> bytes:
    """Give the configuration of before: for an upgrade its own one, for a change of configuration another."""
    change = plan.change
    sent = configuration_sent(change)
    if sent is None:
        paths = tuple(change.settings) if isinstance(change, ConfigurePlan) else ()
        return _with_settings(first(plan.service, FIRST_RELEASE, instances), paths, instances)
    return _older(configurations[sent]) if isinstance(change, ConfigurePlan) else configurations[sent]


def _older(configuration: bytes) -> bytes:
    """Give a configuration in which the first setting, or else the system's version, is another one."""
    root = hardened.parse(configuration)
    setting = root.find(f".//{_tag('Setting')}")
    if setting is not None:
        setting.set("value", BEFORE)
    else:
        root.set("osVersion", BEFORE)
    return _written(root)


def _with_settings(configuration: bytes, paths: tuple[str, ...], instances: int) -> bytes:
    """Give a configuration that has all settings of `paths`, as `Role/Name`, at another value."""
    if not paths:
        return configuration
    root = hardened.parse(configuration)
    for path in paths:
        role, _, name = path.partition("/")
        _setting(_role(root, role, instances), name).set("value", BEFORE)
    return _written(root)


def _role(root: etree._Element, name: str, instances: int) -> etree._Element:
    found = next((each for each in root.findall(_tag("Role")) if each.get("name") == name), None)
    if found is None:
        found = etree.SubElement(root, _tag("Role"), name=name)
        etree.SubElement(found, _tag("Instances"), count=str(instances))
    return found


def _setting(role: etree._Element, name: str) -> etree._Element:
    listed = role.find(_tag("ConfigurationSettings"))
    if listed is None:
        listed = etree.SubElement(role, _tag("ConfigurationSettings"))
    found = next((each for each in listed if each.get("name") == name), None)
    return etree.SubElement(listed, _tag("Setting"), name=name) if found is None else found


def _written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _tag(name: str) -> str:
    return f"{{{CONFIGURATION_NAMESPACE}}}{name}"


def _deployment(fabric: Fabric, service: str, slot: Slot, release: Release, domains: int) -> Deployment:
    count, name = layout.domain_count(release, domains), f"{service}-{slot.lower()}"
    address_key = sum(len(each.slots) for each in fabric.world.services.values())
    return Deployment(
        service=service,
        name=name,
        slot=slot,
        private_id=layout.private_id(fabric.seed, service, name),
        release=release,
        shown=release,
        instances=layout.instances(address_key, release, count, fabric.knobs),
        domains_defined=domains,
        domain_count=count,
        address_key=address_key,
        created_at=0.0,
        modified_at=0.0,
    )
