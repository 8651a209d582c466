"""The layout of a deployment: how many instances each role has, and in which domain each one lies."""

from typing import Final

from rollout.emulator import chance
from rollout.emulator.fabric_state import Deployment, Instance, Release
from rollout.emulator.knobs import Knobs

_FAULT_DOMAINS: Final = 2


def domain_count(release: Release, domains_defined: int) -> int:
    """Give the effective UpgradeDomainCount: the definition's, but never more than the largest role has instances."""
    return max(1, min(domains_defined, max((count for _, count in release.counts), default=1)))


def instances(address_key: int, release: Release, domains: int, knobs: Knobs) -> list[Instance]:
    """Place every role's instances, each running the release."""
    placed: list[Instance] = []
    for role, count in release.counts:
        for index in range(count):
            domain = index % domains if knobs.domain_spread == "mod" else index * domains // max(count, domains)
            address = instance_address(address_key, len(placed), knobs.instance_net)
            placed.append(Instance(role, index, domain, index % _FAULT_DOMAINS, address, release))
    return placed


def resize(deployment: Deployment, knobs: Knobs, now: float) -> None:
    """Add or remove instances as the release says; a sick instance that stays stays sick."""
    wanted = dict(deployment.release.counts)
    if wanted == _counts(deployment):
        return
    deployment.domain_count = domain_count(deployment.release, deployment.domains_defined)
    present = {(each.role, each.index): each for each in deployment.instances}
    fresh = instances(deployment.address_key, deployment.release, deployment.domain_count, knobs)
    for place, each in enumerate(fresh):
        kept = present.get((each.role, each.index))
        if kept is None:
            each.boot(now, 0.0)
        else:
            kept.domain, kept.address = each.domain, each.address
            fresh[place] = kept
    deployment.instances = fresh


def instance_address(address_key: int, place: int, net: int) -> str:
    """Give an inner address, 10.x.y.4 and up, or 127.x.y.4 and up."""
    number = (address_key << 8) + place + 4
    return f"{net}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def outer_address(address_key: int) -> str:
    """Give a virtual address from the blocks reserved for documentation and benchmarks."""
    if address_key < 254:  # noqa: PLR2004 - the hosts of one block
        return f"203.0.113.{address_key + 1}"
    number = address_key % (1 << 17)
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def private_id(seed: int, service: str, deployment: str) -> str:
    """Give the PrivateID of a deployment, 32 hexadecimal digits."""
    return chance.hex_id(seed, "private", service, deployment)


def _counts(deployment: Deployment) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in deployment.instances:
        counts[each.role] = counts.get(each.role, 0) + 1
    return counts
